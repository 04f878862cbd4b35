package session

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
)

// A trial whose batch the API says it has, asked since memory was short, goes on: what
// was dropped meanwhile is read back, and the namespace is in trouble no longer than that.
func TestSession_aTrialGoesOnWhenTheAPISaysThatItsBatchIsThere(t *testing.T) {
	for _, more := range []bool{true, false} {
		t.Run(map[bool]string{true: "with more lines", false: "without"}[more], func(t *testing.T) {
			inSession(t, func(r *sessionRig) {
				r.api.create = only("bad", refusal)
				r.feed(0, runOf("bad", 0, 9)...)
				r.api.create = nil
				r.api.put = func(i *fakeImport) Outcome {
					o := takenAndDenied(r, isBad)(i)
					o.Delay = 5 * time.Minute
					return o
				}
				r.after(r.Config.HoldProbeInterval + time.Second)
				n := r.lines.Lookup("bad")
				if n.State() != pace.Trial || len(n.Uploads) != 1 || !n.Uploads[0].Ambiguous() {
					t.Fatalf("no batch of a trial may be stored: %s, %d batches", n.State(), len(n.Uploads))
				}
				if more {
					r.feed(0, runOf("bad", 10, 14)...)
				}
				r.api.ask = func(*fakeImport) Outcome { return Outcome{Class: Stored, Operation: "ask"} }
				r.memory.relieve(1<<40, time.Now())
				r.settleDown()
				if r.api.asked["bad"] != 1 {
					t.Fatal("the API was not asked: the test shows nothing")
				}
				r.api.put = nil
				r.after(6 * time.Minute)
				last := int64(9)
				if more {
					last = 14
				}
				r.watermark(0, last+1)
				if n := r.lines.Lookup("bad"); n != nil {
					t.Errorf("the namespace is remembered as %s", n.State())
				}
				r.feed(0, runOf("bad", last+1, last+2)...)
				r.after(2 * age)
				r.watermark(0, last+3)
			})
		})
	}
}

// preparedBehindAShedOne makes a batch of the namespace a leave memory whose next batch
// asks for its URL for another 40 seconds.
func preparedBehindAShedOne(r *sessionRig) *imports.Namespace {
	var calls atomic.Int32
	r.api.create = func(ns string) Outcome {
		if ns == "a" && calls.Add(1) == 4 {
			time.Sleep(45 * time.Second)
		}
		return accepted
	}
	r.api.takes, r.api.put = 5*time.Second, exceptFrom(overloaded, "20")
	r.feed(0, runOf("a", 0, 39)...)
	r.after(16 * time.Second)
	r.api.takes = 0
	r.feed(1, runOf("good", 0, 9)...)
	r.after(time.Second)
	r.memory.relieve(1<<40, time.Now())
	n := r.lines.Lookup("a")
	if n == nil || n.State() != pace.Shed || len(n.Uploads) != 1 || n.Uploads[0].Call != imports.Preparing {
		r.t.Fatalf("no batch asks for its URL behind one that has left memory: %+v", n)
	}
	r.api.put = nil
	return n
}

// A batch that asked for its URL when the one in front of it left memory does not
// overtake that one.
func TestSession_aPreparedBatchDoesNotOvertakeOneThatLeftMemory(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		preparedBehindAShedOne(r)
		r.after(3 * time.Minute)
		r.stored("a", offsets(0, 39)...)
		r.watermark(0, 40)
		if n := r.lines.Lookup("a"); n != nil {
			t.Errorf("the namespace is remembered as %s", n.State())
		}
	})
}

// Nor does it in a drain, whose end leaves the one in front to the next owner.
func TestSession_aPreparedBatchOvertakesNothingInADrain(t *testing.T) {
	for _, why := range []assignment.DrainReason{assignment.ForRebalance, assignment.ForShutdown} {
		inSession(t, func(r *sessionRig) {
			preparedBehindAShedOne(r)
			r.beginDrain(why, time.Now())
			r.after(55 * time.Second)
			r.stored("a", offsets(0, 19)...)
			r.watermark(0, 20)
		})
	}
}

// What may be stored of a namespace that is in no trouble any more waits for its next
// attempt: it is tried as soon as there is a slot, and nobody would read it back.
func TestSession_whatMayBeStoredLeavesMemoryInTroubleOnly(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.ask = unanswered
		r.api.put = func(i *fakeImport) Outcome {
			i.ambiguous = true
			o := doubtful
			if o.Delay = time.Minute; i.namespace != "a" {
				o.Delay = time.Hour
			}
			return o
		}
		ask := func() {
			for range 3 {
				r.attempts.AskAmbiguous(time.Now(), anyBatch)
				r.settleDown()
			}
		}
		r.feed(0, lengthened(runOf("a", 0, 19), 45<<10)...)
		ask()
		for at := int64(0); at < 90; at += 10 {
			r.feed(1, lengthened(runOf(fmt.Sprint("bad", at), at, at+9), 90<<10)...)
			r.after(time.Second)
			ask()
		}
		r.api.put = func(i *fakeImport) Outcome {
			if i.ambiguous = false; i.namespace != "a" {
				time.Sleep(time.Minute)
			}
			time.Sleep(2 * time.Second)
			return accepted
		}
		r.after(50 * time.Second)
		r.feed(1, runOf("slow", 90, 99)...)
		for r.api.puts["a"] < 3 {
			r.after(time.Second)
		}
		r.feed(1, runOf("next", 100, 109)...) // waits for a slot, before the second batch does
		r.after(2 * time.Second)
		n := r.lines.Lookup("a")
		if n == nil || n.Troubled() || len(n.Uploads) != 1 || !n.Uploads[0].Ambiguous() {
			t.Fatalf("no batch of a namespace without trouble may be stored: %+v", n)
		}
		r.attempts.LeaveDoubtful(time.Now())
		r.after(5 * time.Minute)
		once(t, r.api.stored["a"], 0, 19)
		r.watermark(0, 20)
	}, func(c *process.Config) { c.NamespaceConcurrency, c.UploadConcurrency = 2, 2 })
}

// A partition is read on when letters that it has waited for are refused for good, if
// those that are held then leave room.
func TestSession_refusedLettersLetAPartitionBeReadOn(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		answer := errAway
		r.letters.write = func(l *letters.Letter) error {
			if answer == nil && l.Offset >= 50 {
				return compacted
			}
			return answer
		}
		r.feed(0, poison(0, assignment.MaxSingles-1)...)
		if !r.part(0).Cursor.Paused {
			t.Fatal("reading does not pause: the test shows nothing")
		}
		answer = nil
		r.after(r.Config.MaxBackoff)
		if held := r.part(0).Ledger.Held(); held != assignment.MaxSingles-50 {
			t.Fatalf("%d records are held", held)
		}
		if r.part(0).Cursor.Paused {
			t.Errorf("reading pauses for ever: %v", r.part(0).PauseReason())
		}
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

// A namespace whose dropped lines a truncation has taken back is probed when there are
// others, though records of it still wait for the dead-letter topic.
func TestSession_aShedNamespaceIsProbedWhateverElseItWaitsFor(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errAway }
		r.api.put = exceptFrom(refusal, "0")
		r.feed(1, runOf("a", 0, 9)...)
		r.after(time.Second)
		r.api.put = exceptFrom(overloaded, "100")
		r.feed(0, runOf("a", 100, 109)...)
		r.feed(1, runOf("good", 10, 19)...)
		r.after(2 * time.Second)
		r.feed(1, runOf("good", 20, 29)...)
		r.memory.relieve(1<<40, time.Now())
		r.settleDown()
		n := r.lines.Lookup("a")
		if n == nil || n.State() != pace.Shed || !n.Dropped() {
			t.Fatalf("nothing has left memory: %+v", n)
		}
		r.logs[r.part(0).TopicPartition] = nil
		r.truncate(0, 0)
		r.after(time.Minute)
		r.api.put = nil
		r.feed(0, runOf("a", 0, 9)...)
		r.after(3 * time.Minute)
		r.stored("a", offsets(0, 9)...)
		r.watermark(0, 10)
	}, refusedToLetters)
}
