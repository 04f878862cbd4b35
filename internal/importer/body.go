package importer

import (
	"errors"
	"io"
	"sync"
)

// A body hands an import's blocks to the transport, without copying them, and
// knows when the transport has let go of them. The transport may go on reading
// a request's body after it has returned, and may take a second reader when it
// finds a kept connection dead; only Close tells that it is done.
type body struct {
	blocks [][]byte
	size   int64
	guard  func() error
	moved  func(complete bool) // called at each read

	open sync.WaitGroup // readers not yet closed

	mu       sync.Mutex // guards what follows; readers belong to the transport's goroutine
	complete bool       // the last byte was handed over, in some reader
	guardErr error      // why the guard ended it
}

// reader returns a new reader from the first byte on.
func (b *body) reader() io.ReadCloser {
	b.open.Add(1)
	return &bodyReader{body: b, rest: b.blocks, left: b.size}
}

// wait returns once every reader was closed: the blocks are the caller's again.
func (b *body) wait() { b.open.Wait() }

// state returns whether the whole body was handed over, and the guard's error.
func (b *body) state() (complete bool, guardErr error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.complete, b.guardErr
}

// bodyReader is one pass over a body.
type bodyReader struct {
	body   *body
	rest   [][]byte
	skip   int // bytes of rest[0] that were read
	left   int64
	closed bool
}

var errBodyClosed = errors.New("read body: it is closed")

// Read asks the guard, then copies into p. Once the guard has failed every
// further read fails, in any reader.
func (r *bodyReader) Read(p []byte) (int, error) {
	b := r.body
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.closed:
		return 0, errBodyClosed
	case b.guardErr != nil:
		return 0, b.guardErr
	}
	if err := ask(b.guard); err != nil {
		b.guardErr = err
		return 0, err
	}
	n := r.fill(p)
	b.complete = b.complete || r.left == 0
	b.moved(b.complete)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// fill copies as much as fits.
func (r *bodyReader) fill(p []byte) (n int) {
	for n < len(p) && len(r.rest) > 0 {
		m := copy(p[n:], r.rest[0][r.skip:])
		n += m
		r.skip += m
		if r.skip == len(r.rest[0]) {
			r.rest, r.skip = r.rest[1:], 0
		}
	}
	r.left -= int64(n)
	return n
}

// Close ends the reader; it waits for a Read that is under way.
func (r *bodyReader) Close() error {
	r.body.mu.Lock()
	defer r.body.mu.Unlock()
	if !r.closed {
		r.closed = true
		r.rest = nil
		r.body.open.Done()
	}
	return nil
}

// ask calls a guard; nil never objects.
func ask(guard func() error) error {
	if guard == nil {
		return nil
	}
	return guard()
}
