package session

import (
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// passes makes the session take in a chunk that brings partition 0 up to next, without a
// record.
func (r *sessionRig) passes(next int64) {
	r.t.Helper()
	p := r.part(0)
	c := fetch.NewChunk(p.Cursor, p.Cursor.Epoch.Load())
	c.Start, c.Next = p.Ledger.Position(), next
	r.intake.take(c)
}

// Offsets without a record, as compaction and transactions leave them, are progress like
// others: they are committed, end a failure, and may end the log. Records are as old as
// the last one all the same.
func TestSession_offsetsWithoutARecordAreProgress(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, recordbatch.InNS(0, "a"))
		r.after(2 * age)
		p := r.part(0)
		seen, opened := p.LastSeen, p.CaughtUp
		p.Dirty, p.Backoff = false, time.Minute
		r.passes(900)
		r.watermark(0, 900)
		if !p.Dirty || p.Backoff != 0 {
			t.Errorf("there is something to commit: %t; after a failure it would rest for twice %s", p.Dirty, p.Backoff)
		}
		if seen == 0 || p.LastSeen != seen || p.CaughtUp != opened {
			t.Errorf("the last record is of %d, want %d; all was read at %s, want %s", p.LastSeen, seen, p.CaughtUp, opened)
		}
		if r.passes(1000); p.CaughtUp != time.Now() {
			t.Errorf("all is read now, and the partition says at %s", p.CaughtUp)
		}
	})
}

// Of a chunk with more unusable records than may be held, those count that will be: not
// what an earlier owner has done, nor what is left out by name.
func TestSession_countsTheRecordsThatWillBeHeld(t *testing.T) {
	const records = assignment.MaxSingles + 100
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	text, _ := ledger.New(0, ledger.Frontier{Below: 200}).Encode(ledger.Metadata{TopicID: ledger.Identity(ownTopic, "cluster"), Fingerprint: process.FingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
	for name, tc := range map[string]struct {
		committed map[kafka.TopicPartition]kafka.CommitOffset
		skipped   ledger.Offsets
		position  int64
	}{
		"all of them are new":             {position: assignment.MaxSingles},
		"some are done":                   {committed: map[kafka.TopicPartition]kafka.CommitOffset{tp: {Offset: 0, LeaderEpoch: -1, Metadata: text}}, position: records},
		"some are left out by name":       {skipped: ledger.Offsets{{First: 0, Last: 199}}, position: records},
		"one too few is left out by name": {skipped: ledger.Offsets{{First: 0, Last: 98}}, position: records - 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newSessionRig(t, tc.committed, func(c *process.Config) {
					c.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{tp: tc.skipped}
				})
				r.feed(0, poison(0, records-1)...)
				if p := r.part(0); p.Ledger.Position() != tc.position || p.Ledger.Held() > assignment.MaxSingles {
					t.Errorf("the position is %d, want %d; %d records are held", p.Ledger.Position(), tc.position, p.Ledger.Held())
				}
			})
		})
	}
}
