package session

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/process"
)

// inDoubt feeds a batch of the namespace bad whose body is taken and denied, so that
// it may be stored. The namespace rests after each attempt.
func inDoubt(r *sessionRig, rest time.Duration) *imports.Namespace {
	r.t.Helper()
	r.api.put = func(i *fakeImport) Outcome {
		o := takenAndDenied(r, isBad)(i)
		o.Delay = rest
		return o
	}
	r.feed(0, runOf("bad", 0, 9)...)
	n := r.lines.Lookup("bad")
	if n == nil || len(n.Uploads) != 1 || !n.Uploads[0].Ambiguous() {
		r.t.Fatal("no batch may be stored: the test shows nothing")
	}
	return n
}

func anyBatch(*imports.Namespace, *imports.Upload) bool { return true }

// awaits reports whether a call is in flight, for which a drain waits.
func (r *sessionRig) awaits() bool { return r.Pacer.InFlight() > 0 }

// The API is asked once after each attempt what became of it, and its answer is awaited.
// Where there was none it is asked again after a while.
func TestAmbiguous_isAskedOnceAfterEachAttempt(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n := inDoubt(r, time.Minute)
		ask := func(when string, asking bool, asked int) {
			t.Helper()
			for _, again := range []string{"", ", a second time"} {
				if r.attempts.AskAmbiguous(time.Now(), anyBatch); r.awaits() != asking {
					t.Errorf("%s%s: an answer is awaited: %t, want %t", when, again, r.awaits(), asking)
				}
			}
			if r.settleDown(); r.api.asked["bad"] != asked {
				t.Errorf("%s: %d questions, want %d", when, r.api.asked["bad"], asked)
			}
		}
		tried := func(puts int) {
			t.Helper()
			if r.after(time.Minute + time.Second); r.api.puts["bad"] != puts || n.Uploads[0].MayLeave() {
				t.Errorf("%d attempts, want %d; the batch may leave memory: %t", r.api.puts["bad"], puts, n.Uploads[0].MayLeave())
			}
		}
		r.lines.ReliefAt = time.Now().Add(time.Hour)
		ask("after the first attempt", true, 1)
		if r.lines.ReliefAt.After(time.Now()) {
			t.Error("memory is not looked for when an answer may have freed some")
		}
		ask("when nobody could tell", false, 1)
		tried(2)
		ask("after the second attempt", true, 2)
		r.api.ask = unanswered
		tried(3)
		ask("after the third attempt", true, 3)
		ask("when there was no answer", false, 3)
		r.after(r.Config.MaxBackoff)
		ask("a while after there was no answer", true, 4)
	})
}

// A question for which there is no slot is asked once there is one; until then a drain
// waits for what has the slots.
func TestAmbiguous_aQuestionThatWaitsForASlotIsAsked(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		inDoubt(r, time.Hour)
		r.api.takes = time.Minute
		r.feed(1, runOf("good", 0, 9)...)
		if r.attempts.AskAmbiguous(time.Now(), anyBatch); r.Pacer.InFlight() != 1 {
			t.Errorf("%d calls are in flight, want the import", r.Pacer.InFlight())
		}
		r.after(time.Minute)
		if r.attempts.AskAmbiguous(time.Now(), anyBatch); !r.awaits() {
			t.Error("the API is not asked though there is a slot")
		}
		if r.settleDown(); r.api.asked["bad"] != 1 {
			t.Errorf("%d questions, want 1", r.api.asked["bad"])
		}
	}, func(c *process.Config) { c.UploadConcurrency = 1 })
}

// Batches of which nobody says what became of them may hold half of the budget. What
// they hold beyond that leaves memory, the oldest first, and nothing else does.
func TestAmbiguous_onlyWhatIsBeyondHalfOfTheBudgetLeaves(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.ask, r.api.put = unanswered, takenAndDenied(r, isBad)
		doubt := func(from, to int64) {
			for ns := from; ns < to; ns++ {
				r.feed(0, lengthened(runOf(fmt.Sprint("bad", ns), 10*ns, 10*ns+9), 90<<10)...)
				r.after(time.Second)
				r.attempts.AskAmbiguous(time.Now(), anyBatch)
				r.settleDown()
			}
		}
		held := func(namespaces int) (each []int64, sum int64) {
			for ns := range namespaces {
				var bytes int64
				for b := range r.lines.Namespace(fmt.Sprint("bad", ns)).Sealed() {
					bytes += b.Memory()
				}
				each, sum = append(each, bytes), sum+bytes
			}
			return each, sum
		}
		const few, many = 3, 10
		doubt(0, few)
		before, _ := held(few)
		r.attempts.LeaveDoubtful(time.Now())
		if after, _ := held(few); !slices.Equal(before, after) {
			t.Errorf("%v bytes were held, of %d, and now %v", before, r.Budget.Limit(), after)
		}
		doubt(few, many)
		half := r.Budget.Limit() / 2
		before, sum := held(many)
		if sum <= half {
			t.Fatalf("%d bytes are held of %d: the test shows nothing", sum, r.Budget.Limit())
		}
		r.attempts.LeaveDoubtful(time.Now())
		after, sum := held(many)
		left := 0
		for left < many && after[left] == 0 {
			left++
		}
		if left == 0 || !slices.Equal(after[left:], before[left:]) || sum > half || sum+before[left-1] <= half {
			t.Errorf("%v bytes were held, and now %v: want the oldest to leave, until they hold %d", before, after, half)
		}
		r.api.put, r.api.ask = nil, nil
		r.after(10 * time.Minute)
		r.watermark(0, 10*many)
	})
}

// A drain asks once about each batch that it gives up, and about no other: what it will
// try again answers for itself.
func TestAmbiguous_aDrainAsksAboutWhatItGivesUp(t *testing.T) {
	const soon, late = 10 * time.Second, time.Hour
	held := func(n *imports.Namespace) {
		n.Refuse(time.Now(), "upload_422", soon, errors.New("unprocessable"))
	}
	for _, tc := range []struct {
		name  string
		why   assignment.DrainReason
		rest  time.Duration
		given func(*imports.Namespace)
		asked bool
	}{
		{"a rebalance, what rests", assignment.ForRebalance, soon, nil, true},
		{"a stop, what is tried again", assignment.ForShutdown, soon, nil, false},
		{"a stop, what rests beyond its end", assignment.ForShutdown, late, nil, true},
		{"a stop, what is held", assignment.ForShutdown, soon, held, true},
		{"a stop, what takes too long", assignment.ForShutdown, soon, func(n *imports.Namespace) { n.TooSlow = true }, true},
		{"what has been asked about without an answer", assignment.ForRebalance, late, func(n *imports.Namespace) { n.Uploads[0].Fate = imports.FateUnknown }, false},
		{"what has been asked about and nobody can tell", assignment.ForRebalance, late, func(n *imports.Namespace) { n.Uploads[0].Fate = imports.FateUnproven }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				n := inDoubt(r, tc.rest)
				if tc.given != nil {
					tc.given(n)
				}
				if r.attempts.AskBeforeEnd(time.Now()); r.awaits() {
					t.Error("it is asked about before the drain")
				}
				r.beginDrain(tc.why, time.Now())
				if r.attempts.AskBeforeEnd(r.Drain.Deadline); r.awaits() {
					t.Error("it is asked about when the drain is over")
				}
				if r.attempts.AskBeforeEnd(time.Now()); r.awaits() != tc.asked {
					t.Errorf("an answer is awaited: %t, want %t", r.awaits(), tc.asked)
				}
				r.settleDown()
				if got := r.api.asked["bad"]; (got == 1) != tc.asked || got > 1 {
					t.Errorf("it is asked about %d times", got)
				}
				if r.attempts.AskBeforeEnd(time.Now()); r.awaits() {
					t.Error("it is asked about again")
				}
			})
		})
	}
}
