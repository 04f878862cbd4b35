package fetch

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// resumed is a fetcher with one partition, which others have read up to 40 and which is
// read from 10 on. The newest leader epoch of that was epoch.
func resumed(epoch int32) (*Fetcher, *Cursor) {
	f := New(&Config{Requests: Requests{MaxBytes: 16 << 20, MaxWait: time.Minute}, Failed: func(string) {}}, nil, NewAllowance(32<<20, 32<<20), 1, func() {})
	c := f.Open(kafka.TopicPartition{Topic: "orders"}, wire.UUID{1}, 10, 40, epoch, 1, 0, false)
	c.StableOffset.Store(1000)
	return f, c
}

// TestFetcher_confirmsWhatOthersHaveRead: a partition whose earlier owner has read far
// beyond its commit is not read before the leader has compared its log with that.
func TestFetcher_confirmsWhatOthersHaveRead(t *testing.T) {
	more := recordbatch.Batch{Base: 40, Last: 44, Records: []recordbatch.Record{{Offset: 40, Value: []byte("{}")}}}
	for name, tc := range map[string]struct {
		answer wire.FetchedPartition
		fault  *Fault // nil: it is read from its position on
		again  bool   // it is still to be confirmed
	}{
		"the leader has all of it":          {answer: wire.FetchedPartition{}},
		"the leader has more":               {answer: wire.FetchedPartition{Records: more.Encode()}},
		"the histories part before its end": {answer: wire.FetchedPartition{DivergingEndOffset: 20}, fault: &Fault{Kind: FaultTruncated, Offset: 20}, again: true},
		"the log is shorter, without a word of where they part": {
			answer: wire.FetchedPartition{ErrorCode: int16(kafka.CodeOffsetOutOfRange)}, fault: &Fault{Kind: FaultOutOfRange}, again: true},
		"another broker leads": {answer: wire.FetchedPartition{ErrorCode: int16(kafka.CodeNotLeader)}, again: true},
	} {
		t.Run(name, func(t *testing.T) {
			f, c := resumed(3)
			f.cfg.Rack = "near"
			batch, _ := f.gather(1)
			if p := f.request(batch).Partitions[0]; p.Offset != 40 || p.LastFetchedEpoch != 3 || p.MaxBytes != 1 || batch[0].racked {
				t.Fatalf("asked for %+v, of the rack: %t", p, batch[0].racked)
			}
			if tc.answer.DivergingEndOffset == 0 {
				tc.answer.DivergingEndOffset = -1
			}
			if wait := f.request(batch).MaxWait; wait != 0 {
				t.Errorf("the leader waits %s for records that are not to be read", wait)
			}
			answerWith(t, f, batch[0], tc.answer)
			if heard := len(f.Work[0]) > 0; heard != (tc.fault != nil) {
				t.Fatalf("the loop hears of it: %t", heard)
			} else if heard {
				if w := <-f.Work[0]; w.fault == nil || w.fault.Kind != tc.fault.Kind || w.fault.Offset != tc.fault.Offset || w.From != 10 {
					t.Errorf("the loop hears of %+v at %d", w.fault, w.From)
				}
			}
			f.Reset(c, 10, time.Time{})
			batch, _ = f.gather(1)
			want := int64(10)
			if tc.again {
				want = 40
			}
			if p := f.request(batch).Partitions[0]; p.Offset != want || p.LastFetchedEpoch != 3 || batch[0].racked != !tc.again {
				t.Errorf("then asked for %+v, of the rack: %t; want %d", p, batch[0].racked, want)
			}
			f.release(batch, time.Time{})
			f.Forget(c, 20) // the loop has decided
			if batch, _ = f.gather(1); batch[0].from != 10 {
				t.Errorf("in the end asked for %d, want 10", batch[0].from)
			}
		})
	}
}

// Nothing can be compared where no epoch is known.
func TestFetcher_confirmsNothingWithoutAnEpoch(t *testing.T) {
	f, _ := resumed(-1)
	if batch, _ := f.gather(1); batch[0].from != 10 {
		t.Errorf("asked for %d, want 10", batch[0].from)
	}
}

// The epoch that is committed is at least that of all that was done, or none, also while
// what an earlier owner has done is read again from far below.
func TestFetcher_anEpochIsThatOfAllThatWasRead(t *testing.T) {
	f, c := resumed(3)
	batch, _ := f.gather(1)
	a := batch[0]
	reads := func(next int64, epoch, want int32) {
		t.Helper()
		f.moved(a, wire.Tail{Next: next, LeaderEpoch: epoch}, 100, time.Time{})
		if a.Offset != next || f.EpochOf(c) != want {
			t.Errorf("goes on at %d, epoch %d, want %d and %d", a.Offset, f.EpochOf(c), next, want)
		}
		f.Reset(c, next, time.Time{})
		batch, _ = f.gather(1)
		a = batch[0]
	}
	reads(15, 2, 3)
	reads(40, 2, 3)
	reads(41, 4, 4)
	f.Forget(c, 60)
	reads(50, 5, -1)
	reads(70, 6, 6)
}
