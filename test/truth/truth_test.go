package truth

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// game is a Truth with a clock that a test moves.
type game struct {
	*Truth
	now   time.Time
	ids   []ID
	begin int // of the ids, where the topic begins
}

func newGame(bounds Bounds) *game {
	return &game{Truth: New(bounds), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (g *game) wait(d time.Duration) { g.now = g.now.Add(d) }

// recreate makes the topic anew: offsets begin at 0 again, lines stay apart.
func (g *game) recreate() {
	g.Recreate("t")
	g.begin = len(g.ids)
}

// produce appends n records to partition 0, each for the namespaces.
func (g *game) produce(n int, fate Fate, namespaces ...string) {
	for range n {
		number := int64(len(g.ids))
		id := g.Produce(Record{Topic: "t", Fate: fate, Namespaces: namespaces, Line: line(number)})
		g.Acknowledge(id, number-int64(g.begin))
		g.ids = append(g.ids, id)
	}
}

func line(offset int64) []byte { return fmt.Appendf(nil, `{"id":"%d"}`, offset) }

// store stores records, by offset, as one object.
func (g *game) store(namespace string, offsets ...int64) {
	var body []byte
	for _, o := range offsets {
		body = append(append(body, line(o)...), '\n')
	}
	g.Store(namespace, body, g.now)
	g.wait(time.Millisecond)
}

func (g *game) commit(offset int64) {
	g.Commit("t", 0, offset, g.now)
	g.wait(time.Millisecond)
}

// TestFaults_eachIsDetected plays one broken promise per case and wants exactly
// that one to be found: a judge that cannot fail is worth nothing, and so is one
// that always does.
func TestFaults_eachIsDetected(t *testing.T) {
	for _, tc := range []struct {
		name string
		play func(g *game)
		want []Kind
	}{
		{"all is well", func(g *game) {
			g.produce(4, Stored, "a")
			g.store("a", 0, 1)
			g.commit(2)
			g.store("a", 2, 3)
			g.commit(4)
		}, nil},
		{"a topic is made anew", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0, 1)
			g.commit(2)
			g.recreate()
			g.produce(1, Stored, "a")
			g.store("a", 2)
			g.commit(1)
		}, nil},
		{"a record of a topic that was made anew is lost, and the old offset committed", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0, 1)
			g.recreate()
			g.produce(2, Stored, "a")
			g.store("a", 3)
			g.commit(2)
		}, []Kind{CommitAhead, Lost}},
		{"a record is lost", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0)
		}, []Kind{Lost}},
		{"a record is lost in one of its namespaces", func(g *game) {
			g.produce(1, Stored, "a", "b")
			g.store("a", 0)
		}, []Kind{Lost}},
		{"a record is in all of its namespaces", func(g *game) {
			g.produce(1, Stored, "a", "b")
			g.store("a", 0)
			g.store("b", 0)
			g.commit(1)
		}, nil},
		{"a record is stored twice", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.store("a", 0)
		}, []Kind{Repeated}},
		{"a record is twice in one object", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0, 0)
		}, []Kind{Repeated}},
		{"a record in flight at a crash is stored twice", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.Crash(g.now)
			g.wait(time.Minute)
			g.store("a", 0)
		}, []Kind{RepeatedAfterCrash}},
		{"a record stored long before a crash is stored twice", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.wait(time.Minute)
			g.Crash(g.now)
			g.store("a", 0)
		}, []Kind{Repeated}},
		{"a crash excuses one repeat, not the next", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.Crash(g.now)
			g.wait(time.Minute)
			g.store("a", 0)
			g.wait(time.Minute)
			g.store("a", 0)
		}, []Kind{Repeated, RepeatedAfterCrash}},
		{"a line is altered", func(g *game) {
			g.produce(1, Stored, "a")
			g.Store("a", []byte("{\"id\": \"0\"}\n"), g.now)
		}, []Kind{Lost, Unexpected}},
		{"a record is in a namespace that is not its own", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.store("b", 0)
		}, []Kind{Unexpected}},
		{"the last line has no newline", func(g *game) {
			g.produce(1, Stored, "a")
			g.Store("a", line(0), g.now)
		}, []Kind{Unexpected}},
		{"an object is empty", func(g *game) { g.Store("a", nil, g.now) }, []Kind{Unexpected}},
		{"an aborted record is stored", func(g *game) {
			g.produce(1, LeftOut, "a")
			g.store("a", 0)
		}, []Kind{Unexpected}},
		{"two records change places inside an object", func(g *game) {
			g.produce(3, Stored, "a")
			g.store("a", 0, 2, 1)
		}, []Kind{Reordered, Stale}},
		{"two objects change places", func(g *game) {
			g.produce(4, Stored, "a")
			g.store("a", 2, 3)
			g.store("a", 0, 1)
		}, []Kind{Reordered, Stale}},
		{"other namespaces have an order of their own", func(g *game) {
			g.produce(1, Stored, "a")
			g.produce(1, Stored, "b")
			g.store("b", 1)
			g.store("a", 0)
			g.commit(2)
		}, nil},
		{"an old record is stored again after a newer one", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0, 1)
			g.Crash(g.now)
			g.store("a", 0)
		}, []Kind{RepeatedAfterCrash, Stale}},
		{"all are stored again in their order", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0, 1)
			g.Crash(g.now)
			g.store("a", 0, 1)
		}, []Kind{RepeatedAfterCrash}},
		{"an object just fits", func(g *game) {
			g.bounds = Bounds{Bytes: 33, Records: 3}
			g.produce(3, Stored, "a")
			g.store("a", 0, 1, 2)
		}, nil},
		{"an object has a byte too many", func(g *game) {
			g.bounds = Bounds{Bytes: 32}
			g.produce(3, Stored, "a")
			g.store("a", 0, 1, 2)
		}, []Kind{Oversize}},
		{"an object has a record too many", func(g *game) {
			g.bounds = Bounds{Records: 2}
			g.produce(3, Stored, "a")
			g.store("a", 0, 1, 2)
		}, []Kind{Oversize}},
		{"a commit passes a record before it is stored", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0)
			g.commit(2)
			g.store("a", 1)
		}, []Kind{CommitAhead}},
		{"a commit passes a record that another namespace still lacks", func(g *game) {
			g.produce(1, Stored, "a", "b")
			g.store("a", 0)
			g.commit(1)
			g.store("b", 0)
		}, []Kind{CommitAhead}},
		{"a commit passes a lost record", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 1)
			g.commit(2)
		}, []Kind{CommitAhead, Lost}},
		{"a commit passes a held record", func(g *game) {
			g.produce(1, Held)
			g.commit(1)
		}, []Kind{CommitAhead}},
		{"a commit stops at a held record", func(g *game) {
			g.produce(1, Stored, "a")
			g.produce(1, Held)
			g.store("a", 0)
			g.commit(1)
		}, nil},
		{"a commit passes what is left out", func(g *game) {
			g.produce(2, LeftOut)
			g.commit(2)
		}, nil},
		{"a held record is stored once a setting allows it", func(g *game) {
			g.produce(1, Held, "a")
			g.produce(1, Stored, "a")
			g.store("a", 1)
			g.commit(0)
			g.Decide(g.ids[0], Stored, g.now)
			g.store("a", 0)
			g.commit(2)
		}, nil},
		{"a held record is passed before it is left out", func(g *game) {
			g.produce(1, Held)
			g.commit(1)
			g.Decide(g.ids[0], LeftOut, g.now)
		}, []Kind{CommitAhead}},
		{"records are taken back and others get their offsets", func(g *game) {
			g.produce(3, Stored, "a")
			g.store("a", 0, 1, 2)
			g.commit(3)
			g.Truncate("t", 0, 1)
			g.begin = 2
			g.produce(1, Stored, "a") // at offset 1
			g.commit(1)
			g.store("a", 3)
			g.commit(2)
		}, nil},
		{"a record that was taken back was passed before it was stored", func(g *game) {
			g.produce(2, Stored, "a")
			g.commit(2)
			g.store("a", 0, 1)
			g.Truncate("t", 0, 1)
		}, []Kind{CommitAhead}},
		{"a new record is not stored, but the one that had its offset was", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 0, 1)
			g.Truncate("t", 0, 1)
			g.begin = 1
			g.produce(1, Stored, "a")
			g.commit(2)
		}, []Kind{CommitAhead, Lost}},
		{"what was owed before a truncation stays owed", func(g *game) {
			g.produce(2, Stored, "a")
			g.store("a", 1)
			g.Truncate("t", 0, 1)
			g.commit(1)
		}, []Kind{CommitAhead, Lost}},
		{"a commit goes back", func(g *game) {
			g.produce(2, LeftOut)
			g.commit(2)
			g.commit(1)
		}, []Kind{CommitBack}},
		{"a dead letter arrives before its commit", func(g *game) {
			g.produce(1, DeadLettered)
			g.DeadLetter("t", 0, 0, g.now)
			g.commit(1)
		}, nil},
		{"a dead letter arrives after its commit", func(g *game) {
			g.produce(1, DeadLettered)
			g.commit(1)
			g.DeadLetter("t", 0, 0, g.now)
		}, []Kind{CommitAhead}},
		{"a dead letter never arrives", func(g *game) { g.produce(1, DeadLettered) }, []Kind{Lost}},
		{"a dead letter arrives twice", func(g *game) {
			g.produce(1, DeadLettered)
			g.DeadLetter("t", 0, 0, g.now)
			g.DeadLetter("t", 0, 0, g.now)
		}, []Kind{DeadLetterRepeated}},
		{"a good record is dead-lettered", func(g *game) {
			g.produce(1, Stored, "a")
			g.store("a", 0)
			g.DeadLetter("t", 0, 0, g.now)
		}, []Kind{Unexpected}},
		{"a record was never acknowledged", func(g *game) {
			g.Produce(Record{Topic: "t", Fate: LeftOut})
		}, []Kind{Harness}},
		{"two records have the same line", func(g *game) {
			for offset := range int64(2) {
				g.Acknowledge(g.Produce(Record{Topic: "t", Fate: LeftOut, Namespaces: []string{"a"}, Line: line(7)}), offset)
			}
		}, []Kind{Harness}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGame(Bounds{})
			tc.play(g)
			var got []Kind
			for _, f := range g.Faults() {
				got = append(got, f.Kind)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("found %v, want %v", g.Faults(), tc.want)
			}
		})
	}
}

func TestFaults_toleratedKindsAreLeftOut(t *testing.T) {
	g := newGame(Bounds{})
	g.produce(2, Stored, "a")
	g.store("a", 0, 0)
	if got := g.Faults(Repeated); len(got) != 1 || got[0].Kind != Lost || got[0].Count != 1 {
		t.Errorf("found %v, want one lost record alone", got)
	}
}

func TestFault_saysWhatAndHowOften(t *testing.T) {
	g := newGame(Bounds{})
	g.produce(3, Stored, "a")
	text := fmt.Sprint(g.Faults())
	if !strings.Contains(text, "lost: 3 times") || !strings.Contains(text, "t/0@0") {
		t.Errorf("got %s", text)
	}
}

func TestMissing_countsDown(t *testing.T) {
	g := newGame(Bounds{})
	g.produce(2, Stored, "a", "b")
	g.produce(1, DeadLettered)
	g.produce(1, Held, "a")
	want := func(n int) {
		t.Helper()
		if got := g.Missing(); got != n {
			t.Errorf("missing %d, want %d", got, n)
		}
	}
	want(3)
	g.store("a", 0, 1)
	want(3)
	g.store("b", 0)
	want(2)
	g.store("b", 0)
	want(2)
	g.DeadLetter("t", 0, 2, g.now)
	want(1)
	g.Decide(g.ids[3], Stored, g.now)
	want(2)
	g.store("b", 1)
	g.store("a", 3)
	want(0)
	if g.Lines() != 6 {
		t.Errorf("%d lines, want 6", g.Lines())
	}
}

func TestCommitted_isTheLatest(t *testing.T) {
	g := newGame(Bounds{})
	if got := g.Committed("t", 0); got != -1 {
		t.Errorf("got %d before any commit, want -1", got)
	}
	g.commit(1)
	g.commit(5)
	if got := g.Committed("t", 0); got != 5 {
		t.Errorf("got %d, want 5", got)
	}
}
