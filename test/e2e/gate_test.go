package e2e

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// hook stands between the bridges and the import API with its store, for what
// a fault of the sandbox cannot say. It calls next, or answers itself.
type hook func(rw http.ResponseWriter, r *http.Request, next http.Handler)

// gate is the API behind the hook, if there is one.
func (w *world) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h := w.hook.Load(); h != nil {
			(*h)(rw, r, next)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

func (w *world) setHook(h hook) { w.hook.Store(&h) }

// barrier keeps whoever passes until it is opened.
type barrier struct {
	reached func() // tells that somebody waits
	arrived <-chan struct{}
	open    func()
	opened  <-chan struct{}
}

// newBarrier makes a barrier that opens at the latest when the test ends.
func newBarrier(t *testing.T) *barrier {
	arrived, cancelArrival := context.WithCancel(context.Background())
	opened, cancelWait := context.WithCancel(context.Background())
	b := &barrier{reached: sync.OnceFunc(cancelArrival), arrived: arrived.Done(), open: sync.OnceFunc(cancelWait), opened: opened.Done()}
	t.Cleanup(b.open)
	return b
}

// pass waits until the barrier is open.
func (b *barrier) pass() {
	b.reached()
	<-b.opened
}

// await waits until somebody waits at the barrier.
func (w *world) await(b *barrier, what string) {
	w.t.Helper()
	w.eventually(what, func() bool {
		select {
		case <-b.arrived:
			return true
		default:
			return false
		}
	})
}

// startKept produces records and starts a bridge whose import of them is kept at
// a moment.
func (w *world) startKept(at func(*barrier) hook, records int) (*bridge, *barrier) {
	w.t.Helper()
	kept := newBarrier(w.t)
	w.setHook(at(kept))
	w.produce(load{records: records})
	b := w.start()
	w.await(kept, "the import is at its moment")
	return b, kept
}

// The moments of an import at which it can be kept, as seen by the API and its
// store. Each is a hook that waits at the barrier.

// atCreate keeps calls for an upload URL before they are answered.
func atCreate(b *barrier) hook {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPost {
			b.pass()
		}
		next.ServeHTTP(rw, r)
	}
}

// beforeBody keeps PUTs of which nothing was read: the URL was received.
func beforeBody(b *barrier) hook {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut {
			b.pass()
		}
		next.ServeHTTP(rw, r)
	}
}

// inBody keeps PUTs of which half was read.
func inBody(b *barrier) hook {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method == http.MethodPut {
			r.Body = &slowBody{ReadCloser: r.Body, barrier: b, left: int(r.ContentLength / 2)}
		}
		next.ServeHTTP(rw, r)
	}
}

// afterStoring keeps the answers of PUTs that are stored.
func afterStoring(b *barrier) hook {
	return func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPut {
			next.ServeHTTP(rw, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		b.pass()
		rw.WriteHeader(answer.Code)
	}
}

// slowBody is read to its half, then waits at the barrier.
type slowBody struct {
	io.ReadCloser
	barrier *barrier
	left    int // until the half
}

func (s *slowBody) Read(p []byte) (int, error) {
	if s.left == 0 {
		s.barrier.pass()
		return s.ReadCloser.Read(p)
	}
	n, err := s.ReadCloser.Read(p[:min(len(p), s.left)])
	s.left -= n
	return n, err
}
