package outbox

import (
	"context"
	"iter"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// Item is a record on its way to a topic, with whatever waits for it.
type Item interface {
	// Outgoing returns the record as it is written.
	Outgoing() kafka.Record
	// Size returns the bytes of memory that the item takes, at all times the same.
	Size() int64
}

// Writer produces records to a topic and waits until every replica in sync has them;
// *kafka.Producer is one, and says what the errors mean. They are in the order of the
// records.
type Writer interface {
	Write(ctx context.Context, records []kafka.Record) []error
	// Close ends what Write has started. No Write may be under way.
	Close() error
}

// Write writes a batch within the time given by patience, and returns the errors in its
// order. It may run on any goroutine.
func Write[T Item](ctx context.Context, patience time.Duration, w Writer, batch []T) []error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	records := make([]kafka.Record, len(batch))
	for i, item := range batch {
		records[i] = item.Outgoing()
	}
	return w.Write(ctx, records)
}

const (
	mostBytes = 1 << 20                // of one write, unless a single item is larger
	firstRest = 100 * time.Millisecond // after a write that has failed
)

// Queue holds items in the order of posting until their topic has them, or refuses them
// for good. One batch of them is in flight at a time, so that the order is kept. It has
// no goroutine and no clock, and is not safe for concurrent use.
type Queue[T Item] struct {
	maxRest   time.Duration
	items     []T // those in flight first
	inFlight  int
	bytes     int64 // of items
	rest      time.Duration
	restUntil time.Time
}

// NewQueue returns an empty queue, which rests for at most maxRest between tries of
// what cannot be written.
func NewQueue[T Item](maxRest time.Duration) *Queue[T] { return &Queue[T]{maxRest: maxRest} }

// Post adds an item.
func (q *Queue[T]) Post(item T) {
	q.items = append(q.items, item)
	q.bytes += item.Size()
}

// Pending returns how many items the topic has neither acknowledged nor refused.
func (q *Queue[T]) Pending() int { return len(q.items) }

// Bytes returns the memory of the pending items.
func (q *Queue[T]) Bytes() int64 { return q.bytes }

// All returns the pending items in their order.
func (q *Queue[T]) All() iter.Seq[T] { return slices.Values(q.items) }

// InFlight reports whether a batch is being written.
func (q *Queue[T]) InFlight() bool { return q.inFlight > 0 }

// Failing reports whether the last batch could not be written in whole.
func (q *Queue[T]) Failing() bool { return q.rest > 0 }

// Due returns when there is a batch to write, zero if that waits for an answer or
// there is nothing to write.
func (q *Queue[T]) Due() time.Time {
	if len(q.items) == 0 || q.InFlight() {
		return time.Time{}
	}
	return q.restUntil
}

// Take returns the batch to be written now, which is empty if there is none. Whoever
// takes one gives its errors to Answered.
func (q *Queue[T]) Take(now time.Time) []T {
	if q.InFlight() || q.restUntil.After(now) {
		return nil
	}
	n, size := 0, int64(0)
	for n < len(q.items) && n < kafka.UsualBatchRecords {
		if size += q.items[n].Size(); n > 0 && size > mostBytes {
			break
		}
		n++
	}
	q.inFlight = n
	return slices.Clone(q.items[:n])
}

// Answered takes the errors of the batch that was written, and returns that batch. What
// the topic has, and what it refuses for good, leaves the queue. The rest is written
// again later, before all others, and failure is why.
func (q *Queue[T]) Answered(errs []error, now time.Time) (batch []T, failure error) {
	batch = slices.Clone(q.items[:q.inFlight])
	again := q.items[:0]
	for i, item := range batch {
		if err := errs[i]; err == nil || kafka.IsRefused(err) {
			q.bytes -= item.Size()
			continue
		}
		if again = append(again, item); failure == nil {
			failure = errs[i]
		}
	}
	q.items = slices.Delete(q.items, len(again), q.inFlight)
	q.inFlight = 0
	if failure == nil {
		q.rest = 0
		return batch, nil
	}
	q.rest = min(max(2*q.rest, firstRest), q.maxRest)
	q.restUntil = now.Add(q.rest)
	return batch, failure
}
