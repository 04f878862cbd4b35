package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// A drain ends in time for whoever waits for it: the earlier deadline counts, that of a
// group which waits for a stop too, and no other. A stop has its whole time however long
// the group has waited. It tries again what rests, whatever the group wants.
func TestSession_whatADrainIsFor(t *testing.T) {
	const apart = 10 * time.Second // between two reasons
	stop, rebalance := assignment.ForShutdown, assignment.ForRebalance
	for name, tc := range map[string]struct {
		patience time.Duration // of a stop
		waits    time.Duration // how long the group has waited before the first reason; 0: it does not
		reasons  []assignment.DrainReason
		deadline time.Duration // after the first one
		retries  bool
	}{
		"a stop":                          {time.Minute, 0, []assignment.DrainReason{stop}, time.Minute, true},
		"a rebalance":                     {time.Minute, 0, []assignment.DrainReason{rebalance}, 110 * time.Second, false},
		"a rebalance that has begun":      {time.Minute, 80 * time.Second, []assignment.DrainReason{rebalance}, 30 * time.Second, false},
		"a rebalance while it stops":      {time.Minute, 0, []assignment.DrainReason{stop, rebalance}, time.Minute, true},
		"a stop while it rebalances":      {time.Minute, 0, []assignment.DrainReason{rebalance, stop}, apart + time.Minute, true},
		"a stop long after a rebalance":   {20 * time.Second, 60 * time.Second, []assignment.DrainReason{rebalance, stop}, apart + 20*time.Second, true},
		"a stop that the group waits for": {time.Minute, 80 * time.Second, []assignment.DrainReason{stop}, 30 * time.Second, true},
		"a stop with much time":           {time.Hour, 0, []assignment.DrainReason{stop}, time.Hour, true},
		"a stop that a rebalance follows": {time.Hour, 0, []assignment.DrainReason{stop, rebalance}, apart + 110*time.Second, true},
		"a stop with much time, at last":  {time.Hour, 0, []assignment.DrainReason{rebalance, stop}, 110 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("a", Outcome{Class: Retry, Status: 503, Delay: time.Hour, Err: errors.New("unavailable")})
				r.feed(0, runOf("a", 0, 9)...)
				r.Config.ShutdownTimeout = tc.patience
				began := time.Now()
				if tc.waits > 0 {
					term := r.Member.Term.(*fakeTerm)
					term.deadline = began.Add(r.Config.RebalanceTimeout - tc.waits)
					close(term.rebalance)
				}
				for i, why := range tc.reasons {
					if i > 0 {
						time.Sleep(apart)
					}
					r.beginDrain(why, time.Now())
				}
				if got := r.Drain.Deadline.Sub(began); got != tc.deadline {
					t.Errorf("it ends after %s, want %s", got, tc.deadline)
				}
				if got := r.unsettled(time.Now()); got != tc.retries {
					t.Errorf("it waits for what rests: %t, want %t", got, tc.retries)
				}
			})
		})
	}
}

// TestSession_aDrainInsistsOnItsCommit: what is stored and not committed is stored again
// by the next owner. Only a stop waits for no permission, as whoever stops the process
// may have to grant it.
func TestSession_aDrainInsistsOnItsCommit(t *testing.T) {
	const trouble = 5 * time.Second
	for name, tc := range map[string]struct {
		stop  bool
		code  kafka.Code
		waits bool
	}{
		"rebalance, coordinator loads": {false, kafka.CodeCoordinatorLoading, true},
		"rebalance, denied":            {false, kafka.CodeGroupDenied, true},
		"stop, coordinator loads":      {true, kafka.CodeCoordinatorLoading, true},
		"stop, denied":                 {true, kafka.CodeGroupDenied, false},
	} {
		t.Run(name, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				ends := time.Now().Add(time.Second + trouble)
				r.answer = func(int) kafka.Code {
					if time.Now().Before(ends) {
						return tc.code
					}
					return kafka.CodeOK
				}
			}, func(r *sessionRun) {
				time.Sleep(time.Second)
				took := r.end(tc.stop)
				if (took > trouble-time.Second) != tc.waits || took > 2*trouble || r.unfinished == tc.waits {
					t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
				}
				if tc.waits {
					r.offset(4)
				} else {
					r.offset(0)
				}
			})
		})
	}
}

// A rebalance waits for nothing that may not be tried now, be it new: the whole API has
// asked for quiet, or refuses the key.
func TestSession_aRebalanceWaitsForNoQuietOfTheAPI(t *testing.T) {
	for name, answer := range map[string]Outcome{
		"quiet":       {Class: Retry, Status: 429, Delay: time.Hour, RetryAfter: time.Hour, Throttled: true, Err: errors.New("too many requests")},
		"refused key": {Class: Unauthorised, Status: 401, Delay: time.Hour, Err: errors.New("unauthorised")},
	} {
		t.Run(name, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(4, "third")))
				r.api.create = func(string) Outcome { return answer }
			}, func(r *sessionRun) {
				time.Sleep(age + time.Second)
				r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(5, "new")))
				time.Sleep(time.Second)
				if took := r.end(false); took > time.Second || !r.unfinished || r.api.created("new") > 0 {
					t.Errorf("the drain took %s, unfinished %t, with %d calls for the new namespace", took, r.unfinished, r.api.created("new"))
				}
			})
		})
	}
}

// A stop does not wait out its deadline for what it will not begin: a batch that would
// take as long as the last one of its namespace.
func TestSession_aStopWaitsForNothingThatIsTooSlow(t *testing.T) {
	const put = 40 * time.Second
	runningSession(t, func(r *sessionRun) { r.api.takes = put }, func(r *sessionRun) {
		time.Sleep(age + time.Second) // the first batches are on their way
		r.Produce("orders", 0, kgo.NoCompression(), string(recordbatch.LineOf(4, "good")))
		time.Sleep(time.Second)
		if took := r.end(true); took > put || took < put-2*time.Second || !r.unfinished {
			t.Errorf("the drain took %s, want the rest of %s; unfinished %t", took, put, r.unfinished)
		}
		r.offset(4)
	})
}

// A stop cuts off at its deadline what has not ended, and hears what has ended all the
// same: a letter that the topic has taken is not written again.
func TestSession_whatIsUnderWayAtTheDeadlineOfAStop(t *testing.T) {
	t.Run("an upload that hangs", func(t *testing.T) {
		runningSession(t, func(r *sessionRun) { r.api.takes = time.Hour }, func(r *sessionRun) {
			time.Sleep(time.Second)
			if took, want := r.end(true), testConfig(t).ShutdownTimeout; took < want || took > want+time.Second || !r.unfinished {
				t.Errorf("the drain took %s, want %s; unfinished %t", took, want, r.unfinished)
			}
			r.offset(0)
		})
	})
	t.Run("a letter that is taken", func(t *testing.T) {
		var stopped <-chan struct{}
		letters := &fakeLetters{write: func(*letters.Letter) error {
			<-stopped
			time.Sleep(testConfig(t).ShutdownTimeout + time.Millisecond) // whatever its context
			return nil
		}}
		runningSession(t, func(r *sessionRun) {
			stopped = r.stop
			r.Produce("orders", 0, kgo.NoCompression(), "no JSON")
		}, func(r *sessionRun) {
			time.Sleep(time.Second)
			r.end(true)
			lettered(t, letters, 4, 4)
			r.offset(5)
		}, func(s *Session) { s.Config.OnInvalid, s.Letters = record.DeadLetter, letters })
	})
}

// Who drains takes no new line, and asks for none.
func TestSession_aDrainReadsNothing(t *testing.T) {
	var fetches atomic.Int64
	runningSession(t, func(r *sessionRun) {
		r.api.takes = 30 * time.Second
		r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			fetches.Add(1)
			return nil, nil, false
		})
	}, func(r *sessionRun) {
		time.Sleep(time.Second)
		before := fetches.Load()
		if took := r.end(false); took < r.api.takes {
			t.Errorf("the drain took %s", took)
		}
		if n := fetches.Load() - before; before == 0 || n > 2 {
			t.Errorf("%d fetches before, %d more while it drains", before, n)
		}
	})
}

// What was read and nobody will look at gives its memory back: an answer that is not
// decoded, a chunk that is not taken in, and one that waits for memory.
func TestSession_discardsWhatWasRead(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		c := r.part(0).Cursor
		for range 2 {
			r.decode.Serve(r.t.Context(), r.work(c, runOf("a", 0, 9), nil))
		}
		r.memory.wait(<-r.read, time.Now())
		r.chunks <- <-r.read
		r.Fetcher.Work[0] <- r.work(c, runOf("a", 0, 9), nil)
		r.discard()
		if r.memory.pending != nil || len(r.chunks) > 0 || r.Fetched.Used() > 0 {
			t.Errorf("a chunk waits: %t, %d are not taken, %d bytes of answers are lent", r.memory.pending != nil, len(r.chunks), r.Fetched.Used())
		}
	})
}

// TestSession_leavesNothingToTheNext: neither memory, nor slots, nor what waits for them,
// although it ends at once, with letters and imports under way and memory full.
func TestSession_leavesNothingToTheNext(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		r.api.takes = time.Hour
		r.Produce("orders", 0, kgo.NoCompression(), "no JSON")
		value := fmt.Sprintf(`{"id":"x","ns":"large","large":%q}`, strings.Repeat("x", 100<<10))
		for range 30 { // more than the buffer
			r.Produce("orders", 0, kgo.NoCompression(), slices.Repeat([]string{value}, 8)...)
		}
	}, func(r *sessionRun) {
		time.Sleep(age + time.Second)
		p := r.session.Process
		waiting, charged := make(chan int), make(chan int64)
		r.session.queries <- func(time.Time) { waiting <- p.Pacer.Waiting(); charged <- p.Budget.Held(budget.Letters) }
		if w, c := <-waiting, <-charged; w == 0 || c == 0 {
			t.Errorf("%d namespaces wait, %d bytes are charged for letters: the test shows too little", w, c)
		}
		r.term.err = kafka.CodeUnknownMember
		close(r.term.lost)
		<-r.returned
		if p.Pacer.InFlight() != 0 || p.Pacer.Waiting() != 0 || p.Pacer.Len() != 0 {
			t.Errorf("%d imports are under way, %d namespaces wait, %d are known", p.Pacer.InFlight(), p.Pacer.Waiting(), p.Pacer.Len())
		}
		if n := p.Budget.Held(budget.Letters) + p.Budget.Held(budget.Marks); n != 0 {
			t.Errorf("%d bytes are charged", n)
		}
	}, func(s *Session) {
		s.Pacer = pace.New(1, s.Config.NamespaceConcurrency)
		s.Config.OnInvalid, s.Letters = record.DeadLetter, &fakeLetters{write: func(*letters.Letter) error { return errAway }}
	})
}
