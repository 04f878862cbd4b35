package letters

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func letterAt(offset int64, bytes int) *Letter {
	return &Letter{Original: fetch.Original{Offset: offset, Record: kafka.Record{Value: make([]byte, bytes)}}}
}

// topicOf answers each letter by its offset.
type topicOf func(offset int64) error

func (f topicOf) Write(_ context.Context, batch []*Letter) (errs []error) {
	for _, l := range batch {
		errs = append(errs, f(l.Offset))
	}
	return errs
}

func (f topicOf) Close() error { return nil }

func newQueue(limit int64) (*Queue, *budget.Budget) {
	b := budget.New(limit, budget.Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }, Receipts: func() int64 { return 0 }})
	return NewQueue(b, 5*time.Second), b
}

// TestQueue_agreesWithAList plays random letters against a topic that takes, refuses
// and fails: what is done, refused, and left is what a plain list says, in order, and
// the budget is charged for what is left.
func TestQueue_agreesWithAList(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		q, b := newQueue(64 << 20)
		away, gone := errors.New("no leader"), &kafka.RefusedError{Code: kafka.CodeTopicDenied}
		var posted, done, refused []int64
		now := start
		for offset := int64(0); offset < 300; {
			for range rnd.IntN(40) {
				q.Post(letterAt(offset, rnd.IntN(64<<10)))
				posted = append(posted, offset)
				offset++
			}
			batch := q.Take(now)
			if batch != nil && q.Take(now) != nil {
				t.Fatalf("seed %d: two batches are in flight", seed)
			}
			outage := rnd.IntN(3) == 0
			if batch != nil {
				Write(t.Context(), topicOf(func(o int64) error {
					switch {
					case outage:
						return away
					case o%7 == 0:
						return gone
					}
					return nil
				}), batch)
				d, r, err := q.Answered(batch, now)
				if (err != nil) != outage || q.Failing() != outage {
					t.Fatalf("seed %d: error %v, failing %t in an outage %t", seed, err, q.Failing(), outage)
				}
				done, refused = appendOffsets(done, d), appendOffsets(refused, r)
			}
			now = now.Add(time.Duration(rnd.IntN(10)) * time.Second)
		}
		var want []int64
		bytes := int64(0)
		for l := range q.Waiting() {
			want = append(want, l.Offset)
			bytes += l.Size()
		}
		all := slices.Concat(done, refused, want)
		slices.Sort(all)
		switch {
		case !slices.Equal(all, posted):
			t.Fatalf("seed %d: letters are lost or doubled", seed)
		case !slices.IsSorted(done) || !slices.IsSorted(refused) || !slices.IsSorted(want):
			t.Fatalf("seed %d: the order is lost", seed)
		case b.Held(budget.Letters) != bytes || q.Pending() != len(want):
			t.Fatalf("seed %d: %d bytes are charged for %d that wait", seed, b.Held(budget.Letters), bytes)
		}
	}
}

func appendOffsets(to []int64, batch []*Letter) []int64 {
	for _, l := range batch {
		to = append(to, l.Offset)
	}
	return to
}

// TestQueue_rests longer after each failure, and not once it is over.
func TestQueue_rests(t *testing.T) {
	q, _ := newQueue(64 << 20)
	if !q.Due().IsZero() {
		t.Error("nothing is due")
	}
	q.Post(letterAt(1, 10))
	now := start
	for _, rest := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		batch := q.Take(now)
		if batch == nil || !q.InFlight() || !q.Due().IsZero() {
			t.Fatalf("%d letters are taken, in flight %t", len(batch), q.InFlight())
		}
		Write(t.Context(), topicOf(func(int64) error { return errors.New("no leader") }), batch)
		if _, _, err := q.Answered(batch, now); err == nil {
			t.Fatal("no error is told")
		}
		rest *= time.Millisecond
		if at := now.Add(rest); !q.Due().Equal(at) || q.Take(at.Add(-1)) != nil {
			t.Fatalf("due after %s, want %s", q.Due().Sub(now), rest)
		}
		now = now.Add(rest)
	}
	batch := q.Take(now)
	Write(t.Context(), topicOf(func(int64) error { return nil }), batch)
	if done, _, err := q.Answered(batch, now); len(done) != 1 || err != nil || q.Failing() || q.Pending() != 0 {
		t.Error("it fails still")
	}
}

// TestQueue_bounds: a batch has bounds of its own, and one letter always has room.
func TestQueue_bounds(t *testing.T) {
	for _, tc := range []struct {
		letters, bytes, batch int
	}{
		{10, 100, 10},
		{600, 100, batchCount},
		{3, 600 << 10, 1},
		{2, 3 << 20, 1},
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", tc.letters, tc.bytes), func(t *testing.T) {
			q, _ := newQueue(64 << 20)
			for o := range tc.letters {
				q.Post(letterAt(int64(o), tc.bytes))
			}
			if got := len(q.Take(start)); got != tc.batch {
				t.Errorf("%d letters are written at once, want %d", got, tc.batch)
			}
		})
	}
	q, _ := newQueue(64 << 20)
	if !q.Fits(most+1, 1<<30) || !q.Few() {
		t.Error("the first ones have no room")
	}
	q.Post(letterAt(0, 10))
	if !q.Fits(most-1, 10) || q.Fits(most, 10) || q.Fits(1, 64<<20) {
		t.Error("the bounds do not hold")
	}
	for o := range most / 2 {
		q.Post(letterAt(int64(o), 0))
	}
	if q.Few() {
		t.Error("half of the bound are few")
	}
}
