package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// count is what a namespace holds.
type count struct{ lines, bytes int64 }

// expectation is what a topic holds, by namespace.
type expectation struct {
	namespaces map[string]count
	total      count
}

func newExpectation(namespaces int) expectation {
	return expectation{namespaces: make(map[string]count, namespaces)}
}

// add counts one line; size includes the newline.
func (e *expectation) add(namespace string, size int) {
	c := e.namespaces[namespace]
	e.namespaces[namespace] = count{c.lines + 1, c.bytes + int64(size)}
	e.total = count{e.total.lines + 1, e.total.bytes + int64(size)}
}

// sink is the import API and the store. It spends as little as a server can on
// each byte: large reads and one pass that counts newlines.
type sink struct {
	delay  time.Duration
	base   string // http://host:port
	server *http.Server

	mu       sync.Mutex // guards what follows, which is one run's
	stored   map[string]count
	total    count
	puts     int
	progress []mark
	want     int64 // lines
	done     chan struct{}
	doneAt   time.Time
	broken   error
}

// mark is how many bytes had arrived at a time.
type mark struct {
	at    time.Time
	bytes int64
}

func newSink(delay time.Duration) (*sink, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the store: %w", err)
	}
	s := &sink{delay: delay, base: "http://" + listener.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/data/{namespace}/import", s.create)
	mux.HandleFunc("PUT /store/{namespace}/{object}", s.put)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	s.begin(0)
	go func() { _ = s.server.Serve(listener) }() // ends with stop
	return s, nil
}

func (s *sink) stop() { s.server.Close() }

// begin forgets the last run and returns what is closed once the lines have all
// arrived.
func (s *sink) begin(lines int64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored, s.total, s.puts, s.progress, s.broken = map[string]count{}, count{}, 0, nil, nil
	s.want, s.done, s.doneAt = lines, make(chan struct{}), time.Time{}
	return s.done
}

func (s *sink) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	id := strconv.Itoa(len(s.progress)) + "-" + strconv.Itoa(s.puts)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"expires_at":"2100-01-01T00:00:00Z","objectKey":"k","requestId":"r-%s","status":"pending_upload","upload_url":"%s/store/%s/%s?signature=0"}`,
		id, s.base, r.PathValue("namespace"), id)
}

// peerObject is what peers PUT to, without asking for an upload URL first. They
// may separate lines instead of ending them.
const peerObject = "direct"

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func (s *sink) put(w http.ResponseWriter, r *http.Request) {
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	var c count
	last := byte('\n')
	for {
		n, err := r.Body.Read(buf[:])
		if n > 0 {
			c.lines += int64(bytes.Count(buf[:n], []byte{'\n'}))
			c.bytes += int64(n)
			last = buf[n-1]
			s.arrived(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			s.fail(fmt.Errorf("read body: %w", err))
			return
		}
	}
	if r.ContentLength >= 0 && c.bytes != r.ContentLength || last != '\n' && r.PathValue("object") != peerObject {
		s.fail(fmt.Errorf("a body of %d bytes that announced %d, or without a newline at its end", c.bytes, r.ContentLength))
	}
	if last != '\n' {
		c.lines, c.bytes = c.lines+1, c.bytes+1
	}
	if s.delay > 0 {
		time.Sleep(s.delay)
	}
	s.complete(r.PathValue("namespace"), c)
	w.WriteHeader(http.StatusOK)
}

func (s *sink) arrived(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var before int64
	if len(s.progress) > 0 {
		before = s.progress[len(s.progress)-1].bytes
	}
	s.progress = append(s.progress, mark{time.Now(), before + int64(n)})
}

func (s *sink) complete(namespace string, c count) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.stored[namespace]
	s.stored[namespace] = count{old.lines + c.lines, old.bytes + c.bytes}
	s.total = count{s.total.lines + c.lines, s.total.bytes + c.bytes}
	s.puts++
	if s.total.lines >= s.want && s.doneAt.IsZero() {
		s.doneAt = time.Now()
		close(s.done)
	}
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// verdict compares what is stored with what should be.
func (s *sink) verdict(e *expectation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	var wrong []string
	for name, want := range e.namespaces {
		if got := s.stored[name]; got != want {
			wrong = append(wrong, fmt.Sprintf("%s: %d lines and %d bytes instead of %d and %d", name, got.lines, got.bytes, want.lines, want.bytes))
		}
	}
	if len(wrong) == 0 && s.total != e.total {
		wrong = append(wrong, "lines in namespaces that nobody produced")
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("stored is not what was produced (%d of %d lines): %s", s.total.lines, e.total.lines, strings.Join(wrong[:min(3, len(wrong))], "; "))
}

// rate is the throughput in bytes a second between the first twentieth and the
// last quarter of the bytes.
func (s *sink) rate() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.progress) == 0 {
		return 0
	}
	all := s.progress[len(s.progress)-1].bytes
	var from, to mark
	for _, m := range s.progress {
		if from.at.IsZero() && m.bytes >= all/20 {
			from = m
		}
		if to.at.IsZero() && m.bytes >= all/4*3 {
			to = m
		}
	}
	seconds := to.at.Sub(from.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return float64(to.bytes-from.bytes) / seconds
}

// finished is when the last line had arrived, and how many PUTs there were.
func (s *sink) finished() (at time.Time, puts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doneAt, s.puts
}
