package http1

import (
	"errors"
	"io"
	"math"
	"net/http/httputil"
	"os"
	"time"
)

// A Response is the answer to a request, and reads its body. The connection is kept if
// it is closed after the body's end was read. It is not safe for concurrent use.
type Response struct {
	Status int
	Header Header
	Length int64 // of the body in bytes, -1 if the header does not say
	Whole  bool  // all of the request was written, not only perhaps as in Sent

	left          io.LimitedReader // of a body whose length is known, or that ends with its connection
	chunks        io.Reader        // instead, of a body in chunks
	ended, closed bool

	client *Client
	conn   *conn
	keep   bool        // if the body is read to its end
	stop   func() bool // ends the watch over the request's context
}

// begin makes ready for the body of an answer.
func (r *Response) begin(a *answer) {
	r.left = io.LimitedReader{R: r.conn.answers, N: a.length}
	switch {
	case a.chunked:
		r.chunks = httputil.NewChunkedReader(r.conn.answers)
	case a.length == unframed:
		r.left.N = math.MaxInt64
	}
	r.ended = a.length == 0
}

// Read reads the body. It fails when the request's context ends, and by ErrTooLong at
// Request.Until.
func (r *Response) Read(p []byte) (int, error) {
	if r.ended || r.closed {
		return 0, io.EOF
	}
	n, err := r.read(p)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTooLong
	case r.ended && n > 0:
		err = nil // told by the next call
	}
	return n, err
}

func (r *Response) read(p []byte) (n int, err error) {
	if r.chunks != nil {
		if n, err = r.chunks.Read(p); errors.Is(err, io.EOF) {
			err = r.endChunks()
		}
		return n, err
	}
	n, err = r.left.Read(p)
	end := errors.Is(err, io.EOF)
	if r.ended = r.left.N == 0 || end && r.Length < 0; end && !r.ended {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// endChunks reads the trailer behind the last chunk.
func (r *Response) endChunks() error {
	r.conn.readable = maxHeaderBytes
	if err := r.conn.readBlock(); err != nil {
		return err
	}
	r.ended = true
	return io.EOF
}

// Limit bounds how long the rest of the body may take, instead of Request.Until.
func (r *Response) Limit(d time.Duration) {
	if !r.closed {
		_ = r.conn.SetReadDeadline(time.Now().Add(d))
	}
}

// Close ends the request. It always returns nil.
func (r *Response) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	if r.stop() && r.ended && r.keep && r.conn.answers.Buffered() == 0 {
		r.client.keep(r.conn)
	} else {
		r.conn.abort()
	}
	return nil
}
