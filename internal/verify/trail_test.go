package verify

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
)

// trace finds out what became of a record of t/0. The group's offset is 4.
func (s *scene) trace(offset int64, receipted bool) (*Trail, error) {
	evidence := func(_ context.Context, since time.Time) (receipts, letters []scan.Range, err error) {
		if receipted {
			receipts = []scan.Range{{TopicPartition: tp("receipts", 0), To: scan.ToEnd}}
			if !since.IsZero() && s.late > 0 {
				receipts[0].From = s.late
			}
		}
		return receipts, []scan.Range{{TopicPartition: tp("dead", 0), To: scan.ToEnd}}, nil
	}
	in := search{Place: tp("t", 0).At(offset), TopicID: s.ids, Begin: s.from[0], End: s.next[0], Committed: 4, Evidence: evidence}
	return trace(s.t.Context(), in, s.kafka, byValue{s.policy, s.skip})
}

// summary is a trail in short.
func summary(t *Trail) string {
	var parts []string
	for _, d := range t.Deliveries {
		text := d.Namespace + ":" + d.State
		for _, i := range d.Imports {
			text += fmt.Sprintf(" %s[%d-%d]%s", i.RequestID, i.First, i.Last, i.Status)
		}
		for _, l := range d.Letters {
			text += fmt.Sprintf(" letter@%d", l.Offset)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func TestTrace_saysWhatBecameOfARecord(t *testing.T) {
	for _, tc := range []struct {
		name    string
		offset  int64
		scene   func(s *scene)
		want    string
		note    string // a part of the notes
		settled bool
	}{
		{"imported", 1, func(s *scene) {
			s.records(0, "a", "b", "a")
			s.receipt("a", piece(0, 0, 2, 2))
			s.receipt("b", piece(0, 1, 1, 1))
		}, "b:imported req_2[1-1]", "", true},
		{"evaluated, which the last receipt of its key says", 0, func(s *scene) {
			s.records(0, "a")
			r := s.receipt("a", piece(0, 0, 0, 1))
			r.Status, r.FinishedAt = "failed", time.UnixMilli(5)
			s.write(r)
		}, "a:imported req_1[0-0]failed", "", true},
		{"evaluated, which a receipt of its key says that is read before the first one", 0, func(s *scene) {
			s.records(0, "a")
			r := s.receipt("a", piece(0, 0, 0, 1))
			first := *r
			r.Status, r.FinishedAt = "failed", time.UnixMilli(5)
			s.write(r)
			s.write(&first)
		}, "a:imported req_1[0-0]failed", "", true},
		{"for two namespaces, one of which was refused", 0, func(s *scene) {
			s.records(0, "a,b")
			s.receipt("a", piece(0, 0, 0, 1))
			s.letter("b", 0, 0)
		}, "a:imported req_1[0-0], b:dead_lettered letter@0", "", true},
		{"stored twice", 0, func(s *scene) {
			s.records(0, "a", "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.receipt("a", piece(0, 0, 1, 2))
		}, "a:imported req_1[0-0] req_2[0-1]", "2 imports of a", true},
		{"missing", 2, func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 1, 2))
			s.receipt("a", piece(1, 0, 9, 10))
			s.letter("a", 0, 3)
		}, "a:missing", "", false},
		{"not committed", 5, func(s *scene) { s.records(0, "a", "a", "a", "a", "a", "a") }, "a:waiting", "", false},
		{"not committed, but stored", 5, func(s *scene) {
			s.records(0, "a", "a", "a", "a", "a", "a")
			s.receipt("a", piece(0, 5, 5, 1))
		}, "a:imported req_1[5-5]", "", true},
		{"left out", 0, func(s *scene) { s.records(0, "!tombstone") }, ":left_out", "", true},
		{"left out by a policy of then", 0, func(s *scene) { s.records(0, "!no_id"); s.policy = record.Hold }, ":left_out", "", true},
		{"held", 4, func(s *scene) { s.records(0, "a", "a", "a", "a", "!no_id"); s.policy = record.Hold }, ":held", "", false},
		{"dead-lettered", 0, func(s *scene) {
			s.records(0, "!no_id")
			s.policy = record.DeadLetter
			s.letter("", 0, 0)
		}, ":dead_lettered letter@0", "", true},
		{"a dead letter is missing", 0, func(s *scene) { s.records(0, "!no_id"); s.policy = record.DeadLetter }, ":missing", "", false},
		{"a dead letter that is not written yet", 4, func(s *scene) {
			s.records(0, "a", "a", "a", "a", "!no_id")
			s.policy = record.DeadLetter
		}, ":waiting", "", false},
		{"compacted away", 1, func(s *scene) {
			s.records(0, "a", "-", "b")
			s.receipt("a", piece(0, 0, 1, 2))
			s.receipt("b", piece(0, 2, 2, 1))
		}, "a:imported req_1[0-1]", "the log holds no record at this offset", true},
		{"deleted by retention", 1, func(s *scene) {
			s.records(0, "-", "-", "b")
			s.receipt("a", piece(0, 0, 1, 2))
			s.from = map[int32]int64{0: 2}
		}, "a:imported req_1[0-1]", "the log begins at offset 2", true},
		{"not written yet", 4, func(s *scene) { s.records(0, "a") }, "", "the log ends at offset 1", false},
		{"nothing was there", 1, func(s *scene) { s.records(0, "a", "-", "b") }, "", "the log holds no record", false},
		{"a topic that was made anew", 0, func(s *scene) {
			s.records(0, "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.ids = "id-2"
		}, "a:missing", "", false},
		{"a receipt that is much older than the record says", 0, func(s *scene) {
			s.records(0, "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.receipt("b", piece(0, 9, 9, 1))
			s.late = 1
		}, "a:imported req_1[0-0]", "", true},
		{"a batch that cannot be read", 0, func(s *scene) { s.records(0, "corrupt") }, "", "cannot be read", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			tc.scene(s)
			got, err := s.trace(tc.offset, true)
			if err != nil {
				t.Fatal(err)
			}
			notes := fmt.Sprint(got.Notes)
			if summary(got) != tc.want || !strings.Contains(notes, tc.note) || tc.note == "" && len(got.Notes) > 0 || got.Settled() != tc.settled {
				t.Errorf("%q, settled %t, notes %s; want %q, %q, settled %t", summary(got), got.Settled(), notes, tc.want, tc.note, tc.settled)
			}
		})
	}
}

// TestTrace_withoutReceipts: the committed offset alone tells, and the note what
// would tell more.
func TestTrace_withoutReceipts(t *testing.T) {
	s := newScene(t)
	s.records(0, "a", "a", "a", "a", "a")
	for offset, want := range map[int64]string{0: "a:committed", 4: "a:waiting"} {
		got, err := s.trace(offset, false)
		if err != nil || summary(got) != want || got.Settled() != (offset == 0) || !strings.Contains(fmt.Sprint(got.Notes), "set BRIDGE_RECEIPTS_TOPIC") {
			t.Errorf("%d: %q, %v, %v", offset, summary(got), got.Notes, err)
		}
	}
}

func TestTrace_failsWithItsSource(t *testing.T) {
	s := newScene(t)
	s.records(0, "unknown schema")
	if got, err := s.trace(0, true); err == nil || got != nil || !strings.Contains(err.Error(), errNoSchema.Error()) {
		t.Errorf("%+v, %v", got, err)
	}
}
