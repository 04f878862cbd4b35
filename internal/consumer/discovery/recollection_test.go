package discovery

import (
	"strings"
	"testing"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

func TestRecollections_Recall(t *testing.T) {
	tp, id := kafka.TopicPartition{Topic: "orders", Partition: 3}, wire.UUID{1}
	acked, early, sent := ledger.CommitPoint{Offset: 40, Metadata: "acked"}, ledger.CommitPoint{Offset: 60, Metadata: "early"}, ledger.CommitPoint{Offset: 70, Metadata: "sent"}
	known := Recollections{tp: {TopicID: id, Acked: acked, Sent: []ledger.CommitPoint{early, sent}, Known: ledger.CommitPoint{Offset: 100, Metadata: "known"}, Epoch: 7}}
	for _, tc := range []struct {
		name  string
		group ledger.CommitPoint
		topic wire.UUID
		want  kafka.Committed
	}{
		{"the group has our last acknowledged commit", acked, id, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"the group has the commit that was never answered", sent, id, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"the group has an earlier one that was never answered", early, id, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"somebody else has committed", ledger.CommitPoint{Offset: 55, Metadata: "theirs"}, id, kafka.Committed{Offset: 55, Metadata: "theirs"}},
		{"an operator has reset the offset to where it was", ledger.CommitPoint{Offset: 40}, id, kafka.Committed{Offset: 40}},
		{"the brokers name no id any more", acked, wire.UUID{}, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"the topic was created anew", acked, wire.UUID{2}, kafka.Committed{Offset: 40, Metadata: "acked"}},
		{"the group has it by now", ledger.CommitPoint{Offset: 100, Metadata: "known"}, id, kafka.Committed{Offset: 100, Metadata: "known"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, more := known.Recall(tp, tc.topic, kafka.Committed{Offset: tc.group.Offset, Metadata: tc.group.Metadata})
			if got != tc.want || more != (tc.want.LeaderEpoch == 7) {
				t.Errorf("%+v, %t, want %+v", got, more, tc.want)
			}
		})
	}
	same := Recollections{tp: {TopicID: id, Acked: acked, Sent: []ledger.CommitPoint{sent}, Known: sent}}
	if _, more := same.Recall(tp, id, kafka.Committed{Offset: sent.Offset, Metadata: sent.Metadata}); more {
		t.Error("what the group has counts as more than that")
	}
	if _, more := known.Recall(kafka.TopicPartition{Topic: "users", Partition: 3}, id, kafka.Committed{Offset: 40, Metadata: "acked"}); more {
		t.Error("another partition is remembered")
	}
}

// However much is remembered of however many partitions, it takes no more than its
// room: what the latest session knows stays, and of that as many as possible.
func TestRecollections_Bound(t *testing.T) {
	r := Recollections{}
	for i := range int32(100) {
		session, text := int32(1), 64<<10
		if i >= 50 {
			session, text = 2, 1000
		}
		if i == 99 {
			text = 60 << 10
		}
		r[kafka.TopicPartition{Topic: "orders", Partition: i}] = Recollection{Known: ledger.CommitPoint{Metadata: strings.Repeat("x", text)}, Session: session}
	}
	if n := r.Bound(8 << 20); n != 0 || len(r) != 100 {
		t.Errorf("%d are forgotten although all have room", n)
	}
	before := len(r)
	if n := r.Bound(100 << 10); n != before-len(r) {
		t.Errorf("%d are forgotten, and %d are gone", n, before-len(r))
	}
	taken := int64(0)
	for tp, known := range r {
		taken += r.bytes(tp)
		if known.Session == 1 {
			t.Errorf("%v of the earlier session is remembered", tp)
		}
	}
	if taken > 100<<10 || len(r) != 49 {
		t.Errorf("%d are remembered, %d bytes, want 49", len(r), taken)
	}
	if _, ok := r[kafka.TopicPartition{Topic: "orders", Partition: 99}]; ok {
		t.Error("the largest one is remembered")
	}
}

// Each one costs something beside its texts, and no more are forgotten than have no
// room.
func TestRecollections_Bound_exactly(t *testing.T) {
	r := Recollections{}
	for i := range int32(10) {
		r[kafka.TopicPartition{Topic: "orders", Partition: i}] = Recollection{}
	}
	each := int64(recollectionBytes + len("orders"))
	if n := r.Bound(9 * each); n != 1 {
		t.Errorf("%d are forgotten where nine have room", n)
	}
	if n := r.Bound(9*each - 1); n != 1 || r.Bound(0) != 8 {
		t.Errorf("%d are forgotten where a byte is missing; %d are left", n, len(r))
	}
}
