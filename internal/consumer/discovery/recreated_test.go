package discovery_test

import (
	"testing"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// TestStarts_aTopicWhoseOffsetsAreGone: a topic that was created anew counts as that also
// where the brokers have forgotten the group's offsets with the old one, and no other
// partition without a commit does.
func TestStarts_aTopicWhoseOffsetsAreGone(t *testing.T) {
	for name, tc := range map[string]struct {
		recreated []string
		committed int64
		fresh     bool
		reset     string
		offset    int64
	}{
		"created anew":                {[]string{"orders"}, -1, false, "recreated", 3},
		"new":                         {[]string{"users"}, -1, false, "", 3},
		"created anew, and committed": {[]string{"orders"}, 4, false, "", 4},
		"of a new group":              {[]string{"orders"}, -1, true, "", 9},
	} {
		s := discovery.Starts{Reset: ledger.ResetLatest, Recreated: tc.recreated}
		at := s.Place(kafka.TopicPartition{Topic: "orders"}, kafka.Committed{Offset: tc.committed, LeaderEpoch: -1}, kafka.Range{Begin: 3, Stable: 9, End: 9}, tc.fresh).At
		if at.Reset != tc.reset || at.Offset != tc.offset {
			t.Errorf("%s: it starts at %d, reset %q, want %d, %q", name, at.Offset, at.Reset, tc.offset, tc.reset)
		}
	}
}
