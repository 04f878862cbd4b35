package letters

import (
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

func newQueue(limit int64) (*Queue, *budget.Budget) {
	b := budget.New(limit, budget.Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }, Receipts: func() int64 { return 0 }})
	return NewQueue(b, 5*time.Second), b
}

// TestQueue_bounds: one letter always has room.
func TestQueue_bounds(t *testing.T) {
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
