package main

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
)

const output = `goos: linux
cpu: AMD EPYC
BenchmarkAdd/20_skewed_namespaces   	  100	       336.5 ns/op	3043.07 MB/s	       0 B/op
BenchmarkAdd/20_skewed_namespaces   	  100	       340.0 ns/op
BenchmarkCatchUp/namespaces=1000 	       1	    742705 ns/op	       742.7 ns/namespace
BenchmarkBroken
--- BENCH: BenchmarkX
PASS
`

func TestParseBenchmarks(t *testing.T) {
	got := parseBenchmarks(output)
	want := []measurement{{"BenchmarkAdd/20_skewed_namespaces", 336.5}, {"BenchmarkAdd/20_skewed_namespaces", 340}, {"BenchmarkCatchUp/namespaces=1000", 742705}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

func TestExactly(t *testing.T) {
	for _, level := range strings.Split(exactly("BenchmarkX/a=1.5/b"), "/") {
		if _, err := regexp.Compile(level); err != nil || level[0] != '^' {
			t.Errorf("%q: %v", level, err)
		}
	}
	if got := exactly("BenchmarkX/a.b"); got != `^BenchmarkX$/^a\.b$` {
		t.Errorf("got %s", got)
	}
}

// compared is a comparison of one package with these measurements.
func compared(t *testing.T, old, now []measurement) *comparison {
	t.Helper()
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newComparison(o)
	c.log, c.suites = io.Discard, []suite{{folder: "internal/x"}}
	for _, m := range old {
		c.add(0, m, false)
	}
	for _, m := range now {
		c.add(0, m, true)
	}
	return c
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name     string
		old, now []measurement
		slower   bool
		table    string
	}{
		{"the same", []measurement{{"A", 100}}, []measurement{{"A", 100}}, false, "1.000 "},
		{"within the limit", []measurement{{"A", 100}}, []measurement{{"A", 114}}, false, "1.140 "},
		{"above it", []measurement{{"A", 100}}, []measurement{{"A", 116}}, true, "1.160 SLOW"},
		{"disturbed runs of the new build do not count", []measurement{{"A", 100}}, []measurement{{"A", 900}, {"A", 101}}, false, "1.010 "},
		{"nor do those of the old one", []measurement{{"A", 900}, {"A", 100}}, []measurement{{"A", 130}}, true, "1.300 SLOW"},
		{"new, without a baseline", nil, []measurement{{"A", 100}}, false, "new "},
		{"one lucky measurement of the old build", []measurement{{"A", 70}, {"A", 100}, {"A", 100}, {"A", 100}, {"A", 101}}, []measurement{{"A", 100}, {"A", 100}, {"A", 101}, {"A", 103}, {"A", 103}}, false, "1.000 "},
		{"gone", []measurement{{"A", 100}}, nil, false, "gone "},
		{"one of two", []measurement{{"A", 100}, {"B", 10}}, []measurement{{"A", 100}, {"B", 13}}, true, "1.300 SLOW"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := compared(t, tc.old, tc.now)
			if err := c.verdict(); errors.Is(err, errSlower) != tc.slower || err != nil && !tc.slower {
				t.Errorf("verdict: %v", err)
			}
			if !strings.Contains(c.table(), tc.table) {
				t.Errorf("no %q in\n%s", tc.table, c.table())
			}
		})
	}
}

func TestVerdict_nothingWasMeasured(t *testing.T) {
	if err := compared(t, nil, nil).verdict(); err == nil || errors.Is(err, errSlower) {
		t.Errorf("got %v", err)
	}
}
