package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/record"
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
		seen[l.Offset]++
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
			}, func(s *Session) { s.Config.OnRejected, s.Letters = record.DeadLetter, letters })
		})
	}
}

// A drain in the middle of a refused batch waits for the rest of its records:
// the next owner would dead-letter those before them again.
func TestSession_aDrainEndsADeadLetteredBatch(t *testing.T) {
	const write = 5 * time.Second
	for name, stop := range map[string]bool{"stop": true, "rebalance": false} {
		t.Run(name, func(t *testing.T) {
			letters := &fakeLetters{takes: write}
			runningSession(t, func(r *sessionRun) {
				r.api.create = only("bad", refusal)
				value := fmt.Sprintf(`{"id":"x","ns":"bad","large":%q}`, strings.Repeat("x", 1<<10))
				for range 20 {
					r.Produce("orders", 0, kgo.NoCompression(), slices.Repeat([]string{value}, 30)...)
				}
			}, func(r *sessionRun) {
				time.Sleep(age + write/2) // during the first write
				if took := r.end(stop); took > 4*write || r.unfinished {
					t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
				}
				lettered(t, letters, 2, 603)
				r.offset(604)
			}, func(s *Session) {
				// There is room for a part of the records at a time.
				s.Config.OnRejected, s.Letters, s.Config.Fetch.MaxBytes = record.DeadLetter, letters, 64<<10
			})
		})
	}
}

// A rebalance does not wait for a dead-letter topic that is away.
func TestSession_aRebalanceWaitsForNoRefusedBatchWhoseLettersFail(t *testing.T) {
	letters := &fakeLetters{write: func(*letters.Letter) error { return errors.New("no leader") }}
	runningSession(t, func(r *sessionRun) { r.api.create = only("bad", refusal) }, func(r *sessionRun) {
		time.Sleep(age + 10*time.Second)
		if took := r.end(false); took > time.Second || !r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(2)
	}, func(s *Session) { s.Config.OnRejected, s.Letters = record.DeadLetter, letters })
}
