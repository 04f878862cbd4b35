package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// sink is the import API and the store. It spends as little as a server can on
// each byte: large reads, one pass that finds newlines and one checksum.
// Safe for concurrent use.
type sink struct {
	base   string // http://host:port
	secure string // the same by TLS, https://host:port, once serveTLS was called
	server *http.Server

	mu       sync.Mutex // guards what follows, which is one run's
	delay    time.Duration
	stored   *tally
	puts     int
	urls     int
	inFlight int
	busy     bool  // whether a PUT was in flight since busySince was asked
	want     int64 // lines
	done     chan struct{}
	doneAt   time.Time
	broken   error
	timed    bool
	from     time.Time       // of the first record whose delay counts
	delays   []time.Duration // from a record's timestamp to the answer
}

func newSink() (*sink, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the store: %w", err)
	}
	s := &sink{base: "http://" + listener.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/data/{namespace}/import", s.create)
	mux.HandleFunc("PUT /store/{namespace}/{object}", s.put)
	mux.HandleFunc(fmt.Sprintf("GET /schemas/ids/%d", schemaID), schema)
	s.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	s.begin(0)
	go func() { _ = s.server.Serve(listener) }() // ends with stop
	return s, nil
}

func (s *sink) stop() { s.server.Close() }

// serveTLS makes the store listen with TLS as well; file holds its certificate and key.
func (s *sink) serveTLS(file string) error {
	pair, err := tls.LoadX509KeyPair(file, file)
	if err != nil {
		return fmt.Errorf("load certificate of the store: %w", err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	if err != nil {
		return fmt.Errorf("listen for the store with TLS: %w", err)
	}
	s.secure = "https://" + listener.Addr().String()
	go func() { _ = s.server.Serve(listener) }() // ends with stop
	return nil
}

// baseOf is the URL by which the request came, which may be that of a proxy.
func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// begin forgets the last run. The channel is closed once as many lines have
// arrived.
func (s *sink) begin(delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay, s.stored, s.puts, s.broken = delay, newTally(), 0, nil
	s.want, s.done, s.doneAt = 0, make(chan struct{}), time.Time{}
	s.timed, s.from, s.delays = false, time.Time{}, nil
}

// expect returns what is closed once as many lines have arrived since begin.
func (s *sink) expect(lines int64) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = lines
	s.look()
	return s.done
}

// look closes done when it is time.
func (s *sink) look() {
	if s.want > 0 && s.stored.total.lines >= s.want && s.doneAt.IsZero() {
		s.doneAt = time.Now()
		close(s.done)
	}
}

func (s *sink) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.urls++
	id := strconv.Itoa(s.urls)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"expires_at":"2100-01-01T00:00:00Z","objectKey":"k","requestId":"r-%s","status":"pending_upload","upload_url":"%s/store/%s/%s?signature=0"}`,
		id, baseOf(r), r.PathValue("namespace"), id)
}

// peerObject is what peers PUT to, without asking for an upload URL first. They
// may separate lines instead of ending them.
const peerObject = "direct"

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func (s *sink) put(w http.ResponseWriter, r *http.Request) {
	lines, delay := s.arrive()
	defer s.leave()
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	for {
		n, err := r.Body.Read(buf[:])
		lines.write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			s.fail(fmt.Errorf("read body: %w", err))
			return
		}
	}
	size := lines.bytes
	unended := lines.close()
	if r.ContentLength >= 0 && size != r.ContentLength || unended && r.PathValue("object") != peerObject {
		s.fail(fmt.Errorf("a body of %d bytes that announced %d, or without a newline at its end", size, r.ContentLength))
	}
	if delay > 0 {
		time.Sleep(delay)
	}
	s.complete(r.PathValue("namespace"), lines)
	w.WriteHeader(http.StatusOK)
}

func (s *sink) arrive() (*scanner, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight++
	s.busy = true
	return &scanner{timed: s.timed}, s.delay
}

func (s *sink) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
}

func (s *sink) complete(namespace string, lines *scanner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored.add(namespace, lines.count)
	s.puts++
	if s.timed && !s.from.IsZero() {
		s.delays = append(s.delays, delays(lines.times, s.from, time.Now())...)
	}
	s.look()
}

func (s *sink) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = err
}

// wasBusy says whether a PUT was under way at any time since it was last asked.
func (s *sink) wasBusy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := s.busy
	s.busy = s.inFlight > 0
	return busy
}

// takeTimes makes the store read the timestamps of lines.
func (s *sink) takeTimes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timed = true
}

// countFrom sets from which timestamp on a line's delay counts.
func (s *sink) countFrom(from time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = from
}

// linesStored is how many lines there are yet.
func (s *sink) linesStored() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stored.total.lines
}

// outcome is what the store has seen of a run.
type outcome struct {
	at     time.Time // of the last line
	puts   int
	bytes  int64
	lines  int64
	delays []time.Duration
	verdict
}

// finish compares what is stored with what should be. It is asked after the
// subject has ended, so that late repeats show.
func (s *sink) finish(expected *tally) (outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := outcome{s.doneAt, s.puts, s.stored.total.bytes, s.stored.total.lines, s.delays, expected.compare(s.stored)}
	if s.broken != nil {
		return o, s.broken
	}
	return o, o.err()
}
