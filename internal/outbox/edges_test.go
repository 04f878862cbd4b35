package outbox

import (
	"context"
	"errors"
	"kafka-import-bridge/internal/kafka"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// small is the size of a receipt of two bytes.
var small = (&entry{Record: kafka.Record{Key: []byte("a"), Value: []byte("v"), Headers: headers}}).Size()

// What nobody waits for is taken up to the bound, and what is kept beside a receipt
// counts.
func TestOutbox_takesUpToItsBound(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		beside := r.cfg.MaxBytes - 2*small
		r.Post([]byte("a"), []byte("v"), beside, func() {})
		r.Post([]byte("b"), []byte("v"), 0, nil)
		if r.Bytes() != r.cfg.MaxBytes || r.result(t, ResultSkipped) != 0 {
			t.Errorf("%d bytes wait, %v receipts are left out", r.Bytes(), r.result(t, ResultSkipped))
		}
		if r.Post(nil, nil, 0, nil); r.result(t, ResultSkipped) != 1 {
			t.Error("one is taken beyond the bound")
		}
	})
}

// A rest after a failure is kept, whatever comes meanwhile; after a success there is
// none, and what failed is still the first.
func TestOutbox_restsOnlyAfterAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		r.post("first")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		tries := len(r.topic.tries)
		for _, k := range keys(kafka.UsualBatchRecords) {
			r.post(k)
		}
		if synctest.Wait(); len(r.topic.tries) != tries {
			t.Errorf("%d tries at once", len(r.topic.tries)-tries)
		}
		r.topic.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := append([]string{"first"}, keys(kafka.UsualBatchRecords)...); !slices.Equal(r.topic.keys, want) {
			t.Errorf("written %v", r.topic.keys)
		}
		if last := r.topic.tries[len(r.topic.tries)-2:]; !last[0].Equal(last[1]) {
			t.Errorf("the second write follows after %s", last[1].Sub(last[0]))
		}
		began := time.Now()
		r.post("late")
		if synctest.Wait(); !r.topic.tries[len(r.topic.tries)-1].Equal(began) {
			t.Error("a receipt waits though nothing fails")
		}
	})
}

// A topic that does not answer holds a write up for ten seconds, and a stop for three.
func TestOutbox_givesUpAWriteInTime(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.hangs = true
		r.post("a")
		if time.Sleep(patience + time.Millisecond); !r.Failing() {
			t.Error("a write without an answer goes on")
		}
		time.Sleep(time.Minute)
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > patience || r.result(t, ResultLost) != 1 {
			t.Errorf("a stop takes %s, and %v receipts are lost", took, r.result(t, ResultLost))
		}
	})
}

// What failed goes before what came meanwhile.
func TestOutbox_whatFailedIsStillFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.takes, r.topic.fails = time.Second, context.DeadlineExceeded
		r.post("first")
		time.Sleep(500 * time.Millisecond)
		r.post("second") // while first is being written
		time.Sleep(10 * time.Second)
		r.topic.fail(nil)
		time.Sleep(time.Minute)
		if synctest.Wait(); !slices.Equal(r.topic.keys, []string{"first", "second"}) {
			t.Errorf("written %v", r.topic.keys)
		}
	})
}
