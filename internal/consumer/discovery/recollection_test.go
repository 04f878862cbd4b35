package discovery

import (
	"testing"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

func TestRecollections_Recall(t *testing.T) {
	tp, id := kafka.TopicPartition{Topic: "orders", Partition: 3}, wire.UUID{1}
	acked, sent := ledger.CommitPoint{Offset: 40, Metadata: "acked"}, ledger.CommitPoint{Offset: 70, Metadata: "sent"}
	known := Recollections{tp: {TopicID: id, Acked: acked, Sent: sent, Known: ledger.CommitPoint{Offset: 100, Metadata: "known"}, Epoch: 7}}
	for _, tc := range []struct {
		name  string
		group ledger.CommitPoint
		topic wire.UUID
		want  kafka.Committed
	}{
		{"the group has our last acknowledged commit", acked, id, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"the group has the commit that was never answered", sent, id, kafka.Committed{Offset: 100, LeaderEpoch: 7, Metadata: "known"}},
		{"somebody else has committed", ledger.CommitPoint{Offset: 55, Metadata: "theirs"}, id, kafka.Committed{Offset: 55, Metadata: "theirs"}},
		{"an operator has reset the offset to where it was", ledger.CommitPoint{Offset: 40}, id, kafka.Committed{Offset: 40}},
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
	if _, more := known.Recall(kafka.TopicPartition{Topic: "users", Partition: 3}, id, kafka.Committed{Offset: 40, Metadata: "acked"}); more {
		t.Error("another partition is remembered")
	}
}
