package consumer

import (
	"errors"
	"testing"
	"time"
)

// end drains the session, by a stop or by a rebalance, and says how long it took.
func (r *sessionRun) end(stop bool) time.Duration {
	began := time.Now()
	if stop {
		close(r.stop)
	} else {
		r.rebalance()
	}
	return r.took(began)
}

// lettered compares the offsets of the dead letters.
func lettered(t *testing.T, f *fakeLetters, first, last int64) {
	t.Helper()
	seen := map[int64]int{}
	for _, l := range f.taken {
		seen[l.offset]++
	}
	for o := first; o <= last; o++ {
		if seen[o] != 1 {
			t.Errorf("%d dead letters of the record at %d, want 1", seen[o], o)
		}
	}
	if want := last - first + 1; int64(len(f.taken)) != want {
		t.Errorf("%d dead letters, want %d", len(f.taken), want)
	}
}

// A batch that is refused in the drain becomes dead letters before its end,
// although that takes reading its records again.
func TestSession_aDrainDeadLettersWhatIsRefused(t *testing.T) {
	for name, stop := range map[string]bool{"stop": true, "rebalance": false} {
		t.Run(name, func(t *testing.T) {
			letters := &fakeLetters{}
			runningSession(t, func(r *sessionRun) { r.api.create = only("bad", refusal) }, func(r *sessionRun) {
				time.Sleep(time.Second)
				if took := r.end(stop); took > 5*time.Second || r.unfinished {
					t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
				}
				lettered(t, letters, 2, 3)
				r.offset(4)
			}, func(s *session) { s.cfg.OnRejected, s.letters = DeadLetter, letters })
		})
	}
}

// A rebalance does not wait for a dead-letter topic that is away.
func TestSession_aRebalanceWaitsForNoRefusedBatchWhoseLettersFail(t *testing.T) {
	letters := &fakeLetters{write: func(*letter) error { return errors.New("no leader") }}
	runningSession(t, func(r *sessionRun) { r.api.create = only("bad", refusal) }, func(r *sessionRun) {
		time.Sleep(age + 10*time.Second)
		if took := r.end(false); took > time.Second || !r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(2)
	}, func(s *session) { s.cfg.OnRejected, s.letters = DeadLetter, letters })
}
