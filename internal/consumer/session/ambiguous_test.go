package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
)

// doubtful is the outcome of a PUT whose body was taken and whose answer is 500.
var doubtful = Outcome{Class: Retry, Operation: "upload", Status: 500, Delay: time.Minute, Err: errors.New("internal error")}

// takenAndDenied takes the body of namespaces that bad says, and answers 500.
func takenAndDenied(r *sessionRig, bad func(ns string) bool) func(*fakeImport) Outcome {
	return func(i *fakeImport) Outcome {
		if !bad(i.namespace) {
			return accepted
		}
		i.ambiguous = true
		return doubtful
	}
}

func isBad(ns string) bool { return ns != "good" }

// fillWithDoubt feeds namespaces whose batches all become ambiguous until memory
// is full, and then a healthy one.
func fillWithDoubt(r *sessionRig) {
	r.perJob = 4
	r.api.put = takenAndDenied(r, isBad)
	at := int64(0)
	for ns := range 24 {
		r.feedSlowly(0, lengthened(runOf(fmt.Sprint("bad", ns), at, at+9), 5<<10)...)
		at += 10
		r.after(age)
	}
	r.feedSlowly(0, runOf("good", at, at+9)...)
	r.after(2 * age)
	r.stored("good", offsets(at, at+9)...)
}

func smallBuffer(c *process.Config) { c.BufferMaxBytes = 1 << 20 }

// Batches that may be stored do not fill memory for ever: the API is asked, and
// what it knows nothing of is read again later.
func TestAmbiguous_whatNobodyCanTellGivesWay(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		fillWithDoubt(r)
		asked, left := 0, 0
		for n := range r.lines.Namespaces() {
			asked += r.api.asked[n.Name]
			if n.State() == pace.Shed && len(n.Uploads) == 0 {
				left++
			}
		}
		if left == 0 || asked < left {
			t.Errorf("%d namespaces left memory after %d questions", left, asked)
		}
		if got := r.metric("bridge_import_possible_repeats_total", ""); got < float64(left) {
			t.Errorf("%v possible repeats are counted, want at least one for each of the %d batches", got, left)
		}
		r.api.put = nil
		r.after(10 * time.Minute)
		r.watermark(0, 250)
		if used := r.Pool.InUse(); used != 0 {
			t.Errorf("%d bytes are in memory at the end", used)
		}
	}, smallBuffer)
}

// A batch that the API says has arrived is settled, and not sent again.
func TestAmbiguous_whatHasArrivedIsSettled(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.ask = func(*fakeImport) Outcome { return Outcome{Class: Stored, Operation: "ask"} }
		fillWithDoubt(r)
		r.api.put = nil
		r.after(10 * time.Minute)
		r.watermark(0, 250)
		if got := r.metric("bridge_import_possible_repeats_total", ""); got != 0 {
			t.Errorf("%v possible repeats are counted, want none", got)
		}
	}, smallBuffer)
}

// While the API answers no question, batches that may be stored hold half of the
// budget at most: beyond that the oldest goes, and counts as a possible repeat.
func TestAmbiguous_whatIsNotAnsweredHoldsHalfOfTheBudget(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.ask = unanswered
		fillWithDoubt(r)
		if got := r.metric("bridge_import_possible_repeats_total", ""); got == 0 {
			t.Error("no possible repeat is counted")
		}
		r.api.put, r.api.ask = nil, nil
		r.after(20 * time.Minute)
		r.watermark(0, 250)
	}, smallBuffer)
}

// Before a rebalance takes a batch that may be stored out of memory, the API is
// asked about it: what has arrived is committed and not sent by the next owner.
func TestAmbiguous_aDrainAsksBeforeItGivesUp(t *testing.T) {
	for _, why := range []string{"rebalance", "stop"} {
		t.Run(why, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.api.put = func(i *fakeImport) Outcome {
					i.ambiguous = true
					return Outcome{Class: Retry, Operation: "upload", Status: 500, Delay: time.Hour, Err: errors.New("internal error")}
				}
				r.api.ask = func(*fakeImport) Outcome { return Outcome{Class: Stored, Operation: "ask"} }
			}, func(r *sessionRun) {
				time.Sleep(2 * age)
				if why == "stop" {
					close(r.stop)
				} else {
					r.rebalance()
				}
				if took := r.took(time.Now()); took > 5*time.Second || r.unfinished {
					t.Errorf("the drain took %s; unfinished %t", took, r.unfinished)
				}
				r.offset(4)
			})
		})
	}
}
