package fetch

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// answered is a fetcher with one partition that has been asked for, from offset
// 10 on.
func answered(t *testing.T) (f *Fetcher, a asked, refreshed *int) {
	t.Helper()
	refreshed = new(int)
	f = New(&Config{Requests: Requests{MaxBytes: 16 << 20}, Failed: func(string) {}}, nil, NewAllowance(32<<20, 32<<20), 1, func() { *refreshed++ })
	f.Open(kafka.TopicPartition{Topic: "orders", Partition: 0}, wire.UUID{1}, 10, 0, 3, 1, 0, false).StableOffset.Store(1000)
	batch, _ := f.gather(1)
	if len(batch) != 1 {
		t.Fatalf("%d partitions are asked for", len(batch))
	}
	return f, batch[0], refreshed
}

// answerWith delivers one partition's share of an answer.
func answerWith(t *testing.T, f *Fetcher, a asked, p wire.FetchedPartition) {
	t.Helper()
	p.Topic, p.DivergingEndOffset = "orders", max(p.DivergingEndOffset, -1)
	lease, err := f.fetched.Lend(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	res := &answer{FetchResponse: &wire.FetchResponse{Partitions: []wire.FetchedPartition{p}}, lease: lease}
	if _, err := f.deliver(t.Context(), []asked{a}, res); err != nil {
		t.Fatal(err)
	}
}

func TestFetcher_sortsOutErrors(t *testing.T) {
	for _, tc := range []struct {
		code    kafka.Code
		kind    FaultKind // FaultNone: the loop does not hear of it
		refresh bool
	}{
		{kafka.CodeOffsetOutOfRange, FaultOutOfRange, false},
		{kafka.CodeUnknownTopicID, FaultLost, true},
		{kafka.CodeUnknownTopic, FaultLost, true},
		{kafka.CodeNotLeader, FaultNone, true},
		{kafka.CodeFencedLeaderEpoch, FaultNone, true},
		{kafka.CodeTopicDenied, FaultRetry, false},
		{kafka.CodeCorruptMessage, FaultRetry, false},
	} {
		t.Run(tc.code.Error(), func(t *testing.T) {
			f, a, refreshed := answered(t)
			answerWith(t, f, a, wire.FetchedPartition{ErrorCode: int16(tc.code), DivergingEndOffset: -1})
			if (*refreshed > 0) != tc.refresh {
				t.Errorf("metadata is asked for %d times", *refreshed)
			}
			kind := FaultNone
			if len(f.Work[0]) > 0 {
				kind = (<-f.Work[0]).fault.Kind
			}
			if kind != tc.kind {
				t.Errorf("told as %d, want %d", kind, tc.kind)
			}
			if batch, next := f.gather(1); len(batch) != 0 || next.IsZero() {
				t.Error("it is asked for again without a rest")
			}
		})
	}
}

func TestFetcher_tellsWhereHistoriesPart(t *testing.T) {
	f, a, _ := answered(t)
	answerWith(t, f, a, wire.FetchedPartition{DivergingEndOffset: 7})
	if len(f.Work[0]) != 1 {
		t.Fatal("the loop does not hear of it")
	}
	if w := <-f.Work[0]; w.fault == nil || w.fault.Kind != FaultTruncated || w.fault.Offset != 7 {
		t.Errorf("told as %+v", w.fault)
	}
}

// Brokers answer with whole batches: one that ends before what was asked for, as
// compaction may leave it, does not lead backwards.
func TestFetcher_neverReadsBackwards(t *testing.T) {
	f, a, _ := answered(t)
	old := recordbatch.Batch{Base: 0, Last: 4, Records: []recordbatch.Record{{Offset: 0, Value: []byte("{}")}}}
	answerWith(t, f, a, wire.FetchedPartition{Records: old.Encode(), HighWatermark: 1000, LastStableOffset: 1000, DivergingEndOffset: -1})
	if a.Offset != 10 || a.BatchEpoch != 3 {
		t.Errorf("goes on at %d, epoch %d", a.Offset, a.BatchEpoch)
	}
	(<-f.Work[0]).Lease.Release()
}

// What an answer leaves out is asked for again after a rest, unless others have
// filled it.
func TestFetcher_restsWithoutAnAnswer(t *testing.T) {
	for _, size := range []int64{0, 1 << 20} {
		f, a, _ := answered(t)
		lease, err := f.fetched.Lend(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.deliver(t.Context(), []asked{a}, &answer{FetchResponse: &wire.FetchResponse{}, lease: lease, size: size}); err != nil {
			t.Fatal(err)
		}
		lease.Release()
		if batch, next := f.gather(1); (len(batch) == 0) != (size == 0) || next.IsZero() != (size > 0) {
			t.Errorf("of an answer of %d bytes: %d partitions are asked for, others at %s", size, len(batch), next)
		}
	}
}

func TestFetcher_asksForNoPartitionThatIsPausedOrRests(t *testing.T) {
	f := lagging(1000, 1000, 1000)
	now := time.Now()
	paused, rests := f.cursors[kafka.TopicPartition{Topic: "orders", Partition: 0}], f.cursors[kafka.TopicPartition{Topic: "orders", Partition: 1}]
	f.Pause(paused, true)
	f.Reset(rests, 0, now.Add(time.Hour))
	batch, next := f.gather(1)
	if got := partitionsOf(batch); len(got) != 1 || got[0] != 2 || !next.Equal(now.Add(time.Hour)) {
		t.Errorf("asks for %v, others at %s", got, next)
	}
	f.release(batch, time.Time{})
	f.Pause(paused, false)
	if batch, _ = f.gather(1); len(batch) != 2 {
		t.Errorf("asks for %v", partitionsOf(batch))
	}
}

// An answer that comes after a reset says nothing of where to read on.
func TestFetcher_answersOfBeforeAResetMoveNothing(t *testing.T) {
	f, a, _ := answered(t)
	f.Reset(a.Cursor, 5, time.Time{})
	f.moved(a, wire.Tail{Next: 20, LeaderEpoch: 4}, 100, time.Time{})
	if a.Offset != 5 || a.BatchEpoch != 3 {
		t.Errorf("goes on at %d, epoch %d", a.Offset, a.BatchEpoch)
	}
	if batch, _ := f.gather(1); len(batch) != 1 || batch[0].offset != 5 {
		t.Error("it is not asked for again from where it was reset to")
	}
}
