package session

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/test/recordbatch"
)

// successor is how the next owner would start where the partition's commit is all
// that it knows.
func (r *sessionRig) successor(p *assignment.Partition) discovery.Start {
	o := r.commits.CommitOf(p)
	return r.starting().Place(p.TopicPartition, kafka.Committed{Offset: o.Offset, LeaderEpoch: o.LeaderEpoch, Metadata: o.Metadata}, kafka.Range{Begin: 0, End: 1000, Stable: 1000}, false)
}

// TestSession_heldRecreatedTopicStaysHeld: commits keep the session alive while
// the partition waits for a person. They must not say that the offset is one of
// the new topic, or the next owner would go on there once it has grown so far.
func TestSession_heldRecreatedTopicStaysHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		text, _ := ledger.New(100, ledger.Frontier{}).Encode(ledger.Metadata{TopicID: ledger.Identity(goneTopic, "cluster")}, ledger.MaxMetadata)
		old := kafka.CommitOffset{Offset: 100, LeaderEpoch: 4, Metadata: text}
		r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{{Topic: "orders", Partition: 0}: old, {Topic: "orders", Partition: 1}: old}, func(c *process.Config) { c.OffsetReset = ledger.ResetHold })
		for n := range int32(2) {
			p := r.part(n)
			if got := r.commits.CommitOf(p); got != (kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: 100, LeaderEpoch: 4, Metadata: text}) {
				t.Errorf("what was found is committed as %+v", got)
			}
			if next := r.successor(p); !p.IsHeld() || !next.At.Held {
				t.Errorf("held: %v, by the next owner: %v, who starts at %d", p.IsHeld(), next.At.Held, next.At.Offset)
			}
		}
	})
}

// TestSession_heldTruncatedLogStaysHeld: the leader epoch tells the next owner
// that the log was truncated, also once it has grown beyond the offset.
func TestSession_heldTruncatedLogStaysHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.after(age)
		p := r.part(0)
		p.Cursor.BatchEpoch = 7
		r.truncate(0, 6)
		if next := r.successor(p); !p.IsHeld() || next.At.Offset != 10 || next.At.Epoch != 7 {
			t.Errorf("held: %v; the next owner asks for %d after epoch %d, want 10 after 7", p.IsHeld(), next.At.Offset, next.At.Epoch)
		}
	}, func(c *process.Config) { c.OffsetReset = ledger.ResetHold })
}

// TestSession_readsAgainWhatWentAstray: a chunk that does not begin at the position
// is neither taken twice nor with a gap before it.
func TestSession_readsAgainWhatWentAstray(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 4)...)
		p := r.part(0)
		for _, from := range []int64{0, 9} {
			epoch := p.Cursor.Epoch.Load()
			k := fetch.NewChunk(p.Cursor, epoch)
			k.Start, k.Next, k.Records = from, from+1, 1
			k.Add("a", fetch.Line{Offset: from, Time: recordbatch.Time, Bytes: recordbatch.LineOf(from, "a")})
			r.intake.take(k)
			if p.Ledger.Position() != 5 || p.Cursor.Offset != 5 || p.Cursor.Epoch.Load() == epoch {
				t.Errorf("after a chunk from %d reading goes on at %d, the position is %d", from, p.Cursor.Offset, p.Ledger.Position())
			}
		}
		r.after(2 * age)
		r.stored("a", 0, 1, 2, 3, 4)
	})
}

// TestSession_corruptBatchIsTriedEverLessOften: that nothing could be read before
// it is no success.
func TestSession_corruptBatchIsTriedEverLessOften(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.part(0)
		for range 6 {
			w := r.work(p.Cursor, runOf("a", 0, 1), nil)
			w.Records[70] ^= 1
			r.decode.Serve(r.t.Context(), w)
			for len(r.read) > 0 {
				r.intake.take(<-r.read)
			}
			time.Sleep(time.Second)
		}
		if p.Backoff != 30*time.Second || p.State() != assignment.Failed {
			t.Errorf("%s, tried again after %s", p.State(), p.Backoff)
		}
	})
}

// What is wrong with a batch is no matter of the connection, whatever the error is
// made of.
func TestSession_aCorruptBatchIsNoMatterOfTheConnection(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		var log strings.Builder
		r.Explain = func(error) string { return "the broker wants TLS" }
		r.Faults = logging.NewFaultLog(slog.New(slog.NewTextHandler(&log, nil)))
		for kind, want := range map[fetch.FaultKind]string{fetch.FaultCorrupt: "error=\"unexpected EOF\"", fetch.FaultRetry: "wants TLS"} {
			log.Reset()
			r.intake.faulted(r.part(0), &fetch.Fault{Kind: kind, Err: io.ErrUnexpectedEOF}, time.Now())
			if !strings.Contains(log.String(), want) {
				t.Errorf("%q is not in the log:\n%s", want, log.String())
			}
		}
	})
}
