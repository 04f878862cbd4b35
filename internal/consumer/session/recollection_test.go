package session

import (
	"testing"

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
	p := &partition{TopicPartition: tp, topicID: id, cursor: &fetch.Cursor{}, ledger: ledger.New(40, ledger.Frontier{}), committed: 40, metadata: room{size: metadataRoom}}
	s := &Session{
		Process:    &Process{fingerprint: "f.1.1", recollections: map[kafka.TopicPartition]recollection{}},
		member:     Member{IDs: map[string]wire.UUID{"orders": id}},
		fetcher:    &fetch.Fetcher{},
		partitions: map[kafka.TopicPartition]*partition{tp: p},
	}
	p.acked = mark{40, s.commitOf(p).Metadata}
	p.ledger.Advance(70)
	p.sent = mark{70, s.commitOf(p).Metadata}
	p.ledger.Advance(100)
	return s, tp, p
}

func TestRecollection(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.remember()
	for _, tc := range []struct {
		name  string
		group mark
		topic wire.UUID
		want  int64
	}{
		{"the group has our last acknowledged commit", p.acked, p.topicID, 100},
		{"the group has the commit that was never answered", p.sent, p.topicID, 100},
		{"somebody else has committed", mark{55, "kib1;theirs"}, p.topicID, 55},
		{"an operator has reset the offset to where it was", mark{40, ""}, p.topicID, 40},
		{"the topic was created anew", p.acked, wire.UUID{2}, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.member.IDs["orders"] = tc.topic
			got, more := s.recall(tp, kafka.Committed{Offset: tc.group.offset, Metadata: tc.group.metadata})
			if got.Offset != tc.want || more != (tc.want == 100) {
				t.Errorf("recall at %d = %d, %v, want %d", tc.group.offset, got.Offset, more, tc.want)
			}
			if !more {
				return
			}
			if m, err := ledger.Decode(got.Metadata); err != nil || m.Committed != 100 {
				t.Errorf("recalled metadata %q: %v, committed %d, want 100", got.Metadata, err, m.Committed)
			}
		})
	}
}

func TestRecollection_nothingBeyondTheCommit(t *testing.T) {
	s, _, p := rememberingSession(t)
	s.remember()
	p.acked = mark{100, s.commitOf(p).Metadata}
	s.remember()
	if len(s.recollections) != 0 {
		t.Errorf("%d recollections of what the group knows, want 0", len(s.recollections))
	}
}
