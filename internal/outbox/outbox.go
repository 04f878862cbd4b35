package outbox

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/sleep"
)

// Writer produces records to the topic and waits until every replica in sync has
// them; *kafka.Producer is one. The errors are in the order of the records.
type Writer interface {
	Write(ctx context.Context, records []kafka.Record) []error
}

// Config shapes an Outbox. All fields are required.
type Config struct {
	Topic      string
	MaxBackoff time.Duration // longest rest between tries
	// MaxBytes bounds what Post takes of those that nobody waits for.
	MaxBytes int64
}

const (
	writeRecords = 500
	writeBytes   = 1 << 20
	writeTimeout = 10 * time.Second
	minBackoff   = 100 * time.Millisecond
	// lastTry is how long the end of Run may take.
	lastTry = 3 * time.Second
)

// entry is one receipt on its way.
type entry struct {
	key, value []byte
	cost       int64
	acked      func() // nil: nobody waits
}

// Outbox holds receipts until they are acknowledged. Make it with New. All methods
// are safe for concurrent use.
type Outbox struct {
	cfg     Config
	writer  Writer
	log     *slog.Logger
	explain func(error) string
	results *prometheus.CounterVec
	wake    chan struct{} // has room for one

	mu      sync.Mutex // guards what follows; not held during a write
	queue   []*entry   // in the order of posting; those being written included
	bytes   int64
	failing string    // why the last write failed, "" if it did not
	told    time.Time // when that was logged last
	backoff time.Duration
}

// New returns an outbox that writes nothing before Run. explain words an error of a
// broker. Metrics are registered with reg, which may be nil.
func New(cfg Config, w Writer, log *slog.Logger, explain func(error) string, m *Metrics) *Outbox {
	return &Outbox{cfg: cfg, writer: w, log: log, explain: explain, results: m.results, wake: make(chan struct{}, 1)}
}

// overhead is the memory of a receipt beside its bytes.
const overhead = 512

// Post takes a receipt. acked is called once, on another goroutine, when Kafka has
// it or never will; it must return at once. more is what it keeps in memory until
// then, in bytes, beside the receipt. A receipt without acked is left out where
// there are too many of them already.
func (o *Outbox) Post(key, value []byte, more int64, acked func()) {
	e := &entry{key: key, value: value, cost: int64(len(key)+len(value)) + more + overhead, acked: acked}
	o.mu.Lock()
	full := acked == nil && o.bytes+e.cost > o.cfg.MaxBytes
	if !full {
		o.queue = append(o.queue, e)
		o.bytes += e.cost
	}
	o.mu.Unlock()
	if full {
		o.results.WithLabelValues(ResultSkipped).Inc()
		return
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// Bytes returns the memory that waits for acknowledgements.
func (o *Outbox) Bytes() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes
}

// Failing reports whether the last write failed.
func (o *Outbox) Failing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failing != ""
}

// Run writes until the context ends. It then goes on for three seconds at most, as long
// as some of what is left can be written, and logs the rest. It always returns nil.
func (o *Outbox) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if batch := o.next(); len(batch) == 0 {
			sleep.Until(ctx, o.wake, time.Time{})
		} else {
			_ = sleep.For(ctx, o.write(ctx, batch)) // ends early with ctx, and for nothing else
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTry)
	defer cancel()
	for more := true; more && last.Err() == nil; {
		before := o.Report().ReceiptsWaiting
		if batch := o.next(); len(batch) > 0 {
			o.write(last, batch)
		}
		more = o.Report().ReceiptsWaiting < before
	}
	o.lose()
	return nil
}

// headers mark each record as a receipt.
var headers = []kafka.Header{{Name: receipt.Header, Value: strconv.AppendInt(nil, receipt.Version, 10)}}

// write makes one write and returns how long to rest before the next one.
func (o *Outbox) write(ctx context.Context, batch []*entry) time.Duration {
	records := make([]kafka.Record, len(batch))
	for i, e := range batch {
		records[i] = kafka.Record{Key: e.key, Value: e.value, Headers: headers}
	}
	write, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	errs := o.writer.Write(write, records)
	return o.written(batch, errs, ctx.Err() != nil)
}

// next returns the receipts of the next write, which stay in the queue.
func (o *Outbox) next() []*entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, size := 0, 0
	for n < len(o.queue) && n < writeRecords {
		if size += len(o.queue[n].value); n > 0 && size > writeBytes {
			break
		}
		n++
	}
	return slices.Clone(o.queue[:n])
}

// written takes the receipts that are done with out of the queue, and returns how
// long to rest. What fails once the process has stopped, or its time is up, says
// nothing of the topic.
func (o *Outbox) written(batch []*entry, errs []error, stopped bool) (rest time.Duration) {
	var failure error
	var again, done []*entry
	for i, e := range batch {
		switch err := errs[i]; {
		case err == nil:
			o.results.WithLabelValues(ResultWritten).Inc()
			done = append(done, e)
		case kafka.IsRefused(err):
			o.lost(e, "the topic refuses it for good: "+o.explain(err))
			done = append(done, e)
		default:
			if !kafka.IsThrottled(err) {
				o.results.WithLabelValues(ResultFailed).Inc()
			}
			again, failure = append(again, e), err
		}
	}
	o.mu.Lock()
	o.queue = append(again, o.queue[len(batch):]...)
	for _, e := range done {
		o.bytes -= e.cost
	}
	told := !stopped && o.note(failure, time.Now())
	rest, waiting := o.backoff, len(o.queue)
	o.mu.Unlock()
	for _, e := range done {
		if e.acked != nil {
			e.acked()
		}
	}
	switch {
	case failure != nil && told:
		o.log.Warn("receipts cannot be written; they will be tried again, and the offsets of their imports wait", "topic", o.cfg.Topic, "waiting", waiting, "error", o.explain(failure))
	case told:
		o.log.Info("receipts are written again", "topic", o.cfg.Topic)
	}
	return rest
}

// toldEvery is how often it is logged that receipts cannot be written.
const toldEvery = time.Minute

// note remembers how a write went. It reports whether that is to be logged: it is new,
// or has lasted for a while.
func (o *Outbox) note(failure error, now time.Time) bool {
	was := o.failing
	if failure == nil {
		o.failing, o.backoff = "", 0
		return was != ""
	}
	o.failing = "topic " + o.cfg.Topic + ": " + o.explain(failure)
	o.backoff = min(max(2*o.backoff, minBackoff), o.cfg.MaxBackoff)
	o.backoff -= time.Duration(rand.Int64N(int64(o.backoff)/4 + 1))
	if was != "" && now.Sub(o.told) < toldEvery {
		return false
	}
	o.told = now
	return true
}

// lose logs what could not be written at the end.
func (o *Outbox) lose() {
	o.mu.Lock()
	left := o.queue
	o.queue, o.bytes = nil, 0
	o.mu.Unlock()
	for _, e := range left {
		o.lost(e, "the process stops")
	}
}

// lost logs a receipt whole: it names no record's contents.
func (o *Outbox) lost(e *entry, why string) {
	o.results.WithLabelValues(ResultLost).Inc()
	o.log.Error("receipt could not be written", "topic", o.cfg.Topic, "why", why, "receipt", string(e.value))
}

// Report is the receipts' part of /status. It is a copy.
type Report struct {
	// ReceiptsWaiting is the number of receipts that are not acknowledged.
	ReceiptsWaiting int `json:"receipts_waiting"`
	// ReceiptsError says why they cannot be written, nil while they can.
	ReceiptsError *string `json:"receipts_error"`
}

// Report returns what is known now.
func (o *Outbox) Report() Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Report{ReceiptsWaiting: len(o.queue)}
	if o.failing != "" {
		text := o.failing
		r.ReceiptsError = &text
	}
	return r
}
