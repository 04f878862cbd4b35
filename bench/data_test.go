package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestGenerator_recordsAreWhatTheShapeSays(t *testing.T) {
	for _, size := range []int{minRecord, 300, 1 << 10, 16 << 10} {
		g := newGenerator(shape{record: size, namespaces: 20})
		ids, counts, sum := map[string]bool{}, map[string]int{}, 0
		const records = 3000
		for n := range records {
			line, namespace := g.next(n, int64(1795466847123456+n))
			var r struct {
				At        int64
				ID        string
				Namespace string
			}
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("record of %d bytes: %v: %s", size, err, line)
			}
			if r.Namespace != namespace || r.At != int64(1795466847123456+n) || ids[r.ID] {
				t.Fatalf("record %d is %s, namespace %q", n, line, namespace)
			}
			ids[r.ID], counts[namespace], sum = true, counts[namespace]+1, sum+len(line)
		}
		if mean := sum / records; mean < size*9/10 || mean > size*11/10 {
			t.Errorf("records of %d bytes have %d in the mean", size, mean)
		}
		if first, tenth := counts["ns-00000"], counts["ns-00009"]; first < 7*tenth || first > 14*tenth {
			t.Errorf("the first namespace has %d records and the tenth %d: not the skew", first, tenth)
		}
	}
}

func TestGenerator_isTheSameEachTime(t *testing.T) {
	a, b := newGenerator(shape{record: 500, namespaces: 7}), newGenerator(shape{record: 500, namespaces: 7})
	for n := range 100 {
		x, _ := a.next(n, 1)
		if y, _ := b.next(n, 1); string(x) != string(y) {
			t.Fatalf("record %d: %s and %s", n, x, y)
		}
	}
}

func TestAppendPadded(t *testing.T) {
	for _, tc := range []struct {
		n    int64
		want string
	}{{0, "x0000"}, {7, "x0007"}, {1234, "x1234"}, {98765, "x8765"}} {
		if got := string(appendPadded([]byte("x"), tc.n, 4)); got != tc.want {
			t.Errorf("%d: %s, want %s", tc.n, got, tc.want)
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "records.jsonl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadRecords(t *testing.T) {
	f, err := readRecords(writeFile(t, `{"id":"1","to":{"name":"x"}}`+"\n"+` { "id":"2","to":{"name":"y"}} `+"\n"), "to.name")
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []string{"x", "y", "x"} {
		line, namespace := f.next(n, 1795466847123456)
		if namespace != want || !json.Valid(line) {
			t.Errorf("record %d is %s, namespace %q, want %q", n, line, namespace, want)
		}
		if at, ok := lineTime(line); !ok || at != 1795466847123456 {
			t.Errorf("record %d is from %d (%v)", n, at, ok)
		}
	}
}

func TestReadRecords_saysWhatIsWrong(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"not JSON", "{\"to\":\"x\"}\n{oops", "line 2"},
		{"no such field", `{"id":"1"}`, `no string at "to"`},
		{"a number", `{"to":7}`, `no string at "to"`},
		{"not an object", `["to"]`, `no string at "to"`},
		{"nothing", "", "is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := readRecords(writeFile(t, tc.text), "to"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
