package outbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
)

// topic is a topic that fails as it is told.
type topic struct {
	mu       sync.Mutex
	fails    error
	refuse   string // the key that is refused for good
	failsFor string // the key that fails
	hangs    bool
	takes    time.Duration // to answer
	keys     []string      // acknowledged
	tries    []time.Time
	closed   bool
}

func (w *topic) Write(ctx context.Context, records []kafka.Record) []error {
	w.mu.Lock()
	w.tries = append(w.tries, time.Now())
	hangs := w.hangs
	w.mu.Unlock()
	if hangs {
		<-ctx.Done()
	}
	time.Sleep(w.takes)
	w.mu.Lock()
	defer w.mu.Unlock()
	errs := make([]error, len(records))
	for i := range records {
		switch key := string(records[i].Key); {
		case hangs:
			errs[i] = ctx.Err()
		case key == w.refuse:
			errs[i] = &kafka.RefusedError{Code: kafka.CodeMessageTooLarge}
		case key == w.failsFor && key != "":
			errs[i] = errors.New("no leader")
		case w.fails != nil:
			errs[i] = w.fails
		case len(records[i].Headers) != 1 || records[i].Headers[0].Name != receipt.Header:
			errs[i] = fmt.Errorf("%s is not marked as a receipt", key)
		default:
			w.keys = append(w.keys, key)
		}
	}
	return errs
}

func (w *topic) Close() error { w.closed = true; return nil }

func (w *topic) fail(err error) { w.mu.Lock(); defer w.mu.Unlock(); w.fails = err }

// rig is an outbox that runs in virtual time.
type rig struct {
	*Outbox
	topic *topic
	reg   *prometheus.Registry
	log   *bytes.Buffer
	stop  func()
	mu    sync.Mutex
	acked []string
}

func inBubble(t *testing.T, test func(t *testing.T, r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{topic: &topic{}, reg: prometheus.NewPedanticRegistry(), log: &bytes.Buffer{}}
		cfg := Config{Topic: "receipts", MaxBackoff: 30 * time.Second, MaxBytes: 10_000}
		r.Outbox = New(cfg, r.topic, slog.New(slog.NewTextHandler(r.log, nil)), error.Error, NewMetrics(r.reg))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = r.Run(ctx); close(done) }()
		r.stop = func() { cancel(); <-done }
		test(t, r)
		if r.stop(); !r.topic.closed {
			t.Error("the producer goes on")
		}
	})
}

func (r *rig) post(key string) {
	r.Post([]byte(key), []byte("value of "+key), 100, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.acked = append(r.acked, key)
	})
}

func (r *rig) result(t *testing.T, name string) (n float64) {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == name {
			n = m.GetCounter().GetValue()
		}
	}
	return n
}

func keys(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("req_", i))
	}
	return list
}

func TestOutbox_writesInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		want := keys(1200)
		for _, k := range want {
			r.post(k)
		}
		synctest.Wait()
		if !slices.Equal(r.topic.keys, want) || !slices.Equal(r.acked, want) || len(r.topic.tries) < 3 {
			t.Errorf("%d written and %d acknowledged in %d writes", len(r.topic.keys), len(r.acked), len(r.topic.tries))
		}
		if r.Bytes() != 0 || r.result(t, ResultWritten) != 1200 {
			t.Errorf("%d bytes are left, %v counted", r.Bytes(), r.result(t, ResultWritten))
		}
	})
}

func TestOutbox_triesAgainWithBackoffAndTellsOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		for _, k := range keys(3) {
			r.post(k)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if n := len(r.topic.tries); n < 20 || n > 40 || len(r.acked) > 0 {
			t.Errorf("%d tries, %d acknowledged", n, len(r.acked))
		}
		if got := r.Report(); got.ReceiptsWaiting != 3 || got.ReceiptsError == nil || *got.ReceiptsError != "topic receipts: no broker" || r.Bytes() == 0 {
			t.Errorf("told are %+v", got)
		}
		r.topic.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(r.topic.keys, keys(3)) || r.Report().ReceiptsError != nil || r.Bytes() != 0 {
			t.Errorf("written afterwards: %v, %+v", r.topic.keys, r.Report())
		}
		if n := strings.Count(r.log.String(), "cannot be written"); n < 8 || n > 11 {
			t.Errorf("in ten minutes it is logged %d times that receipts cannot be written: %s", n, r.log)
		}
		if n := strings.Count(r.log.String(), "are written again"); n != 1 {
			t.Errorf("%d lines: %s", n, r.log)
		}
	})
}

// TestOutbox_awaitsTwoWritesAtMost: the one under way and the next, which is how
// much longer a commit waits for the sake of receipts.
func TestOutbox_awaitsTwoWritesAtMost(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.takes = 40 * time.Millisecond
		longest := time.Duration(0)
		for n := range 200 {
			posted := time.Now()
			r.Post(fmt.Append(nil, n), []byte("{}"), 0, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				longest = max(longest, time.Since(posted))
			})
			time.Sleep(7 * time.Millisecond)
		}
		time.Sleep(time.Second)
		r.mu.Lock()
		defer r.mu.Unlock()
		if longest > 2*r.topic.takes || len(r.topic.keys) != 200 {
			t.Errorf("%s until a receipt was acknowledged, %d are written", longest, len(r.topic.keys))
		}
	})
}

// TestOutbox_aRefusedReceiptStopsNoOther: it is logged whole, and what waits for
// it goes on.
func TestOutbox_aRefusedReceiptStopsNoOther(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.refuse = "req_1"
		for _, k := range keys(3) {
			r.post(k)
		}
		synctest.Wait()
		if !slices.Equal(r.topic.keys, []string{"req_0", "req_2"}) || len(r.acked) != 3 || r.result(t, ResultLost) != 1 || !strings.Contains(r.log.String(), "value of req_1") {
			t.Errorf("written %v, acknowledged %v: %s", r.topic.keys, r.acked, r.log)
		}
	})
}

func TestOutbox_theEndTriesOnceMoreAndLogsTheRest(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		r.post("req_1")
		time.Sleep(time.Minute)
		r.topic.fail(nil)
		r.stop()
		if !slices.Equal(r.topic.keys, []string{"req_1"}) || r.result(t, ResultLost) != 0 {
			t.Errorf("written at the end: %v, %v lost", r.topic.keys, r.result(t, ResultLost))
		}
	})
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.hangs = true
		r.post("req_1")
		synctest.Wait()
		r.post("req_2")
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > lastTry || r.result(t, ResultLost) != 2 || strings.Count(r.log.String(), "value of req_") != 2 {
			t.Errorf("the end took %s, %v lost: %s", took, r.result(t, ResultLost), r.log)
		}
		if strings.Contains(r.log.String(), "cannot be written") {
			t.Errorf("a write that the stop cuts off is taken for a failure of the topic: %s", r.log)
		}
	})
}

// TestOutbox_theEndGoesOnPastWhatFails: a receipt that fails, as in a partition that
// takes nothing, loses none of those behind it.
func TestOutbox_theEndGoesOnPastWhatFails(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.takes = 200 * time.Millisecond
		r.topic.failsFor = "req_7"
		for _, k := range keys(1200) {
			r.post(k)
		}
		time.Sleep(100 * time.Millisecond)
		began := time.Now()
		r.stop()
		if took := time.Since(began); took > lastTry || len(r.topic.keys) != 1199 || r.result(t, ResultLost) != 1 {
			t.Errorf("the end took %s, %d are written, %v lost", took, len(r.topic.keys), r.result(t, ResultLost))
		}
	})
}

// TestOutbox_leavesOutWhatNobodyWaitsFor: the ends of imports, where too many wait.
func TestOutbox_leavesOutWhatNobodyWaitsFor(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.topic.fail(errors.New("no broker"))
		for _, k := range keys(100) {
			r.Post([]byte(k), []byte("x"), 0, nil)
		}
		r.post("waited for")
		synctest.Wait()
		if r.Bytes() > 11_000 || r.result(t, ResultSkipped) == 0 {
			t.Errorf("%d bytes wait, %v were left out", r.Bytes(), r.result(t, ResultSkipped))
		}
		r.topic.fail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Contains(r.topic.keys, "waited for") {
			t.Errorf("written: %v", r.topic.keys)
		}
	})
}

// Where no receipts are wanted there is no outbox, and /status shows none waiting.
func TestOutbox_nilReportsNothing(t *testing.T) {
	if r := (*Outbox)(nil).Report(); r != (Report{}) {
		t.Errorf("%+v", r)
	}
}
