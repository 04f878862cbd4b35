package http1

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	// continueTimeout is how long a server may take to say that it takes a body.
	continueTimeout = time.Second

	// answerGrace is how long a failed write waits for an answer that came first. A
	// server that refuses a body answers and closes while it is still written: the
	// reset that follows fails the write, and the answer lies in the receive buffer.
	answerGrace = 250 * time.Millisecond
)

var longAgo = time.Unix(1, 0)

// A conn is a connection with at most one request on its way.
type conn struct {
	net.Conn          // what requests are written to: TLS, or raw itself
	raw      net.Conn // the socket
	at       route

	proxied     bool   // a proxy reads the requests, and passes them on
	credentials string // for that proxy, "" if it wants none

	answers  *bufio.Reader
	block    []byte // the last answer's header
	readable int64  // so many bytes may still be read, of a header
	silent   bool   // nothing was read since the request began
	whole    bool   // the request was written to its end
	out      writer

	born, idleSince time.Time
	bad             int // answers of 5xx in a row
}

func newConn(over, raw net.Conn) *conn {
	c := &conn{Conn: over, raw: raw, born: time.Now(), readable: maxHeaderBytes}
	c.answers = bufio.NewReader((*inlet)(c))
	return c
}

// abort ends the connection without a word to the other side, which might take time.
func (c *conn) abort() { _ = c.raw.Close() }

// died reports whether a request has failed because the connection had ended before. One
// whose time is over may have met a server that is slow.
func (c *conn) died(err error) bool {
	return c.silent && !c.out.refused && !errors.Is(err, os.ErrDeadlineExceeded)
}

// quiet reports whether the server has said nothing since the last answer. TLS may have
// read its farewell with that answer, so that the socket does not have it any more.
func (c *conn) quiet() bool {
	if alive := stands(c.raw); !alive || c.Conn == c.raw {
		return alive
	}
	_ = c.SetReadDeadline(longAgo) // what is not there yet is not waited for
	_, err := c.answers.Peek(1)
	_ = c.SetReadDeadline(time.Time{})
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// An inlet is the reading side of a conn. It bounds how long a header may be.
type inlet conn

func (i *inlet) Read(p []byte) (int, error) {
	if i.readable <= 0 {
		return 0, errLongHeader
	}
	n, err := i.Conn.Read(p[:min(int64(len(p)), i.readable)])
	i.readable -= int64(n)
	i.silent = i.silent && n == 0
	return n, err
}

// send writes the request and reads the answer's header. When it returns the request
// is not read any more.
func (c *conn) send(r *Request) (answer, error) {
	c.silent, c.whole, c.readable = true, false, maxHeaderBytes
	w := &c.out
	w.begin(r, c.Conn)
	if err := w.header(c.proxied, c.credentials); err != nil {
		return answer{}, err
	}
	if r.Ask {
		if a, err := c.word(r); a.status != 0 || err != nil {
			return a, err
		}
	}
	if !w.small() {
		return c.sendLarge(r)
	}
	failed := w.body()
	if c.whole = failed == nil; c.whole {
		return c.answer()
	}
	if w.refused {
		return answer{}, failed
	}
	_ = c.SetReadDeadline(r.deadline(answerGrace))
	a, err := c.answer()
	if err == nil {
		return a, nil
	}
	return answer{}, why(failed, err)
}

// why returns the error of the two sides that says more about the connection's end: the
// first, which is the writing side's, unless the server has sent an alert of TLS.
func why(write, read error) error {
	if op, ok := errors.AsType[*net.OpError](read); ok && op.Op == "remote error" {
		return read
	}
	return write
}

// word waits for what the server says before it is sent the body: an answer, or
// none if it takes it or does not say.
func (c *conn) word(r *Request) (answer, error) {
	for until := r.deadline(continueTimeout); ; {
		_ = c.SetReadDeadline(until)
		_, err := c.answers.Peek(1)
		_ = c.SetReadDeadline(r.deadline(r.Progress))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return answer{}, nil
		}
		a, err := c.one()
		switch {
		case err != nil || a.final():
			return a, err
		case a.status == http.StatusContinue:
			return answer{}, nil
		}
	}
}

// sendLarge writes the body while it reads: an answer may come before the body's end,
// from a server that reads no further.
func (c *conn) sendLarge(r *Request) (answer, error) {
	w := &c.out
	written := make(chan error, 1)
	go func() { // ends before sendLarge does
		err := w.body()
		switch {
		case w.refused:
			c.abort()
		case err != nil:
			_ = c.SetReadDeadline(r.deadline(answerGrace))
		}
		written <- err
	}()
	a, err := c.answer()
	if err != nil {
		return answer{}, c.endWrite(written, err)
	}
	w.hasten()
	c.whole = <-written == nil
	return a, nil
}

// endWrite ends the body's writing after there was no answer, and returns why there
// was none: the first error of the two sides, or that of the request itself.
func (c *conn) endWrite(written <-chan error, read error) error {
	select {
	case err := <-written:
		if err != nil {
			return why(err, read)
		}
	default:
		c.abort()
		if err := <-written; c.out.refused {
			return err
		}
	}
	return read
}
