package session

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

func refusedToLetters(c *process.Config) { c.OnRejected = record.DeadLetter }

var errAway = errors.New("no leader")

// While the records of a refused batch wait for the dead-letter topic, the
// namespace's next batches are due by age as ever.
func TestSession_agePassesWhatWaitsForTheDeadLetterTopic(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errAway }
		r.api.put = exceptFrom(refusal, "0")
		r.feed(0, recordbatch.InNS(0, "a"))
		r.after(age + time.Second)
		r.feed(0, recordbatch.InNS(1, "a"))
		r.after(age + time.Second)
		r.stored("a", 1)
	}, refusedToLetters)
}

// They are not refused one by one for ever, each with its bookkeeping.
func TestSession_refusedBatchesThatWaitAreBounded(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.letters.write = func(*letters.Letter) error { return errAway }
		r.api.put = func(*fakeImport) Outcome { return refusal }
		const most = 16
		for o := range int64(3 * most) {
			r.feed(0, recordbatch.InNS(o, "a"))
			r.after(age + time.Second)
		}
		if got := r.api.puts["a"]; got > 2*most {
			t.Errorf("%d batches of a line each wait for the dead-letter topic", got)
		}
	}, refusedToLetters)
}

// A namespace that left memory when it was short, and is refused since: its
// records become dead letters as those of any other.
func TestSession_whatIsRefusedAfterItLeftMemoryBecomesDeadLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", overloaded)
		r.feed(0, append(runOf("bad", 0, 14), runOf("good", 15, 24)...)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 0, 9)...)
		r.memory.relieve(1<<40, time.Now())
		r.api.create = only("bad", refusal)
		r.after(time.Minute)
		lettered(t, r.letters, 0, 14)
		r.watermark(0, 25)
	}, refusedToLetters)
}

// A refused batch whose partition cannot be read makes neither other dead letters
// nor the lines that left memory wait.
func TestSession_aCatchUpReadThatFailsLetsOthersPass(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.away = map[int32]bool{0: true}
		r.api.create = only("late", overloaded)
		r.api.put = func(i *fakeImport) Outcome {
			if strings.HasPrefix(i.namespace, "bad") {
				return refusal
			}
			return accepted
		}
		r.feed(0, runOf("bad-0", 0, 9)...)
		r.feed(1, runOf("late", 0, 9)...)
		r.after(time.Second)
		r.feed(1, runOf("good", 10, 19)...)
		r.memory.relieve(1<<40, time.Now())
		r.feed(1, runOf("bad-1", 20, 29)...)
		r.api.create = nil
		r.after(time.Minute)
		lettered(t, r.letters, 20, 29)
		r.stored("late", offsets(0, 9)...)
		r.watermark(1, 30)
		r.away = nil
		r.after(time.Minute)
		r.watermark(0, 10)
	}, refusedToLetters)
}

// What a refused batch has of one partition is done with while another partition cannot
// be read, and the batch only with the last of them.
func TestSession_aRefusedBatchIsDoneWithItsLastPartition(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.away = map[int32]bool{1: true}
		r.api.put = func(*fakeImport) Outcome { return refusal }
		r.feed(0, runOf("a", 0, 4)...)
		r.feed(1, runOf("a", 0, 4)...)
		r.after(time.Minute)
		if len(r.letters.taken) != 5 {
			t.Errorf("%d dead letters, want the 5 of the partition that can be read", len(r.letters.taken))
		}
		r.watermark(0, 5)
		r.watermark(1, 0)
		if n := r.lines.Lookup("a"); n == nil || !n.Busy() {
			t.Error("the batch is done with, and half of it no dead letter")
		}
		r.away = nil
		r.after(time.Minute)
		r.watermark(1, 5)
		if r.lines.Lookup("a") != nil || len(r.letters.taken) != 10 {
			t.Errorf("%d dead letters, want 10 and nothing more to do", len(r.letters.taken))
		}
	}, refusedToLetters)
}

// Whoever dead-letters a refused batch after a crash goes on behind what the
// topic has of it: here a part of what lies in one partition, and all of what
// lies in the other.
func TestSession_aNewOwnerGoesOnInARefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logs := [][]recordbatch.Record{append(runOf("bad", 0, 3), recordbatch.InNS(4, "good")), runOf("bad", 0, 7)}
		committed := map[kafka.TopicPartition]kafka.CommitOffset{}
		taken := map[kafka.TopicPartition][]int64{}
		for owner, room := range []int{9, 100} {
			r := newSessionRig(t, committed, refusedToLetters, func(c *process.Config) { c.Batch.MaxRecords = 12 })
			r.api.create = only("bad", refusal)
			r.letters.write = func(l *letters.Letter) error {
				if room--; room < 0 {
					return errAway
				}
				taken[l.Source] = append(taken[l.Source], l.Offset)
				return nil
			}
			for n, log := range logs {
				from := 0
				if owner > 0 {
					from = int(committed[r.part(int32(n)).TopicPartition].Offset)
				}
				if from < len(log) {
					r.feed(int32(n), log[from:]...)
				}
			}
			r.after(2 * age)
			for tp, p := range r.assignment.Partitions {
				committed[tp] = r.commits.CommitOf(p)
			}
		}
		for n, last := range []int64{3, 7} {
			if got := taken[kafka.TopicPartition{Topic: "orders", Partition: int32(n)}]; !slices.Equal(got, offsets(0, last)) {
				t.Errorf("dead letters of partition %d: %v, want each of 0 to %d once", n, got, last)
			}
		}
	})
}

// More invalid records than dead letters may be in memory: those that come while
// the topic takes them wait for it, and none is held.
func TestSession_invalidRecordsWaitForADeadLetterTopicThatWorks(t *testing.T) {
	letters := &fakeLetters{takes: time.Second}
	runningSession(t, func(r *sessionRun) {
		for range 30 {
			r.Produce("orders", 0, kgo.NoCompression(), slices.Repeat([]string{strings.Repeat("x", 10<<10)}, 10)...)
		}
	}, func(r *sessionRun) {
		time.Sleep(age)
		if took := r.end(true); took > time.Minute || r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(304)
		lettered(t, letters, 4, 303)
	}, func(s *Session) { s.Config.OnInvalid, s.Letters = record.DeadLetter, letters })
}

// A dead-letter topic that refuses each record of a refused batch for good leaves no
// more of them held than a partition may have held anyway: the rest waits in Kafka.
func TestSession_refusedBatchesWhoseLettersAreRefusedStayBounded(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.perJob = 1000
		r.api.create = only("bad", refusal)
		r.letters.write = func(*letters.Letter) error {
			return &kafka.RefusedError{Code: kafka.Code(87), Remedy: "give it no cleanup.policy of compact"}
		}
		for at := int64(0); at < 6000; at += 500 {
			r.feed(0, runOf("bad", at, at+499)...)
		}
		r.feed(1, runOf("good", 0, 9)...)
		r.after(3 * age)
		r.stored("good", offsets(0, 9)...)
		if n := r.part(0).Ledger.Singles(); n < assignment.MaxSingles || n > assignment.MaxSingles+1024 {
			t.Errorf("%d records are held", n)
		}
		if st := r.status().Partitions[0]; st.State != "held" || st.PinnedBy == nil || !strings.Contains(st.PinnedBy.Reason, "refuses it") {
			t.Errorf("%s, pinned by %+v", st.State, st.PinnedBy)
		}
		jobs := r.jobs
		if r.after(age); r.jobs > jobs+1 {
			t.Errorf("%d reads for letters that have no room", r.jobs-jobs)
		}
	}, refusedToLetters, func(c *process.Config) { c.Batch.MaxRecords = 2000 })
}
