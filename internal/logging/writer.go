package logging

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// maxQueued bounds the bytes of the lines that wait to be written: some
// thousand lines.
const maxQueued = 1 << 20

// retryInterval is the time between two tries of a write that would block.
const retryInterval = 10 * time.Millisecond

// Writer passes lines on to another writer in a goroutine of its own. Each call
// of Write is one line, as slog's handlers make them. It is safe for concurrent
// use.
type Writer struct {
	to      io.Writer
	done    chan struct{} // closed when the goroutine has ended
	dropped atomic.Uint64

	mu     sync.Mutex // guards the fields below
	change sync.Cond  // of them, on mu: wakes the goroutine
	notice func(w io.Writer, dropped uint64)
	queue  []line
	bytes  int    // of the lines in the queue
	full   bool   // lines are dropped until half of the queue is free again
	lost   uint64 // lines that were dropped behind the last one in the queue
	closed bool
}

// line is one line in the queue, or the place of lines that are missing.
type line struct {
	text []byte
	lost uint64 // lines that were dropped right before this one
}

// NewWriter returns a Writer to w, which may block and fail. It starts a
// goroutine, which ends after Close once w has returned from its last call.
func NewWriter(w io.Writer) *Writer {
	q := &Writer{to: w, done: make(chan struct{})}
	q.change.L = &q.mu
	go q.run()
	return q
}

// SetNotice sets the function that writes a line in place of lines that are missing. The
// Writer's goroutine calls it with the writer to use, which is not the Writer.
//
// Default: no line is written
func (q *Writer) SetNotice(notice func(w io.Writer, dropped uint64)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.notice = notice
}

// Register adds the Writer's metrics to reg.
func (q *Writer) Register(reg prometheus.Registerer) {
	reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "bridge_log_lines_dropped_total",
		Help: "Log lines that are lost because standard error was read too slowly or could not be written.",
	}, func() float64 { return float64(q.Dropped()) }))
}

// Dropped returns how many lines were lost so far because they could not be
// written, or not soon enough.
func (q *Writer) Dropped() uint64 { return q.dropped.Load() }

// Write queues a copy of p as one line, or drops it when the queue is full. It
// does not block, and always succeeds.
func (q *Writer) Write(p []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.change.Signal()
	q.full = q.bytes+len(p) > maxQueued || q.full && q.bytes > maxQueued/2
	if q.full || q.closed {
		q.lost++
		q.dropped.Add(1)
		return len(p), nil
	}
	q.queue = append(q.queue, line{bytes.Clone(p), q.lost})
	q.bytes += len(p)
	q.lost = 0
	return len(p), nil
}

// Close waits until everything is written, but no longer than timeout. What is
// written afterwards is dropped.
func (q *Writer) Close(timeout time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.change.Signal()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(timeout):
	}
}

// run writes what is queued until the Writer is closed.
func (q *Writer) run() {
	defer close(q.done)
	var missing uint64 // lines that no notice has counted yet
	for next, ok := q.take(); ok; next, ok = q.take() {
		missing += next.lost
		if missing > 0 && q.notify(missing) {
			missing = 0
		}
		if !q.write(next.text) {
			missing++
			q.dropped.Add(1)
		}
	}
}

// take waits for a line and removes it. One without text is the place of lines that
// were dropped behind the last one. ok is false once the Writer is closed and empty.
func (q *Writer) take() (next line, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) == 0 && q.lost == 0 && !q.closed {
		q.queue = nil
		q.change.Wait()
	}
	if len(q.queue) == 0 {
		next.lost, q.lost = q.lost, 0
		return next, next.lost > 0
	}
	next, q.queue[0] = q.queue[0], line{}
	q.queue = q.queue[1:]
	q.bytes -= len(next.text)
	return next, true
}

// notify writes the notice and reports whether that succeeded.
func (q *Writer) notify(missing uint64) bool {
	q.mu.Lock()
	notice := q.notice
	q.mu.Unlock()
	if notice == nil {
		return true
	}
	var text bytes.Buffer
	notice(&text, missing)
	return q.write(text.Bytes())
}

// write writes the whole of text, however long that takes, and reports whether
// it succeeded. A descriptor that another process has made non-blocking is
// tried again until it takes the rest.
func (q *Writer) write(text []byte) bool {
	for len(text) > 0 {
		n, err := q.to.Write(text)
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EAGAIN) {
			return false
		}
		text = text[n:]
		time.Sleep(retryInterval)
	}
	return true
}
