package outbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What nobody waits for is taken up to the bound, and what is kept beside a receipt
// counts.
func TestOutbox_takesUpToItsBound(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		beside := r.cfg.MaxBytes - 2*overhead - 4
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
		for _, k := range keys(writeRecords) {
			r.post(k)
		}
		if synctest.Wait(); len(r.topic.tries) != tries {
			t.Errorf("%d tries at once", len(r.topic.tries)-tries)
		}
		r.topic.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := append([]string{"first"}, keys(writeRecords)...); !slices.Equal(r.topic.keys, want) {
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
		if time.Sleep(writeTimeout + time.Millisecond); !r.Failing() {
			t.Error("a write without an answer goes on")
		}
		time.Sleep(time.Minute)
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > writeTimeout || r.Bytes() != 0 || r.Report().ReceiptsWaiting != 0 {
			t.Errorf("a stop takes %s and leaves %d bytes", took, r.Bytes())
		}
	})
}

// A write has a bound, which one large receipt alone may pass.
func TestOutbox_boundsAWrite(t *testing.T) {
	for name, tc := range map[string]struct {
		value string
		count int
		want  []int
	}{
		"by bytes":    {strings.Repeat("x", writeBytes/2-1), 3, []int{2, 1}},
		"large ones":  {strings.Repeat("x", writeBytes+1), 2, []int{1, 1}},
		"by receipts": {"x", writeRecords + 1, []int{writeRecords, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			o := New(Config{Topic: "receipts", MaxBackoff: time.Minute}, nil, nil, nil, NewMetrics(nil))
			for range tc.count {
				o.Post([]byte("k"), []byte(tc.value), 0, func() {})
			}
			var got []int
			for batch := o.next(); len(batch) > 0; batch = o.next() {
				got = append(got, len(batch))
				o.written(batch, make([]error, len(batch)), false)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("writes of %v, want %v", got, tc.want)
			}
		})
	}
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
