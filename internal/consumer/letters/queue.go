package letters

import (
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/outbox"
)

// most bounds the number of the letters that are not acknowledged. Beyond it, and beyond
// what the budget has for their bytes, further records stay in Kafka: a dead-letter
// topic that is away must neither fill the memory nor stop other partitions.
const most = 10000

// Queue has the letters that the topic has not acknowledged.
type Queue struct {
	*outbox.Queue[*Letter]
	budget *budget.Budget
}

// NewQueue returns an empty queue, whose bytes are charged to the budget. maxBackoff is
// how long it rests at most between tries of letters that cannot be written.
func NewQueue(b *budget.Budget, maxBackoff time.Duration) *Queue {
	return &Queue{outbox.NewQueue[*Letter](maxBackoff), b}
}

// Few reports whether there are fewer letters than half of the bounds allow.
func (q *Queue) Few() bool {
	return q.Pending() < most/2 && q.Bytes() < q.budget.Ceiling(budget.Letters)/2
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
	q.Queue.Post(l)
	q.budget.Charge(budget.Letters, l.Size())
}

// Answered does what the queue of the outbox does, and gives the memory back of the
// letters that are done with.
func (q *Queue) Answered(errs []error, now time.Time) (batch []*Letter, failure error) {
	before := q.Bytes()
	batch, failure = q.Queue.Answered(errs, now)
	q.budget.Charge(budget.Letters, q.Bytes()-before)
	return batch, failure
}
