package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestListCache_isBounded(t *testing.T) {
	for _, keyBytes := range []int{8, 1000, maxListKey, maxListKey + 1} {
		c := newListCache()
		for i := range 3 * maxLists {
			c.put(fmt.Appendf(nil, "%0*d", keyBytes, i), namespaceList{})
			if len(c.lists) > maxLists || len(c.lists)*keyBytes > maxListBytes {
				t.Fatalf("keys of %d bytes: %d are kept", keyBytes, len(c.lists))
			}
		}
		if kept := len(c.lists); (kept == 0) != (keyBytes > maxListKey) {
			t.Errorf("keys of %d bytes: %d are kept", keyBytes, kept)
		}
	}
}

// TestListCache_countsNamespaces: a list may be many times as large as its text.
func TestListCache_countsNamespaces(t *testing.T) {
	m, err := NewMapper(Settings{Namespace: NamespaceSource{source{kind: sourceField, name: "n"}}, ID: IDSource{source{kind: sourceOffset}}})
	if err != nil {
		t.Fatal(err)
	}
	w := m.Worker()
	const digits = "abcdefghijklmnopqrstuvwxyz0123456789"
	rnd := rand.New(rand.NewPCG(1, 2))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 2000 {
		var list strings.Builder
		for i := 0; list.Len() < maxListKey-8; i++ {
			fmt.Fprintf(&list, `,"%c%c"`, digits[rnd.IntN(len(digits))], digits[i%len(digits)])
		}
		if _, _, rej := w.Line(nil, &Input{Topic: "t", Value: []byte(`{"n":[` + list.String()[1:] + `]}`)}); rej != nil {
			t.Fatalf("rejected: %+v", rej)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 2*maxListBytes {
		t.Errorf("%d bytes are kept", kept)
	}
	runtime.KeepAlive(w)
}

// TestQuote_agreesWithEncodingJSON draws strings from pieces that combine badly.
func TestQuote_agreesWithEncodingJSON(t *testing.T) {
	pieces := []string{`a`, `é`, `😀`, `\n`, `\"`, `\\`, `\/`, `\b\f\r\t`, `\u0041`, `\u00E9`, `\ud83d`, `\uDE00`, `\uffff`, `\u0000`, `ud83d`}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		var inner strings.Builder
		for range rnd.IntN(6) {
			inner.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		token := `"` + inner.String() + `"`
		var want, again string
		if err := json.Unmarshal([]byte(token), &want); err != nil {
			t.Fatalf("%s: %v", token, err)
		}
		text := appendUnquoted(nil, []byte(inner.String()))
		if string(text) != want {
			t.Fatalf("%s: got %q, want %q", token, text, want)
		}
		quoted, ok := AppendString(nil, text)
		if err := json.Unmarshal(quoted, &again); err != nil || again != want || !ok || len(quoted) != StringLen(text) {
			t.Fatalf("%s: quoted to %s, %q, %v", token, quoted, again, err)
		}
		if end := stringEnd([]byte(" "+token+`,"`), 1); end != 1+len(token) {
			t.Fatalf("%s: ends at %d", token, end)
		}
	}
}

// TestAppendString_agreesWithEncodingJSON draws texts, some of which are not UTF-8.
func TestAppendString_agreesWithEncodingJSON(t *testing.T) {
	pieces := []string{"plain text ", `"`, `\`, "\n\t\r", "\x00\x1f", "\x7f", "é", "日本", "😀", "\u2028", "<&>", "\xc3", "\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		var text []byte
		for range rnd.IntN(8) {
			if piece := pieces[rnd.IntN(len(pieces))]; utf8.ValidString(piece) || rnd.IntN(10) == 0 {
				text = append(text, piece...)
			}
		}
		quoted, ok := AppendString([]byte("x"), text)
		if ok != utf8.Valid(text) {
			t.Fatalf("%q: taken for UTF-8: %t", text, ok)
		}
		if !ok {
			continue
		}
		var again string
		if err := json.Unmarshal(quoted[1:], &again); err != nil || again != string(text) || len(quoted)-1 != StringLen(text) {
			t.Fatalf("%q: quoted to %s, %v", text, quoted, err)
		}
	}
}

// TestScanner_oddRecordsLeaveNoMemory: scratch does not stay as large as the
// largest record.
func TestScanner_oddRecordsLeaveNoMemory(t *testing.T) {
	var id IDSource
	if err := id.UnmarshalText([]byte("key")); err != nil {
		t.Fatal(err)
	}
	m, err := NewMapper(Settings{Namespace: NamespaceSource{source{kind: sourceTopic}}, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	w := m.Worker()
	long := strings.Repeat(`\n`, 1<<20)
	for _, in := range []Input{
		{Value: []byte(`{"` + long + `":1}`), Key: []byte(long)},
		{Value: []byte("{" + strings.Repeat(`"id":1,`, 10_000) + `"id":1}`), Key: []byte("k")},
		{Value: []byte("{}"), Key: []byte("k")},
	} {
		in.Topic = "t"
		if _, _, rej := w.Line(nil, &in); rej != nil {
			t.Fatalf("rejected: %+v", rej)
		}
	}
	if kept := cap(w.id.token) + cap(w.scan.text) + cap(w.scan.ids); kept > 1024 {
		t.Errorf("scratch of %d is kept", kept)
	}
}

// TestPlain_everyByteEverywhere puts every byte, and every pair of a special byte
// and another behind it, at every place of a run of plain content.
func TestPlain_everyByteEverywhere(t *testing.T) {
	isSpecial := func(c byte) bool { return c < ' ' || c >= 0x80 || c == '"' || c == '\\' }
	for n := range 75 {
		data := bytes.Repeat([]byte("~! z"), 20)[:n]
		for at := range n {
			kept := data[at]
			for c := range 256 {
				data[at] = byte(c)
				want := n
				if isSpecial(byte(c)) {
					want = at
				}
				if got := plain(data, 0); got != want {
					t.Fatalf("byte %#x at %d of %d: got %d", c, at, n, got)
				}
				if got := plain(data, at); got != want {
					t.Fatalf("byte %#x at %d of %d, from there: got %d", c, at, n, got)
				}
			}
			for _, first := range []byte{0, 0x1f, '"', '\\', 0x80, 0xdc, 0xff} {
				data[at] = first
				if got := plain(data, at/2); got != at {
					t.Fatalf("byte %#x at %d of %d: got %d", first, at, n, got)
				}
			}
			data[at] = kept
		}
	}
}
