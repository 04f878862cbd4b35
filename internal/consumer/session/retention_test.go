package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/kafka"
)

// What is removed from the log of a partition that waits for a person, or from one that
// may be of another topic, is not counted as lost. Should the topic prove to be the
// same, it is, as far as the partition was read.
func TestSession_countsWhatIsRemovedOfWhatItReads(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.listen()
		for n := range int32(2) {
			r.feed(n, poison(0, 1)...)
		}
		r.assignment.HoldOut(r.part(0), errors.New("offset 2 is out of range"))
		r.assignment.Lose(r.part(1), kafka.CodeUnknownTopicID)
		r.remove(0, 50)
		r.remove(1, 50)
		lost := func(want float64) {
			t.Helper()
			r.after(2 * maxSleep)
			if got := testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")); got != want {
				t.Errorf("%v records are lost, want %v", got, want)
			}
		}
		lost(0)
		r.watermark(0, 0)
		r.watermark(1, 0)
		r.assignment.Found(r.part(1), time.Now())
		lost(2)
		r.watermark(1, 2)
		if text := log.String(); !strings.Contains(text, "from=0 to=2 held_records=2") {
			t.Errorf("the log does not say what was removed:\n%s", text)
		}
	})
}

// A namespace whose dropped lines are all removed is forgotten: while they would be tried,
// and while the rest of them would follow.
func TestSession_aNamespaceWhoseLinesAreRemovedIsForgotten(t *testing.T) {
	for name, answers := range map[string]int{"while one batch is tried": 0, "while the rest follows": 1} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, runOf("bad", 0, 29)...)
				r.after(age)
				r.answers, r.api.create = answers, nil
				r.after(2 * r.Config.HoldProbeInterval)
				n := r.lines.Lookup("bad")
				if n == nil || n.Shed[r.part(0)] == nil || n.Shed[r.part(0)].First != 10*int64(answers) {
					t.Fatalf("%d batches should be read back: %+v", answers, n)
				}
				r.remove(0, 30)
				r.after(2 * maxSleep)
				r.watermark(0, 30)
				if n := r.lines.Lookup("bad"); n != nil {
					t.Errorf("it is known still: in state %d", n.State())
				}
				r.lines.CatchUp.Task = nil // which finds nothing
				r.turn(time.Now())
				if got := len(r.lines.CatchUp.Namespaces); got != 0 || r.lines.CatchUp.Task != nil {
					t.Errorf("%d namespaces wait for lines, and a read for them is under way: %t", got, r.lines.CatchUp.Task != nil)
				}
			})
		})
	}
}

// What retention removes of a refused batch becomes no dead letter, and nobody waits for
// it; what is left does. A leader that says so of a log that has it all is asked again,
// but not at once.
func TestSession_deadLettersOfWhatIsRemovedAreNotAwaited(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(*fakeImport) Outcome { return refusal }
		r.answers = 0
		r.feed(0, runOf("a", 0, 9)...)
		outOfRange := func() {
			t.Helper()
			if r.lines.CatchUp.Task == nil {
				t.Fatal("the records are not read")
			}
			for len(r.lines.CatchUp.Reader.Jobs) > 0 {
				<-r.lines.CatchUp.Reader.Jobs
			}
			r.intake.catchUpOver(r.lines.CatchUp.Task, &fetch.Fault{Kind: fetch.FaultOutOfRange, Err: kafka.CodeOffsetOutOfRange}, time.Now())
		}
		outOfRange()
		if r.turn(time.Now()); r.lines.CatchUp.Task != nil {
			t.Error("it is asked for again at once")
		}
		r.after(fetch.MaxBackoff)
		r.remove(0, 6)
		outOfRange()
		r.answers = 1
		r.after(time.Minute)
		lettered(t, r.letters, 6, 9)
		r.watermark(0, 10)
		if got := r.metric("bridge_records_lost_total", "orders"); got != 6 {
			t.Errorf("%v records count as lost, want 6", got)
		}

		r.answers = 0
		r.feed(0, runOf("a", 10, 19)...)
		r.remove(0, 20)
		outOfRange()
		if r.after(time.Second); len(r.lines.CatchUp.Refused) != 0 || r.part(0).Ledger.Watermark() != 20 {
			t.Errorf("%d refused batches wait, the watermark is %d, want none and 20", len(r.lines.CatchUp.Refused), r.part(0).Ledger.Watermark())
		}
		if got := r.metric("bridge_records_lost_total", "orders"); got != 16 {
			t.Errorf("%v records count as lost, want 16", got)
		}
	}, refusedToLetters)
}

// Held records are looked for after a while, and again after as long.
func TestSession_looksForHeldRecordsNowAndThen(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, poison(0, 0)...)
		began := time.Now()
		for _, step := range []struct {
			at    time.Duration
			looks int
		}{
			{lookInterval - maxSleep, 0}, {lookInterval + 4*maxSleep, 1},
			{2*lookInterval - maxSleep, 1}, {2*lookInterval + 8*maxSleep, 2},
		} {
			if r.after(step.at - time.Since(began)); r.jobs != step.looks {
				t.Errorf("%d looks after %s, want %d", r.jobs, step.at, step.looks)
			}
		}
	})
}

// A look that was due is not made once the session drains, or the partition's topic may
// be another one.
func TestSession_looksOnlyAtWhatItReads(t *testing.T) {
	for name, tc := range map[string]struct {
		happens func(*sessionRig)
		looks   bool
	}{
		"nothing":                 {func(*sessionRig) {}, true},
		"the session drains":      {func(r *sessionRig) { r.beginDrain(assignment.ForRebalance, time.Now()) }, false},
		"the partition is lost":   {func(r *sessionRig) { r.assignment.Lose(r.part(0), kafka.CodeUnknownTopicID) }, false},
		"another one is lost":     {func(r *sessionRig) { r.assignment.Lose(r.part(1), kafka.CodeUnknownTopicID) }, true},
		"the partition is mended": {func(r *sessionRig) { r.assignment.Mend(r.part(0)) }, true},
	} {
		inSession(t, func(r *sessionRig) {
			r.lines.CatchUp.Look = &imports.CatchUpTask{Partition: r.part(0), CatchUpJob: &fetch.CatchUpJob{Cursor: r.part(0).Cursor, Presence: true}}
			tc.happens(r)
			if look := r.intake.takeLook(); (look != nil) != tc.looks || r.lines.CatchUp.Look != nil {
				t.Errorf("%s: the look is made: %t, and waits: %t", name, look != nil, r.lines.CatchUp.Look != nil)
			}
		})
	}
}
