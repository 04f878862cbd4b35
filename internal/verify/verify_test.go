package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

func TestRun_accounts(t *testing.T) {
	type counts struct{ deliveries, covered, dead, left, missing, twice, gone int64 }
	for _, tc := range []struct {
		name  string
		scene func(s *scene)
		want  counts
	}{
		{"all in one receipt", func(s *scene) {
			s.records(0, "a", "a", "a")
			s.receipt("a", piece(0, 0, 2, 3))
		}, counts{deliveries: 3, covered: 3}},
		{"two namespaces that alternate, and one record for both", func(s *scene) {
			s.records(0, "a", "b", "a", "b", "a,b")
			s.receipt("a", piece(0, 0, 4, 3))
			s.receipt("b", piece(0, 1, 4, 3))
		}, counts{deliveries: 6, covered: 6}},
		{"receipts that came in another order than the records", func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 3, 3, 1))
			s.receipt("a", piece(0, 0, 0, 1))
			s.receipt("a", piece(0, 1, 2, 2))
		}, counts{deliveries: 4, covered: 4}},
		{"a receipt of several partitions", func(s *scene) {
			s.records(0, "a", "a")
			s.records(1, "a")
			s.receipt("a", piece(1, 0, 0, 1), piece(0, 0, 1, 2))
		}, counts{deliveries: 3, covered: 3}},
		{"a receipt that was written again with its end", func(s *scene) {
			s.records(0, "a")
			r := s.receipt("a", piece(0, 0, 0, 1))
			r.Status = "succeeded"
			s.write(r)
		}, counts{deliveries: 1, covered: 1}},
		{"nothing stored of one namespace", func(s *scene) {
			s.records(0, "a", "b", "a")
			s.receipt("a", piece(0, 0, 2, 2))
		}, counts{deliveries: 3, covered: 2, missing: 1}},
		{"a hole between two receipts", func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.receipt("a", piece(0, 3, 3, 1))
		}, counts{deliveries: 4, covered: 2, missing: 2}},
		{"a receipt that holds fewer lines than its range has", func(s *scene) {
			s.records(0, "a", "a", "a")
			s.receipt("a", piece(0, 0, 2, 2))
		}, counts{deliveries: 3, covered: 2, missing: 1}},
		{"what a receipt's range leaves out is in another", func(s *scene) {
			s.records(0, "a", "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 4, 3))
			s.receipt("a", piece(0, 1, 2, 2))
		}, counts{deliveries: 5, covered: 5}},
		{"what a receipt's range leaves out became dead letters", func(s *scene) {
			s.records(0, "a", "a", "a")
			s.receipt("a", piece(0, 0, 2, 2))
			s.letter("a", 0, 1)
		}, counts{deliveries: 3, covered: 2, dead: 1}},
		{"stored twice after a crash", func(s *scene) {
			s.records(0, "a", "a", "a")
			s.receipt("a", piece(0, 0, 1, 2))
			s.receipt("a", piece(0, 0, 2, 3))
		}, counts{deliveries: 3, covered: 3, twice: 2}},
		{"stored, and a dead letter too", func(s *scene) {
			s.records(0, "a", "a")
			s.receipt("a", piece(0, 0, 1, 2))
			s.letter("a", 0, 1)
		}, counts{deliveries: 2, covered: 2, twice: 1}},
		{"a dead letter that was produced twice", func(s *scene) {
			s.records(0, "!no_id")
			s.policy = record.DeadLetter
			s.letter("", 0, 0)
			s.letter("", 0, 0)
		}, counts{deliveries: 1, dead: 1}},
		{"a dead letter that is not there", func(s *scene) {
			s.records(0, "!no_id", "!no_id")
			s.policy = record.DeadLetter
			s.letter("", 0, 0)
		}, counts{deliveries: 2, dead: 1, missing: 1}},
		{"left out", func(s *scene) {
			s.records(0, "!tombstone", "!no_id", "a")
			s.receipt("a", piece(0, 2, 2, 1))
		}, counts{deliveries: 3, covered: 1, left: 2}},
		{"left out once, and held by the present policy", func(s *scene) {
			s.records(0, "!no_id")
			s.policy = record.Hold
		}, counts{deliveries: 1, left: 1}},
		{"a dead letter that the present policy would leave out", func(s *scene) {
			s.records(0, "!no_id")
			s.letter("", 0, 0)
		}, counts{deliveries: 1, dead: 1}},
		{"the record as a whole became a dead letter, and would be lines today", func(s *scene) {
			s.records(0, "a,b")
			s.letter("", 0, 0)
		}, counts{deliveries: 2, dead: 2}},
		{"records that were compacted away after they were stored", func(s *scene) {
			s.records(0, "-", "a", "-", "-")
			s.receipt("a", piece(0, 0, 1, 2))
			s.receipt("a", piece(0, 2, 3, 2))
		}, counts{deliveries: 1, covered: 1, gone: 3}},
		{"receipts without records between those with some", func(s *scene) {
			s.records(0, "a", "-", "-", "a", "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.receipt("a", piece(0, 1, 2, 2))
			s.receipt("a", piece(0, 3, 3, 1))
			s.receipt("a", piece(0, 4, 4, 1))
		}, counts{deliveries: 3, covered: 3, gone: 2}},
		{"a lack of one receipt is not made up for by another's surplus", func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 1, 1))
			s.receipt("a", piece(0, 2, 3, 2))
			s.receipt("a", piece(0, 2, 3, 2))
		}, counts{deliveries: 4, covered: 3, missing: 1, twice: 2}},
		{"a receipt for another namespace of the same records", func(s *scene) {
			s.records(0, "a")
			s.receipt("b", piece(0, 0, 0, 1))
		}, counts{deliveries: 1, missing: 1, gone: 1}},
		{"receipts of a topic that was deleted and made anew", func(s *scene) {
			s.records(0, "a")
			s.receipt("a", piece(0, 0, 0, 1))
			s.ids = "id-2"
		}, counts{deliveries: 1, missing: 1}},
		{"a receipt that goes on behind the committed offset", func(s *scene) {
			s.records(0, "a", "a")
			s.receipt("a", piece(0, 1, 9, 9))
			s.receipt("a", piece(0, 0, 0, 1))
		}, counts{deliveries: 2, covered: 2}},
		{"a receipt that begins before, and was stored twice or holds lines there", func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 3, 2))
			s.receipt("a", piece(0, 0, 3, 2))
			s.from = map[int32]int64{0: 2}
		}, counts{deliveries: 2, covered: 2}},
		{"the same, and one that is known to be twice", func(s *scene) {
			s.records(0, "a", "a", "a", "a")
			s.receipt("a", piece(0, 0, 3, 2))
			s.receipt("a", piece(0, 2, 3, 2))
			s.receipt("a", piece(0, 2, 3, 2))
			s.from = map[int32]int64{0: 2}
		}, counts{deliveries: 2, covered: 2, twice: 2}},
		{"no record", func(s *scene) { s.records(0) }, counts{}},
		{"what is no receipt and no dead letter", func(s *scene) {
			s.records(0, "a")
			s.append("receipts", fakeRecord{value: "{}"})
			s.append("dead", fakeRecord{value: "x"})
			s.receipt("a", piece(0, 0, 0, 1))
		}, counts{deliveries: 1, covered: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, limit := range []int{1, 2, 1000} {
				s := newScene(t)
				s.limit = limit
				tc.scene(s)
				p := s.run().Total
				got := counts{p.Deliveries, p.Covered, p.DeadLettered, p.LeftOut, p.Missing, p.CoveredTwice, p.Gone}
				if got != tc.want {
					t.Errorf("with %d covers at once: %+v, want %+v", limit, got, tc.want)
				}
				if p.Covered+p.DeadLettered+p.LeftOut+p.Missing != p.Deliveries {
					t.Errorf("the counts do not add up: %+v", p)
				}
			}
		})
	}
}

func TestRun_saysWhereSomethingIsMissing(t *testing.T) {
	s := newScene(t)
	s.records(0, "a", "a", "a", "b", "a", "!no_id")
	s.policy = record.DeadLetter
	s.receipt("a", piece(0, 4, 4, 1))
	p := s.run().Partitions[0]
	if got := fmt.Sprint(p.Examples); got != "[{0 2 a 3 } {3 3 b 1 } {5 5  1 no_id}]" || p.Missing != 5 {
		t.Errorf("%d are missing: %s", p.Missing, got)
	}
}

func TestRun_tellsWhatItRead(t *testing.T) {
	s := newScene(t)
	s.records(0, "a", "!no_id")
	s.policy = record.Hold
	r := s.receipt("a", piece(0, 0, 0, 1))
	r.Settings = "then"
	s.write(r)
	s.append("receipts", fakeRecord{value: `{"version":7}`})
	s.letter("x", 0, 9)
	report := s.run()
	if got := report.Receipts; got.Read != 3 || got.Bad != 1 || got.OtherSettings != 1 || got.Letters != 1 || got.Passes != 1 || !got.Oldest.Equal(r.StoredAt) {
		t.Errorf("%+v", got)
	}
	if p := report.Partitions[0]; p.Unexplained != 1 || p.LeftOutWhy["no_id"] != 1 {
		t.Errorf("%+v", p)
	}
}

// TestRun_unreadableRecords are not missing, and left out if they are named.
func TestRun_unreadableRecords(t *testing.T) {
	for _, skip := range []int64{0, 1} {
		s := newScene(t)
		s.skip = skip
		s.records(0, "a", "corrupt", "-", "-", "-", "-", "-", "-", "-", "-", "-", "a")
		s.receipt("a", piece(0, 0, 11, 2))
		r := s.run()
		if p := r.Total; p.Deliveries != 12 || p.Covered != 2 || p.Missing != 0 || p.Unread+p.LeftOut != 10 || (p.LeftOut == 10) != (skip > 0) || (len(r.Notes) == 0) != (skip > 0) {
			t.Errorf("skipped from %d: %+v, %q", skip, p, r.Notes)
		}
	}
}

// TestRun_boundsItsNotes of batches that cannot be read, however many there are.
func TestRun_boundsItsNotes(t *testing.T) {
	s := newScene(t)
	for range 3 * maxUnreadNotes {
		s.records(0, "corrupt", "-", "-", "-", "-", "-", "-", "-", "-", "-")
	}
	s.receipt("a", piece(1, 0, 0, 1)) // of another partition
	r := s.run()
	if got := r.Notes; len(got) != maxUnreadNotes+1 || got[maxUnreadNotes] != "40 further Kafka batches cannot be read" || r.Total.Unread != 600 {
		t.Errorf("%d notes, the last one %q; %+v", len(got), got[len(got)-1], r.Total)
	}
}

// TestRun_readsRecordsOnce: however many passes the receipts take.
func TestRun_readsRecordsOnce(t *testing.T) {
	s := newScene(t)
	s.limit = 10
	for i := range 200 {
		s.records(int32(i%3), "a")
		s.receipt("a", piece(int32(i%3), int64(i/3), int64(i/3), 1))
	}
	counting := &countingSource{fakeKafka: s.kafka}
	in := input{Receipts: []scan.Range{{TopicPartition: tp("receipts", 0), To: scan.ToEnd}}, Limit: 10}
	for p := range int32(3) {
		in.Records = append(in.Records, scan.Range{TopicPartition: tp("t", p), TopicID: "id-1", To: s.next[p]})
	}
	report, err := run(t.Context(), in, counting, byValue{})
	if err != nil || report.Total.Covered != 200 || counting.records != 200 {
		t.Errorf("%+v, %d records were read, %v", report.Total, counting.records, err)
	}
	if passes := report.Receipts.Passes; passes < 20 || passes > 60 || report.Receipts.Read != 200 {
		t.Errorf("%d passes, %d receipts", passes, report.Receipts.Read)
	}
}

type countingSource struct {
	*fakeKafka
	records int
}

func (c *countingSource) Read(ctx context.Context, r *scan.Range, each func(*wire.Record) error, unread func(scan.Unread) error) error {
	return c.fakeKafka.Read(ctx, r, func(rec *wire.Record) error {
		if r.Topic == "t" {
			c.records++
		}
		return each(rec)
	}, unread)
}

func TestRun_failsWithItsSource(t *testing.T) {
	for _, topic := range []string{"t", "receipts", "dead"} {
		s := newScene(t)
		s.records(0, "a")
		in := input{Receipts: []scan.Range{{TopicPartition: tp("receipts", 0)}}, Letters: []scan.Range{{TopicPartition: tp("dead", 0)}}, Records: []scan.Range{{TopicPartition: tp("t", 0), To: 1}}}
		cause := errors.New("the broker is gone")
		if report, err := run(t.Context(), in, brokenSource{topic, cause}, byValue{}); !errors.Is(err, cause) || report != nil || !strings.Contains(err.Error(), "read ") {
			t.Errorf("%s: %+v, %v", topic, report, err)
		}
	}
}

// TestRun_failsWhereNobodyKnowsWhatARecordOwes: counts of a part would mislead.
func TestRun_failsWhereNobodyKnowsWhatARecordOwes(t *testing.T) {
	s := newScene(t)
	s.records(0, "a", "unknown schema", "a")
	in := input{Records: []scan.Range{{TopicPartition: tp("t", 0), To: 3}}}
	if report, err := run(t.Context(), in, s.kafka, byValue{}); !errors.Is(err, errNoSchema) || report != nil {
		t.Errorf("%+v, %v", report, err)
	}
}

type brokenSource struct {
	topic string
	err   error
}

func (b brokenSource) Read(_ context.Context, r *scan.Range, _ func(*wire.Record) error, _ func(scan.Unread) error) error {
	if r.Topic == b.topic {
		return b.err
	}
	return nil
}
