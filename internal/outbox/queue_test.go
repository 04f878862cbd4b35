package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/kafka"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// thing is an item with a number.
type thing struct {
	number int
	bytes  int64
}

func (i *thing) Outgoing() kafka.Record { return kafka.Record{Key: fmt.Append(nil, i.number)} }
func (i *thing) Size() int64            { return i.bytes }

// answers are the errors of a batch, each by the item's number.
func answers(batch []*thing, answer func(number int) error) (errs []error) {
	for _, i := range batch {
		errs = append(errs, answer(i.number))
	}
	return errs
}

// TestQueue_agreesWithAList plays random items against a topic that takes, refuses and
// fails: what is done, and what is left, is what a plain list says, in order.
func TestQueue_agreesWithAList(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		q := NewQueue[*thing](5 * time.Second)
		away, gone := errors.New("no leader"), &kafka.RefusedError{Code: kafka.CodeTopicDenied}
		var posted, done, refused []int
		now := start
		for number := 0; number < 300; {
			for range rnd.IntN(40) {
				q.Post(&thing{number, rnd.Int64N(64 << 10)})
				posted = append(posted, number)
				number++
			}
			batch := q.Take(now)
			if len(batch) > 0 && len(q.Take(now)) > 0 {
				t.Fatalf("seed %d: two batches are in flight", seed)
			}
			outage := rnd.IntN(3) == 0
			if len(batch) > 0 {
				errs := answers(batch, func(number int) error {
					switch {
					case outage && (number%2 == 0 || number == batch[0].number):
						return away
					case number%7 == 0:
						return gone
					}
					return nil
				})
				answered, err := q.Answered(errs, now)
				if (err != nil) != outage || q.Failing() != outage || !slices.Equal(answered, batch) {
					t.Fatalf("seed %d: error %v, failing %t in an outage %t", seed, err, q.Failing(), outage)
				}
				for i, item := range answered {
					if errs[i] == nil {
						done = append(done, item.number)
					} else if kafka.IsRefused(errs[i]) {
						refused = append(refused, item.number)
					}
				}
			}
			now = now.Add(time.Duration(rnd.IntN(10)) * time.Second)
		}
		var left []int
		bytes := int64(0)
		for i := range q.All() {
			left = append(left, i.number)
			bytes += i.Size()
		}
		all := slices.Concat(done, refused, left)
		slices.Sort(all)
		switch {
		case !slices.Equal(all, posted):
			t.Fatalf("seed %d: items are lost or doubled", seed)
		case !slices.IsSorted(left):
			t.Fatalf("seed %d: the order is lost", seed)
		case q.Bytes() != bytes || q.Pending() != len(left):
			t.Fatalf("seed %d: %d bytes are counted for %d that wait", seed, q.Bytes(), bytes)
		}
	}
}

// TestQueue_rests longer after each failure, and not once it is over.
func TestQueue_rests(t *testing.T) {
	q := NewQueue[*thing](5 * time.Second)
	if !q.Due().IsZero() {
		t.Error("nothing is due")
	}
	q.Post(&thing{1, 10})
	now := start
	for _, rest := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
		if batch := q.Take(now); len(batch) == 0 || !q.InFlight() || !q.Due().IsZero() {
			t.Fatalf("%d items are taken, in flight %t", len(batch), q.InFlight())
		}
		if _, err := q.Answered([]error{errors.New("no leader")}, now); err == nil {
			t.Fatal("no error is told")
		}
		rest *= time.Millisecond
		if at := now.Add(rest); !q.Due().Equal(at) || len(q.Take(at.Add(-1))) > 0 {
			t.Fatalf("due after %s, want %s", q.Due().Sub(now), rest)
		}
		now = now.Add(rest)
	}
	q.Take(now)
	if batch, err := q.Answered([]error{nil}, now); len(batch) != 1 || err != nil || q.Failing() || q.Pending() != 0 {
		t.Error("it fails still")
	}
}

func TestQueue_due(t *testing.T) {
	q := NewQueue[*thing](time.Minute)
	q.Post(&thing{1, 10})
	q.Take(start)
	now := start.Add(firstRest)
	if _, err := q.Answered([]error{errors.New("away")}, start); err == nil || !q.Due().Equal(now) {
		t.Errorf("%v; the next write is due at %s", err, q.Due())
	}
	q.Take(now)
	q.Post(&thing{2, 10})
	if !q.Due().IsZero() {
		t.Errorf("a second write is due at %s", q.Due())
	}
}

// A write has bounds, and one large item alone may pass that of bytes.
func TestQueue_boundsAWrite(t *testing.T) {
	for _, tc := range []struct {
		items int
		bytes int64
		want  []int
	}{
		{10, 100, []int{10}},
		{kafka.UsualBatchRecords + 1, 100, []int{kafka.UsualBatchRecords, 1}},
		{3, mostBytes / 2, []int{2, 1}},
		{3, mostBytes/2 + 1, []int{1, 1, 1}},
		{2, 3 * mostBytes, []int{1, 1}},
	} {
		t.Run(fmt.Sprintf("%d of %d bytes", tc.items, tc.bytes), func(t *testing.T) {
			q := NewQueue[*thing](time.Minute)
			for number := range tc.items {
				q.Post(&thing{number, tc.bytes})
			}
			var got []int
			for batch := q.Take(start); len(batch) > 0; batch = q.Take(start) {
				got = append(got, len(batch))
				_, _ = q.Answered(make([]error, len(batch)), start)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("writes of %v, want %v", got, tc.want)
			}
		})
	}
}

// hanging is a topic that never answers.
type hanging struct{ topic }

func (*hanging) Write(ctx context.Context, records []kafka.Record) []error {
	<-ctx.Done()
	return make([]error, len(records))
}

func TestWrite_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if Write(t.Context(), time.Minute, &hanging{}, []*thing{{1, 0}}); time.Since(began) != time.Minute {
			t.Errorf("a write without an answer takes %s", time.Since(began))
		}
	})
}
