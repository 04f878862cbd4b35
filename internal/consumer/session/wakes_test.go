package session

import (
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/test/recordbatch"
)

// fillMemory leaves nothing of the buffer budget, until it is called back.
func (r *sessionRig) fillMemory() (free func()) {
	n := r.Budget.Free()
	r.Budget.Charge(budget.Marks, n)
	return func() { r.Budget.Charge(budget.Marks, -n) }
}

// TestSession_wakesForWhatIsDue: no event brings what the clock alone makes possible, and
// to find it at the next beat of the loop would be seconds too late.
func TestSession_wakesForWhatIsDue(t *testing.T) {
	for _, tc := range []struct {
		what    string
		prepare func(*sessionRig)
		want    time.Duration
	}{
		{"nothing", func(*sessionRig) {}, maxSleep},
		{"a batch of age", func(r *sessionRig) {
			r.feed(0, recordbatch.InNS(0, "a"))
			time.Sleep(age - time.Second)
		}, time.Second},
		{"the end of a namespace's rest", func(r *sessionRig) {
			r.api.create = only("a", overloaded)
			r.feed(0, runOf("a", 0, 9)...)
			time.Sleep(overloaded.Delay - time.Second)
		}, time.Second},
		{"another look for memory that a chunk waits for", func(r *sessionRig) {
			r.fillMemory()
			r.feed(0, recordbatch.InNS(0, "a"))
			r.lines.ReliefAt = time.Now().Add(time.Second)
		}, time.Second},
		{"another catch-up read after one that failed", func(r *sessionRig) { r.lines.CatchUp.RestUntil = time.Now().Add(time.Second) }, time.Second},
		{"another commit after one that failed", func(r *sessionRig) {
			r.commits.Answer(assignment.CommitResult{Err: errAway})
			r.commits.Schedule.Touch()
		}, 250 * time.Millisecond},
		{"a receipt that a drain waits for", func(r *sessionRig) {
			r.Receipts = &fakeReceipts{}
			r.feed(0, runOf("a", 0, 9)...)
			r.beginDrain(assignment.ForRebalance, time.Now())
		}, imports.ReceiptPoll},
		{"the end of a drain", func(r *sessionRig) {
			r.beginDrain(assignment.ForRebalance, time.Now())
			time.Sleep(r.Config.DrainBudget() - time.Second)
		}, time.Second},
	} {
		t.Run(tc.what, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				tc.prepare(r)
				now := time.Now()
				if got := r.nextEvent(now).Sub(now); got != tc.want {
					t.Errorf("the loop sleeps for %s, want %s", got, tc.want)
				}
			})
		})
	}
}

// An answer or a batch that is larger than what reading always has is read as soon as
// there is room, not at the next beat of the loop.
func TestSession_aRequestForMemoryWakesTheLoop(t *testing.T) {
	for _, what := range []string{"an answer", "a batch"} {
		t.Run(what, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				from := r.Fetched
				if what == "a batch" {
					from = r.Inflated
				}
				r.settleDown()
				r.timer.Reset(maxSleep)
				var large *fetch.Buffer
				go func() { large, _ = from.Lend(r.t.Context(), from.Ceiling) }()
				synctest.Wait()
				began := time.Now()
				r.event()
				r.turn(time.Now())
				if synctest.Wait(); large == nil || time.Since(began) > 0 {
					r.t.Fatalf("it has to wait for %s; lent: %t", time.Since(began), large != nil)
				}
				large.Release()
			})
		})
	}
}

// A chunk that waits for memory is tried again at each turn of the loop: that begins no
// new wait, and one that has ended is no part of the next.
func TestSession_aWaitForMemoryIsOneWait(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		full := func(when string, want bool) {
			t.Helper()
			if got := r.memory.memoryFull(time.Now()); got != want {
				t.Errorf("%s: reading has waited for memory for long: %t, want %t", when, got, want)
			}
		}
		r.api.create = only("a", overloaded)
		r.feed(0, runOf("a", 0, 9)...)
		r.after(time.Second)
		r.feed(0, runOf("good", 10, 19)...)
		r.memory.relieve(1<<40, time.Now())
		if n := r.lines.Lookup("a"); n == nil || !n.Dropped() {
			r.t.Fatal("no line has left memory")
		}
		r.api.create = nil
		free := r.fillMemory()
		r.after(overloaded.Delay)
		if r.memory.pending == nil || r.memory.pending.CatchUp == nil {
			r.t.Fatal("no catch-up read waits for memory")
		}
		full("at once", false)
		r.after(fullAfter)
		full("after a while", true)
		free()
		r.after(time.Minute)
		r.stored("a", offsets(0, 9)...)
		r.fillMemory()
		r.feed(0, runOf("good", 20, 29)...)
		if r.memory.pending == nil {
			r.t.Fatal("nothing waits for memory")
		}
		full("at the next wait", false)
	})
}
