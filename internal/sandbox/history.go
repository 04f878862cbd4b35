package sandbox

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// maxHistory bounds the requests that are remembered: the latest of them.
const maxHistory = 200_000

// Request is one call that arrived: for an upload URL, a PUT to it, or a
// question about what became of it.
type Request struct {
	At          time.Time     `json:"at"`        // of arrival
	Took        time.Duration `json:"took"`      // nanoseconds until it was done; 0 while it runs
	Operation   string        `json:"operation"` // OperationCreate, OperationUpload or OperationStatus
	Namespace   string        `json:"namespace"`
	Path        string        `json:"path"`        // of a create call, PathImport or PathUploadURL
	RequestID   string        `json:"requestId"`   // a create call's once it succeeded
	Conditional bool          `json:"conditional"` // a PUT with If-None-Match
	Status      int           `json:"status"`      // answered; 0: none, or still running
	Bytes       int64         `json:"bytes"`       // of a completely received PUT body
}

// history remembers requests and how many ran at once. Guarded by API.mu.
type history struct {
	requests []*Request
	running  map[string]int // PUTs by namespace
	total    int
	peak     int            // most PUTs at once
	peaks    map[string]int // by namespace
}

func (h *history) add(r *Request) {
	if len(h.requests) >= maxHistory {
		h.requests = slices.Delete(h.requests, 0, maxHistory/2)
	}
	h.requests = append(h.requests, r)
	if r.Operation != OperationUpload {
		return
	}
	if h.running == nil {
		h.running, h.peaks = map[string]int{}, map[string]int{}
	}
	h.total++
	h.running[r.Namespace]++
	h.peak = max(h.peak, h.total)
	h.peaks[r.Namespace] = max(h.peaks[r.Namespace], h.running[r.Namespace])
}

func (h *history) done(r *Request) {
	if r.Operation != OperationUpload {
		return
	}
	h.total--
	h.running[r.Namespace]--
}

// call is one request while it runs.
type call struct {
	api     *API
	request *Request // fields guarded by api.mu
}

// arrive records a request, checks promised quiet and picks its fault. Each
// call must leave.
func (a *API) arrive(request Request) (*call, *effect) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.opts.Now()
	request.At = now
	a.history.add(&request)
	a.rules.arrive(request.Operation, request.Namespace, now)
	fault := a.match(&request, now)
	if fault != nil && !fault.quietUntil.IsZero() {
		a.rules.promise(request.Operation, request.Namespace, fault.quietUntil)
	}
	return &call{api: a, request: &request}, fault
}

func (a *API) leave(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c.request.Took = a.opts.Now().Sub(c.request.At)
	a.history.done(c.request)
}

func (c *call) named(id string) {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	c.request.RequestID = id
}

func (c *call) received(bytes int) {
	c.api.mu.Lock()
	defer c.api.mu.Unlock()
	c.request.Bytes = int64(bytes)
}

// watch returns w, remembering the status that is written.
func (c *call) watch(w http.ResponseWriter) http.ResponseWriter {
	return &watchedWriter{ResponseWriter: w, call: c}
}

type watchedWriter struct {
	http.ResponseWriter
	call *call
}

func (w *watchedWriter) WriteHeader(status int) {
	w.call.api.mu.Lock()
	w.call.request.Status = status
	w.call.api.mu.Unlock()
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap serves http.ResponseController.
func (w *watchedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack hands over the connection: no status was answered.
func (w *watchedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("hijack connection: %w", err)
	}
	return conn, buffered, nil
}

// Requests lists the calls in the order of arrival, the latest 100,000 at least.
func (a *API) Requests() []Request {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Request, len(a.history.requests))
	for i, r := range a.history.requests {
		list[i] = *r
	}
	return list
}

// Peak tells how many PUTs ran at once at most: in all, and in the namespace
// that had most.
func (a *API) Peak() (total, inNamespace int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, n := range a.history.peaks {
		inNamespace = max(inNamespace, n)
	}
	return a.history.peak, inNamespace
}

// Objects lists what is stored, in the order in which URLs were first completed.
func (a *API) Objects() []Object {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Object, len(a.objects))
	for i, u := range a.objects {
		list[i] = u.object
	}
	return list
}
