package assignment

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// rememberingSession owns one partition, has done everything below 100, and
// could commit only 40.
func rememberingSession(t *testing.T) (*Committer, kafka.TopicPartition, *Partition) {
	t.Helper()
	tp, id := kafka.TopicPartition{Topic: "orders", Partition: 3}, wire.UUID{1}
	p := NewPartition(tp, id, &Schedule{})
	p.Cursor, p.Ledger, p.Committed = &fetch.Cursor{BatchEpoch: 7}, ledger.New(40, ledger.Frontier{}), 40
	s := NewCommitter(&Assignment{Generation: &Generation{
		Process: &process.Process{Config: &process.Config{}, Fingerprint: "f.1.1", Dependencies: process.Dependencies{Log: slog.New(slog.DiscardHandler)}, Recollections: discovery.Recollections{}},
		Member:  Member{Generation: 3, Subscription: kafka.Subscription{IDs: map[string]wire.UUID{"orders": id}}},
		Fetcher: fetch.New(&fetch.Config{}, nil, nil, 1, func() {}),
	}, Partitions: map[kafka.TopicPartition]*Partition{tp: p}})
	p.Acked = ledger.CommitPoint{Offset: 40, Metadata: s.CommitOf(p).Metadata}
	p.Ledger.Advance(70)
	p.Sent = []ledger.CommitPoint{{Offset: 70, Metadata: s.CommitOf(p).Metadata}}
	p.Ledger.Advance(100)
	return s, tp, p
}

func TestRecollection(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.Remember()
	got := s.Recollections[tp]
	if got.Session != 3 || got.Epoch != 7 || !s.Known {
		t.Errorf("remembered of session %d, epoch %d; the group is known to have committed: %t", got.Session, got.Epoch, s.Known)
	}
	if got.TopicID != p.TopicID || got.Acked != p.Acked || !slices.Equal(got.Sent, p.Sent) || got.Known.Offset != 100 {
		t.Errorf("remembered %+v", got)
	}
	if m, err := ledger.Decode(got.Known.Metadata); err != nil || m.Committed != 100 {
		t.Errorf("remembered metadata %q: %v, committed %d, want 100", got.Known.Metadata, err, m.Committed)
	}
}

func TestRecollection_nothingBeyondTheCommit(t *testing.T) {
	s, _, p := rememberingSession(t)
	s.Remember()
	p.Acked = ledger.CommitPoint{Offset: 100, Metadata: s.CommitOf(p).Metadata}
	s.Remember()
	if len(s.Recollections) != 0 {
		t.Errorf("%d recollections of what the group knows, want 0", len(s.Recollections))
	}
}

// The group is no new one for a process that has ever seen a commit, though the
// generation that ends has seen none.
func TestRecollection_ofTheGroup(t *testing.T) {
	s, _, p := rememberingSession(t)
	p.Committed = -1
	if s.Remember(); s.Known {
		t.Error("a commit is known where none was seen")
	}
	s.Known = true
	if s.Remember(); !s.Known {
		t.Error("a commit that was seen is forgotten")
	}
}

// Of a partition that waits for a person nothing is remembered, nor of what was known
// before.
func TestRecollection_ofAHeldPartition(t *testing.T) {
	s, _, p := rememberingSession(t)
	s.Remember()
	s.assignment.HoldOut(p, errors.New("out of range"))
	if s.Remember(); len(s.Recollections) != 0 {
		t.Errorf("remembered %+v", s.Recollections)
	}
}

// A recollection stays in memory, and has room for what a commit leaves out.
func TestRecollection_leavesOutLessThanACommit(t *testing.T) {
	s, tp, p := rememberingSession(t)
	owed := ledger.Frontier{Below: 100_000, Except: map[string]int64{}}
	for i := range 1000 {
		owed.Except[fmt.Sprintf("namespace-%d", i)] = 50 + int64(i)
	}
	p.Ledger = ledger.New(40, owed)
	s.Remember()
	if m, err := ledger.Decode(s.Recollections[tp].Known.Metadata); err != nil || m.Frontier.Below != owed.Below || len(m.Frontier.Except) != 1000 {
		t.Errorf("%v: below %d, but for %d namespaces", err, m.Frontier.Below, len(m.Frontier.Except))
	}
}

// A generation in which the partition was never opened knows nothing of it, and takes
// nothing from what was known.
func TestRecollection_outlivesASessionThatDidNotOpenThePartition(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.Remember()
	before := s.Recollections[tp]
	p.Cursor = nil
	s.Remember()
	if !reflect.DeepEqual(s.Recollections[tp], before) {
		t.Errorf("%+v, before %+v", s.Recollections[tp], before)
	}
}

// A partition that seems lost may prove to be the same: what was stored of it by then
// is remembered, unless nothing tells its topic from another one.
func TestRecollection_ofAPartitionThatSeemsLost(t *testing.T) {
	s, tp, p := rememberingSession(t)
	s.assignment.Lose(p, kafka.CodeUnknownTopicID)
	s.Remember()
	if s.Recollections[tp].Known.Offset != 100 {
		t.Errorf("remembered %+v", s.Recollections[tp])
	}
	p.TopicID = wire.UUID{}
	s.Remember()
	if len(s.Recollections) != 0 {
		t.Errorf("remembered of a topic without an id: %+v", s.Recollections)
	}
}

// A start that no commit could tell the group of is remembered, so that it does not
// move, and with it what was stored from there on.
func TestRecollection_ofAStartThatWasNeverCommitted(t *testing.T) {
	s, tp, p := rememberingSession(t)
	p.Committed, p.Acked = -1, ledger.CommitPoint{Offset: -1}
	s.Remember()
	none := kafka.Committed{Offset: -1, LeaderEpoch: -1}
	if got, ok := s.Recollections.Recall(tp, p.TopicID, none); !ok || got.Offset != 100 {
		t.Errorf("%+v is recalled where nothing is committed, want 100", got)
	}
	if got, ok := s.Recollections.Recall(tp, wire.UUID{2}, none); ok {
		t.Errorf("%+v is recalled of a topic that was created anew", got)
	}
	p.TopicID = wire.UUID{}
	if s.Remember(); len(s.Recollections) != 0 {
		t.Errorf("remembered of a topic without an id: %+v", s.Recollections)
	}
}

// What outages and rebalances leave behind stays bounded, however many partitions
// this process has owned, and what is forgotten is counted and logged.
func TestRecollection_manyPartitionsStayBounded(t *testing.T) {
	s, tp, p := rememberingSession(t)
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	s.Log, s.Metrics = slog.New(slog.NewTextHandler(&log, nil)), report.NewMetrics(reg, 1)
	owed := ledger.Frontier{Below: 100_000, Except: map[string]int64{}}
	for i := range 2000 {
		owed.Except[fmt.Sprintf("namespace-%d", i)] = 50 + int64(i)
	}
	p.Ledger = ledger.New(40, owed)
	for i := range int32(500) {
		delete(s.assignment.Partitions, tp)
		tp.Partition, p.Partition = i, i
		s.assignment.Partitions[tp] = p
		s.Member.Generation = i
		s.Remember()
	}
	held := 0
	for _, known := range s.Recollections {
		held += len(known.Known.Metadata) + len(known.Acked.Metadata)
		for _, sent := range known.Sent {
			held += len(sent.Metadata)
		}
	}
	if held > discovery.RecollectionsRoom {
		t.Errorf("%d MiB are remembered of %d partitions", held>>20, len(s.Recollections))
	}
	if got := s.Recollections[tp]; got.Known.Offset != 40 {
		t.Errorf("of the last partition %+v is remembered", got)
	}
	if !strings.Contains(log.String(), "partitions_forgotten=1") {
		t.Errorf("the log says nothing of it: %s", log.String())
	}
	if counted, told := metricOf(t, reg, "bridge_partitions_forgotten_total", ""), strings.Count(log.String(), "partitions_forgotten="); counted < float64(told) {
		t.Errorf("%v are counted, of %d in the log", counted, told)
	}
}
