package letters

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/kafka"
)

// Bounds of the dead letters that are not acknowledged. Beyond them further
// records stay in Kafka: a dead-letter topic that is away must neither fill the
// memory nor stop other partitions. The budget bounds their bytes.
const (
	most       = 10000
	batchCount = 500
	batchBytes = 1 << 20
)

const (
	firstRest = 100 * time.Millisecond // after a write that has failed
	patience  = 30 * time.Second       // of one write
)

// Queue has the letters that the topic has not acknowledged.
type Queue struct {
	budget     *budget.Budget
	maxBackoff time.Duration

	waiting   []*Letter
	inFlight  []*Letter
	restUntil time.Time
	backoff   time.Duration
}

// NewQueue returns an empty queue, whose bytes are charged to the budget. maxBackoff is
// how long it rests at most between tries of letters that cannot be written.
func NewQueue(b *budget.Budget, maxBackoff time.Duration) *Queue {
	return &Queue{budget: b, maxBackoff: maxBackoff}
}

// Pending returns how many letters are not acknowledged.
func (q *Queue) Pending() int { return len(q.waiting) + len(q.inFlight) }

// InFlight reports whether a batch is being written.
func (q *Queue) InFlight() bool { return len(q.inFlight) > 0 }

// Failing reports whether the last batch could not be written in whole.
func (q *Queue) Failing() bool { return q.backoff > 0 }

// Waiting are the letters that are to be written, or to be written again.
func (q *Queue) Waiting() iter.Seq[*Letter] { return slices.Values(q.waiting) }

// Few reports whether there are fewer letters than half of the bounds allow.
func (q *Queue) Few() bool {
	return q.Pending() < most/2 && q.budget.Held(budget.Letters) < q.budget.Ceiling(budget.Letters)/2
}

// Fits reports whether so many more letters have room beside those that there are.
// Where there are none, the batches make room for them.
func (q *Queue) Fits(count int, bytes int64) bool {
	if count == 0 || q.Pending() == 0 {
		return true
	}
	return q.Pending()+count <= most && q.budget.Fits(budget.Letters, bytes)
}

// Post adds a letter. What it shares with the chunk that it came in is copied.
func (q *Queue) Post(l *Letter) {
	l.Own()
	q.waiting = append(q.waiting, l)
	q.budget.Charge(budget.Letters, l.Size())
}

// Due returns when there is a batch to write, zero if that waits for an answer.
func (q *Queue) Due() time.Time {
	if len(q.waiting) == 0 || len(q.inFlight) > 0 {
		return time.Time{}
	}
	return q.restUntil
}

// Take returns the letters to be written now, nil if there are none. One batch is in
// flight at a time, so that order is kept. Whoever takes it gives it to Answered.
func (q *Queue) Take(now time.Time) []*Letter {
	if len(q.inFlight) > 0 || len(q.waiting) == 0 || q.restUntil.After(now) {
		return nil
	}
	n, size := 0, int64(0)
	for n < len(q.waiting) && n < batchCount && (n == 0 || size+q.waiting[n].Size() <= batchBytes) {
		size += q.waiting[n].Size()
		n++
	}
	q.inFlight = slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	return q.inFlight
}

// Write writes a batch and notes what became of each letter. It may run on any
// goroutine; the queue looks at the letters again in Answered.
func Write(ctx context.Context, w Writer, batch []*Letter) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i, err := range w.Write(ctx, batch) {
		batch[i].outcome = err
	}
}

// Answered takes a batch that was written. It returns the letters that the topic has,
// and those that it refuses for good; the rest is written again later, and err is why.
func (q *Queue) Answered(batch []*Letter, now time.Time) (done, refused []*Letter, err error) {
	q.inFlight = nil
	var again []*Letter
	for _, l := range batch {
		switch {
		case l.outcome == nil:
			done = append(done, l)
		case kafka.IsRefused(l.outcome):
			refused = append(refused, l)
		default:
			again = append(again, l)
			continue
		}
		q.budget.Charge(budget.Letters, -l.Size())
	}
	q.waiting = slices.Insert(q.waiting, 0, again...)
	if len(again) == 0 {
		q.backoff = 0
		return done, refused, nil
	}
	q.backoff = min(max(2*q.backoff, firstRest), q.maxBackoff)
	q.restUntil = now.Add(q.backoff)
	return done, refused, again[0].outcome
}

// Refusal returns why the topic refuses a letter for good.
func (l *Letter) Refusal() *kafka.RefusedError {
	refused, _ := errors.AsType[*kafka.RefusedError](l.outcome)
	return refused
}
