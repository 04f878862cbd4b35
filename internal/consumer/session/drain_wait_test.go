package session

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// A rebalance waits for what is on the wire, and for a first attempt of the rest.
func TestSession_aRebalanceWaitsForFirstAttempts(t *testing.T) {
	const put = 5 * time.Second
	runningSession(t, func(r *sessionRun) { r.api.takes = put }, func(r *sessionRun) {
		time.Sleep(time.Second)
		r.rebalance()
		if took := r.took(time.Now()); took < 2*put || took > 2*put+time.Second || r.unfinished {
			t.Errorf("the drain took %s, want two PUTs, one after the other; unfinished %t", took, r.unfinished)
		}
		r.offset(4)
	}, func(s *Session) { s.Pacer = pace.New(1, s.Config.NamespaceConcurrency) })
}

// A drain waits for nothing that a policy holds: a probe that is under way is
// given up, and no other begins.
func TestSession_aDrainMakesNoProbes(t *testing.T) {
	for _, why := range []string{"stop", "rebalance"} {
		t.Run(why, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(4, "bad-too")))
				r.api.create = func(ns string) Outcome {
					if strings.HasPrefix(ns, "bad") {
						return refusal
					}
					return accepted
				}
				r.api.thinks = 3 * time.Second
			}, func(r *sessionRun) {
				time.Sleep(3*age + time.Second/2) // one probe follows the other
				before, began := r.api.created("bad"), time.Now()
				if why == "stop" {
					close(r.stop)
				} else {
					r.rebalance()
				}
				if took := r.took(began); took > time.Second || r.unfinished {
					t.Errorf("the drain took %s; unfinished %t", took, r.unfinished)
				}
				if probes := r.api.created("bad") - before; probes != 0 {
					t.Errorf("%d probes while draining", probes)
				}
			}, func(s *Session) { s.Config.HoldProbeInterval = time.Second })
		})
	}
}

// An acknowledgement that is on its way is awaited: else the record would be
// produced to the dead-letter topic again by the next owner.
func TestSession_aRebalanceWaitsForDeadLetters(t *testing.T) {
	const write = 5 * time.Second
	letters := &fakeLetters{takes: write}
	runningSession(t, func(r *sessionRun) {
		r.Produce("orders", 0, kgo.NoCompression(), "no JSON")
	}, func(r *sessionRun) {
		time.Sleep(time.Second)
		began := time.Now()
		r.rebalance()
		if took := r.took(began); took < write-2*time.Second || r.unfinished {
			t.Errorf("the drain took %s, want the rest of %s; unfinished %t", took, write, r.unfinished)
		}
		if len(letters.taken) != 1 {
			t.Errorf("%d dead letters, want 1", len(letters.taken))
		}
		r.offset(5)
	}, func(s *Session) { s.Config.OnInvalid, s.Letters = record.DeadLetter, letters })
}

// A stop tries a dead letter again until its deadline, as it does imports; a
// rebalance waits for no backoff.
func TestSession_aShutdownRetriesDeadLetters(t *testing.T) {
	for _, tc := range []struct {
		name       string
		away       time.Duration // the dead-letter topic, from the end on
		stop       bool
		unfinished bool
	}{
		{"that are taken in time", 5 * time.Second, true, false},
		{"that are never taken", time.Hour, true, true},
		{"and a rebalance does not", 5 * time.Second, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var back atomic.Bool
			letters := &fakeLetters{write: func(*letters.Letter) error {
				if !back.Load() {
					return errors.New("not enough replicas")
				}
				return nil
			}}
			runningSession(t, func(r *sessionRun) {
				r.Produce("orders", 0, kgo.NoCompression(), "no JSON")
			}, func(r *sessionRun) {
				time.Sleep(time.Second)
				began := time.Now()
				time.AfterFunc(tc.away, func() { back.Store(true) })
				if tc.stop {
					close(r.stop)
				} else {
					r.rebalance()
				}
				took := r.took(began)
				if want := min(tc.away+r.session.Config.MaxBackoff, r.session.Config.ShutdownTimeout+time.Second); took > want || !tc.stop && took > time.Second {
					t.Errorf("the drain took %s", took)
				}
				if r.unfinished != tc.unfinished || (len(letters.taken) == 1) == tc.unfinished {
					t.Errorf("unfinished %t, %d dead letters", r.unfinished, len(letters.taken))
				}
			}, func(s *Session) { s.Config.OnInvalid, s.Letters = record.DeadLetter, letters })
		})
	}
}

// An import whose end and that of the drain fall together is told to the group,
// as nobody can take it back.
func TestSession_whatWasStoredAtTheVeryEndIsCommitted(t *testing.T) {
	const namespaces = 12
	runningSession(t, func(r *sessionRun) {
		for i := range namespaces {
			r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(int64(4+i), "ns"+strconv.Itoa(i))))
		}
		cut := time.Now().Add(time.Second + testConfig(t).ShutdownTimeout)
		r.api.put = func(*fakeImport) Outcome {
			time.Sleep(time.Until(cut))
			return accepted
		}
	}, func(r *sessionRun) {
		time.Sleep(time.Second)
		close(r.stop)
		r.took(time.Now())
		r.offset(4 + namespaces)
	}, func(s *Session) { s.Pacer = pace.New(2*namespaces, s.Config.NamespaceConcurrency) })
}

// A letter that has failed before and is being written again is awaited too.
func TestSession_aRebalanceWaitsForALetterThatIsTriedAgain(t *testing.T) {
	const write = 5 * time.Second
	tries := 0
	letters := &fakeLetters{takes: write, write: func(*letters.Letter) error {
		if tries++; tries == 1 {
			return errors.New("not enough replicas")
		}
		return nil
	}}
	runningSession(t, func(r *sessionRun) {
		r.Produce("orders", 0, kgo.NoCompression(), "no JSON")
	}, func(r *sessionRun) {
		time.Sleep(write + write/2) // during the second write
		if took := r.end(false); took < write/4 || took > write || r.unfinished {
			t.Errorf("the drain took %s, want the rest of a write of %s; unfinished %t", took, write, r.unfinished)
		}
		r.offset(5)
	}, func(s *Session) { s.Config.OnInvalid, s.Letters = record.DeadLetter, letters })
}

// A namespace that is accepted again and whose lines are being read back from Kafka is
// behind like one that has not been read yet: to stop then leaves nothing unfinished.
func TestSession_aStopWhileLinesAreReadBackIsClean(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.api.create = only("bad", overloaded)
		value := fmt.Sprintf(`{"id":"x","ns":"bad","large":%q}`, strings.Repeat("x", 100<<10))
		for range 30 { // more than the buffer
			r.Produce("orders", 0, kgo.NoCompression(), slices.Repeat([]string{value}, 8)...)
		}
	}, func(r *sessionRun) {
		time.Sleep(2 * time.Minute)
		readingBack := false
		synctest.Wait() // the loop has taken what attempts came to
		r.session.queries <- func(time.Time) { r.api.create, r.api.takes = nil, 2*time.Second }
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			asked := make(chan bool)
			r.session.queries <- func(time.Time) {
				n := r.session.lines.Lookup("bad")
				asked <- n != nil && !n.Troubled() && n.Dropped()
			}
			if readingBack = <-asked; readingBack {
				break
			}
		}
		if !readingBack {
			t.Fatal("no line has left memory, or all are back: the test shows nothing")
		}
		if took := r.end(true); took > 30*time.Second || r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
	})
}
