package main

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func tallyOf(lines map[string][]string) *tally {
	t := newTally()
	for namespace, all := range lines {
		for _, line := range all {
			t.addLine(namespace, []byte(line))
		}
	}
	return t
}

func TestCompare(t *testing.T) {
	produced := map[string][]string{"a": {"one", "two", "three"}, "b": {"four"}}
	for _, tc := range []struct {
		name   string
		stored map[string][]string
		want   string // in the error; empty is none
	}{
		{"all of it in another order", map[string][]string{"a": {"three", "one", "two"}, "b": {"four"}}, ""},
		{"a line is missing", map[string][]string{"a": {"one", "two"}, "b": {"four"}}, "1 lines are missing"},
		{"a line is there twice", map[string][]string{"a": {"one", "two", "three"}, "b": {"four", "four"}}, "1 lines are too many"},
		{"a repeat in one namespace does not make up for a loss in another", map[string][]string{"a": {"one", "two"}, "b": {"four", "four"}}, "1 lines are missing; 1 lines are too many"},
		{"a repeat does not make up for a loss in the same namespace", map[string][]string{"a": {"one", "two", "two"}, "b": {"four"}}, "other lines than were produced: a"},
		{"a line of the same length is another one", map[string][]string{"a": {"one", "two", "thRee"}, "b": {"four"}}, "other lines than were produced: a"},
		{"lines went to a namespace that nobody named", map[string][]string{"a": {"one", "two", "three"}, "b": {"four"}, "c": {"five"}}, "1 lines are too many"},
		{"nothing is stored", nil, "4 lines are missing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tallyOf(produced).compare(tallyOf(tc.stored)).err()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// However a body is cut into pieces, it holds the same lines.
func TestScanner_agreesWithWholeLines(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		want, body := newTally(), []byte(nil)
		for range rng.IntN(20) {
			line := appendTime(nil, rng.Int64N(1e15))
			line = append(line, strings.Repeat("x", rng.IntN(90))...)
			want.addLine("a", line)
			body = append(append(body, line...), '\n')
		}
		unended := len(body) > 0 && rng.IntN(2) == 0
		if unended {
			body = body[:len(body)-1]
		}
		s := scanner{timed: true}
		for rest := body; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			s.write(rest[:n])
			rest = rest[n:]
		}
		if got := s.close(); got != unended {
			t.Errorf("a body's unended last line: %v, want %v", got, unended)
		}
		if s.count != want.total {
			t.Fatalf("counted %+v, want %+v", s.count, want.total)
		}
		if int64(len(s.times)) != s.lines {
			t.Fatalf("%d timestamps of %d lines", len(s.times), s.lines)
		}
	}
}

func TestScanner_timestamps(t *testing.T) {
	s := scanner{timed: true}
	s.write([]byte(`{"at":0000000000000042,"id":"x"}` + "\n" + `{"id":"y"}` + "\n\n" + `{"at":1795466847123456,"id":"z"}` + "\n"))
	if len(s.times) != 2 || s.times[0] != 42 || s.times[1] != 1795466847123456 {
		t.Errorf("got %v", s.times)
	}
	if s.lines != 4 {
		t.Errorf("counted %d lines, want 4", s.lines)
	}
}

func TestDelays_leaveTheWarmUpOut(t *testing.T) {
	from := time.UnixMicro(1_000_000)
	got := delays([]int64{999_999, 1_000_000, 1_500_000}, from, from.Add(time.Second))
	if len(got) != 2 || got[0] != time.Second || got[1] != time.Second/2 {
		t.Errorf("got %v", got)
	}
}
