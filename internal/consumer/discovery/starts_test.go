package discovery

import (
	"errors"
	"testing"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// A group is new only where nothing is committed but what members of this very
// generation have resolved: else latest would leave out records.
func TestStarts_whichGroupIsNew(t *testing.T) {
	written := func(born int32) string {
		text, _ := ledger.New(5, ledger.Frontier{}).Encode(ledger.Metadata{TopicID: "t", Fingerprint: "f", Born: born}, ledger.MaxMetadata)
		return text
	}
	none := kafka.Committed{Offset: -1}
	for _, tc := range []struct {
		name    string
		known   bool
		commits []kafka.Committed
		want    bool
	}{
		{"nothing is committed", false, []kafka.Committed{none, none}, true},
		{"nothing is, but this process has known of commits", true, []kafka.Committed{none}, false},
		{"a member of this generation has resolved a start", false, []kafka.Committed{none, {Offset: 5, Metadata: written(7)}}, true},
		{"one of an earlier generation has", false, []kafka.Committed{none, {Offset: 5, Metadata: written(6)}}, false},
		{"an ordinary commit of another topic", false, []kafka.Committed{none, {Offset: 5, Metadata: written(0)}}, false},
		{"a commit of another program", false, []kafka.Committed{{Offset: 5, Metadata: "flink"}, none}, false},
		{"a commit without metadata", false, []kafka.Committed{{Offset: 0}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			offsets := map[kafka.TopicPartition]kafka.Committed{}
			for i, c := range tc.commits {
				offsets[kafka.TopicPartition{Topic: "orders", Partition: int32(i)}] = c
			}
			s := &Starts{Known: tc.known, Generation: 7}
			if got := s.fresh(offsets); got != tc.want {
				t.Errorf("the group is new: %t", got)
			}
		})
	}
}

// What keeps a partition from its start is sent once for each reason, and again once it
// is another one.
func TestStarts_report(t *testing.T) {
	s, out, told := &Starts{}, make(chan []Start, 1), map[kafka.TopicPartition]string{}
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	for i, tc := range []struct {
		reason string
		news   int
	}{{"denied", 1}, {"denied", 0}, {"not readable", 1}, {"not readable", 0}, {"denied", 1}} {
		problem := errors.New(tc.reason)
		if got := s.report(t.Context(), map[kafka.TopicPartition]error{tp: problem}, told, out); !errors.Is(got, problem) {
			t.Errorf("try %d: %v, want %v", i, got, problem)
		}
		if len(out) != tc.news {
			t.Fatalf("try %d: %d are sent, want %d", i, len(out), tc.news)
		}
		if tc.news > 0 {
			if sent := <-out; len(sent) != 1 || sent[0].TopicPartition != tp || !errors.Is(sent[0].Problem, problem) {
				t.Errorf("try %d: %+v is sent", i, sent)
			}
		}
	}
}
