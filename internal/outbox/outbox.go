package outbox

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/sleep"
)

// Config names the topic of an Outbox and its bounds. All fields are required.
type Config struct {
	Topic      string        // of the receipts
	MaxBackoff time.Duration // longest rest between tries
	// MaxBytes bounds the memory that receipts may fill for whose acknowledgement nobody
	// waits, in bytes.
	MaxBytes int64
}

const (
	patience = 10 * time.Second // with one write
	// lastTry is how long the end of Run may take.
	lastTry = 3 * time.Second
)

// entry is one receipt on its way.
type entry struct {
	kafka.Record
	more  int64  // what acked keeps in memory, in bytes
	acked func() // nil: nobody waits
}

// Outgoing implements Item.
func (e *entry) Outgoing() kafka.Record { return e.Record }

// Size implements Item.
func (e *entry) Size() int64 { return e.Record.Size() + e.more }

// Outbox holds receipts until they are acknowledged. Make it with New. All methods
// are safe for concurrent use.
type Outbox struct {
	cfg     Config
	writer  Writer
	log     *slog.Logger
	faults  *logging.FaultLog
	explain func(error) string
	results *prometheus.CounterVec
	wake    chan struct{} // has room for one

	mu      sync.Mutex // guards what follows; not held during a write
	queue   *Queue[*entry]
	failing string // why the last write failed, "" if it did not
}

// New returns an outbox that writes nothing before Run, which closes w at its end.
// explain turns an error of a broker into a sentence with its remedy.
func New(cfg Config, w Writer, log *slog.Logger, explain func(error) string, m *Metrics) *Outbox {
	return &Outbox{
		cfg: cfg, writer: w, log: log, faults: logging.NewFaultLog(log), explain: explain, results: m.results,
		wake: make(chan struct{}, 1), queue: NewQueue[*entry](cfg.MaxBackoff),
	}
}

// headers mark each record as a receipt.
var headers = []kafka.Header{{Name: receipt.Header, Value: strconv.AppendInt(nil, receipt.Version, 10)}}

// Post takes a receipt. acked is called once, on another goroutine, when Kafka has
// it or never will; it must return at once. more is what it keeps in memory until
// then, in bytes, beside the receipt. A receipt without acked is left out where
// there are too many of them already.
func (o *Outbox) Post(key, value []byte, more int64, acked func()) {
	e := &entry{kafka.Record{Key: key, Value: value, Headers: headers}, more, acked}
	o.mu.Lock()
	full := acked == nil && o.queue.Bytes()+e.Size() > o.cfg.MaxBytes
	if !full {
		o.queue.Post(e)
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
	return o.queue.Bytes()
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
	defer func() { _ = o.writer.Close() }() // everything is acknowledged or given up
	for ctx.Err() == nil {
		if wrote, _ := o.write(ctx, time.Now()); !wrote {
			sleep.Until(ctx, o.wake, o.due())
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTry)
	defer cancel()
	for settled := 1; settled > 0 && last.Err() == nil; {
		_, settled = o.write(last, o.due()) // whose time may not have come
	}
	for e := range o.queue.All() {
		o.lost(e, "the process stops")
	}
	return nil
}

// due returns when there is something to write, zero if there is nothing.
func (o *Outbox) due() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queue.Due()
}

// write makes one write, if there is something to write by then, and returns how many
// receipts are done with. What fails once the process has stopped, or its time is up,
// says nothing of the topic.
func (o *Outbox) write(ctx context.Context, by time.Time) (wrote bool, settled int) {
	o.mu.Lock()
	batch := o.queue.Take(by)
	o.mu.Unlock()
	if len(batch) == 0 {
		return false, 0
	}
	errs := Write(ctx, patience, o.writer, batch)
	now, ended := time.Now(), ctx.Err() != nil
	o.mu.Lock()
	_, failure := o.queue.Answered(errs, now)
	waiting, recovered := o.queue.Pending(), failure == nil && o.failing != ""
	switch {
	case failure == nil:
		o.failing = ""
	case !ended:
		o.failing = "topic " + o.cfg.Topic + ": " + o.explain(failure)
	}
	o.mu.Unlock()
	switch {
	case recovered:
		o.log.Info("receipts are written again", "topic", o.cfg.Topic)
	case failure != nil && !ended:
		o.faults.Log(now, "receipts cannot be written; they will be tried again, and the offsets of their imports wait", "receipts",
			"topic", o.cfg.Topic, "waiting", waiting, "error", o.explain(failure))
	}
	return true, o.settle(batch, errs)
}

// settle counts what became of a batch, and lets those hear of it who wait. It returns
// how many receipts are done with.
func (o *Outbox) settle(batch []*entry, errs []error) (settled int) {
	for i, e := range batch {
		switch err := errs[i]; {
		case err == nil:
			o.results.WithLabelValues(ResultWritten).Inc()
		case kafka.IsRefused(err):
			o.lost(e, "the topic refuses it for good: "+o.explain(err))
		case kafka.IsThrottled(err):
			continue // tried again, and no failure
		default:
			o.results.WithLabelValues(ResultFailed).Inc()
			continue
		}
		if settled++; e.acked != nil {
			e.acked()
		}
	}
	return settled
}

// lost logs a receipt whole: it names no record's contents.
func (o *Outbox) lost(e *entry, why string) {
	o.results.WithLabelValues(ResultLost).Inc()
	o.log.Error("receipt could not be written", "topic", o.cfg.Topic, "why", why, "receipt", string(e.Value))
}

// Report is the receipts' part of /status. It is a copy.
type Report struct {
	// ReceiptsWaiting is the number of receipts that are not acknowledged.
	ReceiptsWaiting int `json:"receipts_waiting"`
	// ReceiptsError says why they cannot be written, nil while they can.
	ReceiptsError *string `json:"receipts_error"`
}

// Report returns what is known now. Of a nil Outbox, which writes no receipts, that is
// nothing.
func (o *Outbox) Report() Report {
	if o == nil {
		return Report{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Report{ReceiptsWaiting: o.queue.Pending()}
	if o.failing != "" {
		text := o.failing
		r.ReceiptsError = &text
	}
	return r
}
