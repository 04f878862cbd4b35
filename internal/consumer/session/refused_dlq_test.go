package session

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// compacted is a dead-letter topic's answer to a record that it never takes.
var compacted = &kafka.RefusedError{Code: kafka.Code(87), Remedy: "give it no cleanup.policy of compact"}

// Lines that left memory beside a batch that may be stored are read back when that
// batch is refused in the end.
func TestSession_whatLeftMemoryBesideARefusedBatchIsReadBack(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.ask, r.api.put = unanswered, takenAndDenied(r, isBad)
		r.feed(0, append(runOf("bad", 0, 19), runOf("good", 20, 29)...)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 0, 9)...)
		r.memory.relieve(1<<40, time.Now())
		r.settleDown()
		if n := r.lines.Lookup("bad"); len(n.Uploads) != 1 || len(n.Shed) != 1 {
			t.Fatalf("%d batches are in memory, %d marks: the test shows nothing", len(n.Uploads), len(n.Shed))
		}
		r.api.put = func(i *fakeImport) Outcome {
			i.ambiguous = false
			return exceptFrom(refusal, "0")(i)
		}
		r.after(3 * time.Minute)
		lettered(t, r.letters, 0, 9)
		r.stored("bad", offsets(10, 19)...)
		r.watermark(0, 30)
	}, refusedToLetters)
}

// A letter that the topic refuses for good is held, and what its batch has of the
// partition is done with all the same, though the last read finds no more of it.
func TestSession_aRefusedLetterEndsWithItsBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.perJob, r.answers = 5, 1
		r.api.put = exceptFrom(refusal, "0")
		r.letters.write = func(l *letters.Letter) error {
			if l.Offset == 2 {
				return compacted
			}
			return nil
		}
		r.feed(0, append(runOf("bad", 0, 9), runOf("good", 10, 19)...)...)
		r.after(time.Second)
		if len(r.letters.taken) != 4 {
			t.Fatalf("%d letters of the first read, want 4", len(r.letters.taken))
		}
		tp := r.part(0).TopicPartition
		r.logs[tp] = slices.DeleteFunc(r.logs[tp], func(rec recordbatch.Record) bool { return rec.Offset >= 5 && rec.Offset < 10 }) // compacted
		r.answers = 10
		r.after(time.Minute)
		if n := r.lines.Lookup("bad"); n != nil || len(r.lines.CatchUp.Refused) != 0 {
			t.Errorf("the batch is never done with: %d shares are left", len(r.lines.CatchUp.Refused))
		}
		r.watermark(0, 2)
	}, refusedToLetters)
}

// What is stored of the records that a refused batch spans becomes no dead letter.
func TestSession_whatIsStoredAmidARefusedBatchIsNoDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSessionRig(t, nil, fourAtOnce)
		r.api.put = exceptFrom(overloaded, "0")
		r.feed(0, runOf("a", 0, 19)...)
		r.after(time.Second)
		once(t, r.api.stored["a"], 10, 19)
		o := r.commits.CommitOf(r.part(0))

		r = newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{o.TopicPartition: o}, refusedToLetters, func(c *process.Config) { c.Batch.MaxRecords = 30 })
		r.api.put = exceptFrom(refusal, "0")
		r.feed(0, runOf("a", 0, 29)...)
		r.after(2 * age)
		var got []int64
		for _, l := range r.letters.taken {
			got = append(got, l.Offset)
		}
		slices.Sort(got)
		if want := append(offsets(0, 9), offsets(20, 29)...); !slices.Equal(got, want) {
			t.Errorf("dead letters of %v, want of %v", got, want)
		}
		r.watermark(0, 30)
	})
}

// A record that was held as the dead-letter topic refused it becomes one dead letter of
// the next owner, though it lies among others that are refused with it.
func TestSession_aReleasedRecordAmongRefusedOnesIsOneDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := runOf("a", 0, 9)
		r := newSessionRig(t, nil, refusedToLetters)
		r.api.create = only("a", refusal)
		r.letters.write = func(l *letters.Letter) error {
			if l.Offset == 3 {
				return compacted
			}
			return errAway
		}
		r.feed(0, log...)
		r.after(age)
		o := r.commits.CommitOf(r.part(0))

		r = newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{o.TopicPartition: o}, refusedToLetters)
		if p := r.part(0).Ledger; !p.Released(3) || p.Released(4) {
			t.Fatal("no record was held: the test shows nothing")
		}
		r.api.create = only("a", refusal)
		r.feed(0, log...)
		r.after(2 * age)
		lettered(t, r.letters, 0, 9)
		r.watermark(0, 10)
	})
}

// A namespace whose batch was refused in the end is in no trouble any more: its records
// go their way, and the next batch is tried like any other.
func TestSession_aRefusalThatBecomesDeadLettersEndsTheTrouble(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errAway }
		r.api.put = exceptFrom(overloaded, "0")
		r.feed(0, runOf("a", 0, 9)...)
		r.api.put = exceptFrom(refusal, "0")
		r.after(time.Minute)
		if st := r.status().Namespaces; len(st) != 1 || st[0].State != "uploading" || st[0].LastError != nil {
			t.Errorf("the status says %+v, want one namespace without trouble", st)
		}
	}, refusedToLetters)
}

// Partitions that wait for the dead-letter topic are read on when half of the room for
// letters is free, not only when the last one is written.
func TestSession_partitionsAwaitHalfOfTheLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		large := func(from, n int64) (records []recordbatch.Record) {
			for o := from; o < from+n; o++ {
				records = append(records, recordbatch.Record{Offset: o, Value: bytes.Repeat([]byte("x"), 8<<10)})
			}
			return records
		}
		r.letters.takes = time.Second
		for o := int64(0); o < 450; o += 90 {
			r.feed(0, large(o, 90)...)
		}
		p := r.part(1)
		if r.feed(1, large(0, 100)...); p.State() != assignment.Paused {
			t.Fatalf("%s, %d letters wait: the test shows nothing", p.State(), r.deadLetters.Queue.Pending())
		}
		for p.State() == assignment.Paused && r.deadLetters.Queue.Pending() > 0 {
			r.after(time.Second)
		}
		if r.deadLetters.Queue.Pending() == 0 {
			t.Error("the partition waits until there are no letters")
		}
		r.after(time.Minute)
	}, invalidToLetters, func(c *process.Config) { c.BufferMaxBytes = 64 << 20 })
}

func invalidToLetters(c *process.Config) { c.OnInvalid = record.DeadLetter }

// A dead letter that is refused for good is told with the topic's reason, and one that
// cannot be written counts as a failed call.
func TestSession_whatBecomesOfALetterThatIsNotTakenIsTold(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errAway }
		r.feed(0, poison(0, 0)...)
		if got := r.metric("bridge_kafka_errors_total", "produce"); got != 1 {
			t.Errorf("%v failed writes are counted, want 1", got)
		}
		r.letters.write = func(*letters.Letter) error { return compacted }
		r.after(time.Minute)
		if st := r.status().Partitions[0]; st.State != "held" || st.PinnedBy == nil || !strings.Contains(st.PinnedBy.Reason, "cleanup.policy") && !strings.Contains(st.PinnedBy.Reason, "dlq refuses it") {
			t.Errorf("%s, pinned by %+v", st.State, st.PinnedBy)
		}
	}, invalidToLetters)
}

// What the dead-letter topic has of a refused batch is not written again by the next
// owner, though it came in two writes, and an earlier batch of the namespace is not done.
func TestSession_lettersThatOvertakeABatchAreNotWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := runOf("a", 0, 19)
		r := newSessionRig(t, nil, refusedToLetters)
		last := int64(14)
		r.api.create = only("a", refusal)
		r.letters.write = func(l *letters.Letter) error {
			if l.Offset < 10 || l.Offset > last {
				return errAway
			}
			return nil
		}
		r.feed(0, log...)
		r.after(age)
		lettered(t, r.letters, 10, 14)
		last = 19
		r.after(r.Config.MaxBackoff)
		lettered(t, r.letters, 10, 19)
		o := r.commits.CommitOf(r.part(0))

		next := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{o.TopicPartition: o}, refusedToLetters)
		next.api.create = r.api.create
		next.feed(0, log...)
		next.after(age)
		lettered(t, next.letters, 0, 9)
		next.watermark(0, 20)
	})
}
