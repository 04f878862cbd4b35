package session

import (
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// truncate takes back a partition's records from end on, as a leader tells it
// that an unclean election has made.
func (r *sessionRig) truncate(partition int32, end int64) {
	r.t.Helper()
	p := r.part(partition)
	r.logs[p.TopicPartition] = r.logs[p.TopicPartition][:end]
	r.intake.relocated(p, &fetch.Fault{Kind: fetch.FaultTruncated, Offset: end}, kafka.Range{End: end}, time.Now())
	r.settleDown()
}

// replay lets the session read again what it reads at its position.
func (r *sessionRig) replay(partition int32) {
	r.t.Helper()
	p := r.part(partition)
	records := r.logs[p.TopicPartition]
	r.logs[p.TopicPartition] = records[:p.Ledger.Position()]
	r.feed(partition, records[p.Ledger.Position():]...)
}

func TestSession_truncatedLogIsReadFromWhereTheHistoriesPart(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.after(age)
		r.truncate(0, 6)
		r.watermark(0, 6)
		r.feed(0, runOf("a", 6, 7)...) // others than those of these offsets before
		r.watermark(0, 6)
		r.after(age)
		r.watermark(0, 8)
		r.stored("a", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 7)
	})
}

// What is owed below the truncation stays owed, and what is done there and above
// the watermark is not sent again.
func TestSession_truncationForgetsNothingThatIsOwed(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("b", overloaded)
		r.feed(0, recordbatch.InNS(0, "a"), recordbatch.InNS(1, "b"), recordbatch.Record{Offset: 2, Value: []byte("poison")}, recordbatch.InNS(3, "a"), recordbatch.InNS(4, "a"), recordbatch.InNS(5, "b"))
		r.after(age)
		r.watermark(0, 1)
		r.truncate(0, 4)
		r.watermark(0, 1)
		r.logs[r.part(0).TopicPartition] = append(r.logs[r.part(0).TopicPartition], recordbatch.InNS(4, "a"))
		r.replay(0)
		r.after(age)
		r.watermark(0, 1)
		r.stored("a", 0, 3, 4, 4)
		r.api.create = nil
		r.after(r.Config.MaxBackoff + age)
		r.watermark(0, 2) // the poison record
		if r.part(0).Ledger.Held() != 1 {
			t.Errorf("%d records are held, want 1", r.part(0).Ledger.Held())
		}
	})
}

// A batch that holds lines of the old history takes none of the new one: these
// have to be owed by themselves.
func TestSession_truncationClosesOpenBatches(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", overloaded)
		r.feed(0, runOf("a", 0, 3)...)
		r.truncate(0, 2)
		r.replay(0)
		r.feed(0, runOf("a", 2, 3)...)
		r.watermark(0, 0)
		r.api.create = nil
		r.after(r.Config.MaxBackoff + age)
		r.watermark(0, 4)
	})
}

// A successor tells the leader which history the committed offset is of.
func TestSession_leaderEpochIsHandedOver(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 3)...)
		r.after(age)
		p := r.part(0)
		if got := r.commits.CommitOf(p).LeaderEpoch; got != -1 {
			t.Errorf("leader epoch %d is committed before any is known, want -1", got)
		}
		p.Cursor.BatchEpoch = 7
		r.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
		o := r.commits.CommitOf(p)
		if o.LeaderEpoch != 7 {
			t.Errorf("leader epoch %d is committed, want 7", o.LeaderEpoch)
		}
		next := newSessionRig(r.t, map[kafka.TopicPartition]kafka.CommitOffset{p.TopicPartition: o})
		next.logs[p.TopicPartition] = r.logs[p.TopicPartition]
		if got := next.part(0).Cursor.BatchEpoch; got != 7 {
			t.Errorf("the successor begins with leader epoch %d, want 7", got)
		}
		next.truncate(0, 2)
		if got := next.part(0).Cursor.BatchEpoch; got != -1 {
			t.Errorf("leader epoch %d after a truncation, want -1", got)
		}
		next.watermark(0, 2)
		o.Offset = 3 // somebody else's: nobody knows of which history
		other := newSessionRig(r.t, map[kafka.TopicPartition]kafka.CommitOffset{p.TopicPartition: o})
		if got := other.part(0).Cursor.BatchEpoch; got != -1 {
			t.Errorf("leader epoch %d for an offset that was moved, want -1", got)
		}
	})
}

// Where the leader can tell where the histories part, it is asked: reading goes
// on there, and not at the start of the log.
func TestSession_offsetBeyondTheEndOfAnotherHistory(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 3)...)
		r.after(age)
		p := r.part(0)
		p.Cursor.BatchEpoch = 7
		o := r.commits.CommitOf(p)
		c := kafka.Committed{Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}
		if got := r.starting().Place(p.TopicPartition, c, kafka.Range{End: 2, Stable: 2}, false); got.At.Offset != 4 || got.At.Reset != "" {
			t.Errorf("reading starts at %d (reset %q), want 4 and the leader asked", got.At.Offset, got.At.Reset)
		}
		c.LeaderEpoch = -1
		if got := r.starting().Place(p.TopicPartition, c, kafka.Range{End: 2, Stable: 2}, false); got.At.Offset != 0 || got.At.Reset != "beyond_end" {
			t.Errorf("reading starts at %d (reset %q) without a leader epoch, want 0 and beyond_end", got.At.Offset, got.At.Reset)
		}
	})
}

// The records of a refused batch that an unclean election has taken back are
// gone. Those that the new history has in their place were refused by nobody.
func TestSession_truncationTakesBackWhatWasRefused(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", refusal)
		r.answers = 0 // they have not been read for the dead-letter topic yet
		r.feed(0, runOf("a", 0, 9)...)
		r.api.create = nil
		r.truncate(0, 0)
		r.feed(0, runOf("a", 0, 9)...)
		r.answers = 10
		r.after(age)
		r.stored("a", offsets(0, 9)...)
		r.watermark(0, 10)
		if len(r.letters.taken) != 0 || r.lines.Lookup("a") != nil {
			t.Errorf("%d dead letters; the namespace is still under way: %t", len(r.letters.taken), r.lines.Lookup("a") != nil)
		}
	}, refusedToLetters)
}

// Nor is anything of the new history held because a record of the old one is too
// large for the dead-letter topic.
func TestSession_truncationTakesBackDeadLetters(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		answer := errAway
		r.letters.write = func(*letters.Letter) error { return answer }
		r.feed(0, poison(0, 4)...)
		r.api.create = only("a", refusal)
		r.feed(1, runOf("a", 0, 9)...)
		r.api.create = nil
		for n := range int32(2) {
			r.truncate(n, 0)
			r.feed(n, runOf("b", 0, 9)...)
		}
		answer = &kafka.RefusedError{Code: kafka.Code(10), Remedy: "raise max.message.bytes"}
		r.after(r.Config.MaxBackoff + age)
		for n := range int32(2) {
			r.watermark(n, 10)
			if p := r.status().Partitions[n]; p.State != "reading" {
				t.Errorf("partition %d is %s", n, p.State)
			}
		}
	}, refusedToLetters, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

// A trial whose dropped lines a truncation has taken back is over: what is read then of
// its namespace is tried.
func TestSession_truncationEndsATrialThatHasNothingToReadBack(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create, r.answers = only("b", refusal), 0
		r.feed(0, runOf("b", 0, 9)...)
		r.after(age)
		r.api.create = nil
		r.after(r.Config.HoldProbeInterval)
		n := r.lines.Lookup("b")
		if n == nil || n.State() != pace.Trial || r.lines.CatchUp.Task == nil {
			t.Fatal("there is no trial that reads lines back")
		}
		r.truncate(0, 5)
		r.answers = 1000
		r.settleDown() // the read is of no use any more
		r.replay(0)
		r.after(r.Config.HoldProbeInterval + age)
		r.stored("b", 0, 1, 2, 3, 4)
		r.watermark(0, 5)
	})
}

// What /status says of a held record is not said of one that a new history has.
func TestSession_truncationForgetsWhyARecordWasHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, recordbatch.InNS(0, "a"), recordbatch.Record{Offset: 1, Value: []byte("poison")})
		r.after(2 * age)
		r.truncate(0, 1)
		r.feed(0, recordbatch.Record{Offset: 1, Value: []byte(`{"ns":"a"}`)})
		r.settleDown()
		pin := r.status().Partitions[0].PinnedBy
		if pin == nil || !strings.Contains(pin.Reason, "no_id") {
			t.Errorf("pinned by %+v, want a record without id", pin)
		}
	})
}
