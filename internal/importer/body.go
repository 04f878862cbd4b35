package importer

import (
	"errors"
	"io"
	"sync"
)

// A body hands an import's blocks to the transport without copying them first,
// and takes them away again. The transport may go on reading a request's body
// after it has returned, and may ask for a second reader when it finds a kept
// connection dead; after shut none of them touches the blocks.
type body struct {
	blocks [][]byte
	size   int64
	guard  func() error
	moved  func(whole bool) // called at each read

	mu       sync.Mutex // guards what follows, and the readers: they are used by the transport's goroutine
	closed   bool       // by shut
	whole    bool       // the last byte was handed over, in some reader
	guardErr error      // why the guard ended it
}

// reader returns a new reader from the first byte on.
func (b *body) reader() io.ReadCloser {
	return &bodyReader{body: b, rest: b.blocks, left: b.size}
}

// shut makes the blocks the caller's again. It waits for a Read that is under
// way; later ones fail.
func (b *body) shut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// state reports whether the whole body was handed over, and why the guard ended
// it, if it did.
func (b *body) state() (whole bool, guardErr error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.whole, b.guardErr
}

// bodyReader is one pass over a body.
type bodyReader struct {
	body *body
	rest [][]byte
	skip int // bytes of rest[0] that were read
	left int64
}

var errBodyClosed = errors.New("read body: it is closed")

// Read asks the guard, then copies into p. Once the guard has failed every
// further read fails, in any reader. The end is told without asking: nothing
// more can be held back by then.
func (r *bodyReader) Read(p []byte) (int, error) {
	b := r.body
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r.left == 0:
		return 0, io.EOF
	case b.closed:
		return 0, errBodyClosed
	case b.guardErr != nil:
		return 0, b.guardErr
	}
	if b.guardErr = ask(b.guard); b.guardErr != nil {
		return 0, b.guardErr
	}
	n := r.fill(p)
	b.whole = b.whole || r.left == 0
	b.moved(b.whole)
	if n == 0 && len(p) > 0 {
		return 0, io.ErrUnexpectedEOF // the blocks are shorter than the size
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

// Close does nothing: shut does, for all readers.
func (*bodyReader) Close() error { return nil }

// ask calls a guard; nil never objects.
func ask(guard func() error) error {
	if guard == nil {
		return nil
	}
	return guard()
}
