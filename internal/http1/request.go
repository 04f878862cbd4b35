package http1

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"
)

// A Request is what Client.Do sends. It belongs to Do until that returns.
type Request struct {
	Method string
	URL    *url.URL

	// Header holds nothing about the connection, the length or the host, which are
	// Do's.
	Header []Field

	// Body is read only, and Size the sum of its lengths, in bytes.
	Body [][]byte
	Size int64

	// Ask makes the server say that it takes the body before any of it is sent
	// (Expect: 100-continue, RFC 9110, section 10.1.1). A server that says nothing is
	// sent it after a second.
	Ask bool

	// Before is asked before each piece of the body is written; its error ends the
	// request. nil never objects. It is called from one goroutine at a time, never
	// after Do has returned.
	Before func() error

	// Until is when the whole request must be over, its answer's body included.
	Until time.Time

	// Progress is how long a piece of the body may take to be written, and Silence
	// how long the last one and the answer's header may take together. 0 sets no bound.
	Progress, Silence time.Duration

	// Repeatable lets Do send the request again, where a kept connection ends without
	// an answer.
	Repeatable bool
}

// A Field is a line of a header.
type Field struct{ Name, Value string }

// Sent says how far a request got.
type Sent struct {
	Header bool // some of it was written to a connection
	Body   bool // all of it was, or the last piece of the body may have been
}

// Why Do gave up a request; both are timeouts to errors.Is.
var (
	ErrTooLong = fmt.Errorf("not finished in time: %w", context.DeadlineExceeded)
	ErrStalled = fmt.Errorf("no progress: %w", context.DeadlineExceeded)
)

// limited names the limit that has ended the request, if one has, beside what it has ended.
func (r *Request) limited(err error) error {
	switch {
	case err == nil:
		return nil
	case !time.Now().Before(r.Until):
		return fmt.Errorf("%w: %w", ErrTooLong, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrStalled
	}
	return err
}

// deadline is when a part of the request must be over that may take so long.
func (r *Request) deadline(patience time.Duration) time.Time {
	if patience == 0 {
		return r.Until
	}
	if at := time.Now().Add(patience); at.Before(r.Until) {
		return at
	}
	return r.Until
}
