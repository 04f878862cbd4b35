package letters

import (
	"errors"
	"testing"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

// Few are less than half of what is allowed, by number and by bytes.
func TestQueue_few(t *testing.T) {
	q, _ := newQueue(1 << 30)
	for i := range most / 2 {
		if !q.Few() {
			t.Fatalf("%d are not few", i)
		}
		q.Post(letterAt(int64(i), 0))
	}
	if q.Few() {
		t.Errorf("%d are few", q.Pending())
	}
	q, b := newQueue(64 << 20)
	for i := int64(0); b.Held(budget.Letters) < b.Ceiling(budget.Letters)/2; i++ {
		if !q.Few() {
			t.Fatalf("%d bytes are not few", b.Held(budget.Letters))
		}
		q.Post(letterAt(i, 100<<10))
	}
	if q.Few() {
		t.Errorf("%d bytes are few", b.Held(budget.Letters))
	}
}

// A chunk without letters waits for none.
func TestQueue_aChunkWithoutLettersFits(t *testing.T) {
	q, b := newQueue(16 << 20)
	for i := int64(0); b.Held(budget.Letters) < b.Ceiling(budget.Letters); i++ {
		q.Post(letterAt(i, 100<<10))
	}
	if !q.Fits(0, 0) || q.Fits(1, 1) {
		t.Errorf("no letter fits: %t, one does: %t", q.Fits(0, 0), q.Fits(1, 1))
	}
}

// A letter keeps nothing of the chunk that it came in.
func TestQueue_ownsItsLetters(t *testing.T) {
	q, _ := newQueue(16 << 20)
	l, chunk := letterAt(1, 0), []byte("value")
	l.Value = chunk
	q.Post(l)
	if clear(chunk); string(l.Value) != "value" {
		t.Errorf("the letter's value is %q", l.Value)
	}
}

// What is done with gives its memory back, refused or not, and what is not keeps it.
func TestQueue_chargesWhatWaits(t *testing.T) {
	q, b := newQueue(64 << 20)
	for o := range int64(3) {
		q.Post(letterAt(o, 1000))
	}
	all := b.Held(budget.Letters)
	q.Take(start)
	if batch, err := q.Answered([]error{nil, errors.New("no leader"), &kafka.RefusedError{}}, start); len(batch) != 3 || err == nil || b.Held(budget.Letters) != all/3 || all != 3*letterAt(0, 1000).Size() {
		t.Errorf("of %d bytes %d are charged for one letter of %d that failed: %v", all, b.Held(budget.Letters), len(batch), err)
	}
}

// Only both of our headers make a record a dead letter of a bridge.
func TestLetter_IsLetter(t *testing.T) {
	for _, names := range [][]string{nil, {headerReason}, {headerSource}, {headerSource, headerReason}} {
		l := &Letter{Original: fetch.Original{}}
		for _, n := range names {
			l.Headers = append(l.Headers, kafka.Header{Name: n})
		}
		if got := l.IsLetter(); got != (len(names) == 2) {
			t.Errorf("with the headers %v: %t", names, got)
		}
	}
}
