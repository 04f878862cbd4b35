package session

import (
	"testing"

	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// rememberingSession owns one partition, has done everything below 100, and
// could commit only 40.
func rememberingSession(t *testing.T) (*Session, kafka.TopicPartition, *partition) {
	t.Helper()
	tp, id := kafka.TopicPartition{Topic: "orders", Partition: 3}, wire.UUID{1}
	p := &partition{TopicPartition: tp, topicID: id, cursor: &fetch.Cursor{}, ledger: ledger.New(40, ledger.Frontier{}), committed: 40, metadata: commits.NewLimit(ledger.MaxMetadata), commits: &commits.Schedule{}}
	s := stack(&base{
		Process: &Process{fingerprint: "f.1.1", recollections: discovery.Recollections{}},
		member:  Member{Subscription: kafka.Subscription{IDs: map[string]wire.UUID{"orders": id}}},
		fetcher: &fetch.Fetcher{},
	}, nil)
	s.partitions[tp] = p
	p.acked = ledger.CommitPoint{Offset: 40, Metadata: s.commits.commitOf(p).Metadata}
	p.ledger.Advance(70)
	p.sent = ledger.CommitPoint{Offset: 70, Metadata: s.commits.commitOf(p).Metadata}
	p.ledger.Advance(100)
	return s, tp, p
}

func TestRecollection(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.commits.remember()
	got := s.recollections[tp]
	if got.TopicID != p.topicID || got.Acked != p.acked || got.Sent != p.sent || got.Known.Offset != 100 {
		t.Errorf("remembered %+v", got)
	}
	if m, err := ledger.Decode(got.Known.Metadata); err != nil || m.Committed != 100 {
		t.Errorf("remembered metadata %q: %v, committed %d, want 100", got.Known.Metadata, err, m.Committed)
	}
}

func TestRecollection_nothingBeyondTheCommit(t *testing.T) {
	s, _, p := rememberingSession(t)
	s.commits.remember()
	p.acked = ledger.CommitPoint{Offset: 100, Metadata: s.commits.commitOf(p).Metadata}
	s.commits.remember()
	if len(s.recollections) != 0 {
		t.Errorf("%d recollections of what the group knows, want 0", len(s.recollections))
	}
}

// A generation in which the partition was never opened knows nothing of it, and takes
// nothing from what was known.
func TestRecollection_outlivesASessionThatDidNotOpenThePartition(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.commits.remember()
	before := s.recollections[tp]
	p.cursor = nil
	s.commits.remember()
	if s.recollections[tp] != before {
		t.Errorf("%+v, before %+v", s.recollections[tp], before)
	}
}

// A partition that seems lost may prove to be the same: what was stored of it by then
// is remembered, unless nothing tells its topic from another one.
func TestRecollection_ofAPartitionThatSeemsLost(t *testing.T) {
	s, tp, p := rememberingSession(t)
	p.lost = true
	s.commits.remember()
	if s.recollections[tp].Known.Offset != 100 {
		t.Errorf("remembered %+v", s.recollections[tp])
	}
	p.topicID = wire.UUID{}
	s.commits.remember()
	if len(s.recollections) != 0 {
		t.Errorf("remembered of a topic without an id: %+v", s.recollections)
	}
}
