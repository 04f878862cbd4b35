package http1

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	// What is written between two calls of Request.Before: more while the connection
	// takes it quickly, so that a slow one is seen to make progress.
	minPieceBytes = 64 << 10
	maxPieceBytes = 1 << 20
	quick         = 50 * time.Millisecond

	// firstBytes of a body are copied behind the header, so that a small request is
	// one write, and a large one begins with no dozen of small ones.
	firstBytes = 16 << 10
)

// A writer is a conn's writing side. One goroutine at a time uses it.
type writer struct {
	*Request
	to      net.Conn
	sent    Sent
	refused bool // the request itself ended it, not the connection

	// For the goroutine that reads meanwhile.
	last     atomic.Bool // the last piece is being written
	answered atomic.Bool // nobody waits for the rest

	next, skip int   // the rest of the body begins at Body[next][skip]
	left       int64 // of the body

	head  []byte   // what goes before the rest of the body
	piece [][]byte // what is written at once
}

// begin makes a request the next one to be written.
func (w *writer) begin(r *Request, to net.Conn) {
	w.Request, w.to, w.sent, w.refused = r, to, Sent{}, false
	w.next, w.skip, w.left = 0, 0, r.Size
	w.head, w.piece = w.head[:0], w.piece[:0]
	w.last.Store(false)
	w.answered.Store(false)
}

// refuse ends the request for a reason that is not the connection's.
func (w *writer) refuse(err error) error {
	w.refused = true
	return err
}

// header prepares the request line and the header, and writes them if an answer is to
// come before the body. proxied requests name their server, for a proxy that may want
// credentials.
func (w *writer) header(proxied bool, credentials string) error {
	host, err := asciiHost(w.URL)
	if err != nil {
		return w.refuse(err)
	}
	b := append(append(w.head, w.Method...), ' ')
	if proxied {
		b = append(append(append(b, w.URL.Scheme...), "://"...), host...)
	}
	b = appendTarget(b, w.URL)
	if err := w.check(b[len(w.Method)+1:], host); err != nil {
		return w.refuse(err)
	}
	b = appendField(append(b, " HTTP/1.1\r\n"...), "Host", host)
	if w.Body != nil {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), w.Size, 10), "\r\n"...)
	}
	if w.Ask {
		b = appendField(b, "Expect", "100-continue")
	}
	if credentials != "" {
		b = appendField(b, "Proxy-Authorization", credentials)
	}
	for _, f := range w.Header {
		b = appendField(b, f.Name, f.Value)
	}
	w.head = append(b, "\r\n"...)
	if !w.Ask {
		return nil
	}
	w.piece = append(w.piece, w.head)
	return w.write(w.Progress)
}

// check refuses what would be another request than the caller means.
func (w *writer) check(target []byte, host string) error {
	size := int64(0)
	for _, block := range w.Body {
		size += int64(len(block))
	}
	if size != w.Size {
		return fmt.Errorf("the blocks of the request's body have %d bytes, not %d", size, w.Size)
	}
	ends := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if strings.ContainsFunc(w.Method, ends) || bytes.ContainsFunc(target, ends) || strings.ContainsFunc(host, ends) {
		return errors.New("the request's method or URL has a space or a control character")
	}
	for _, f := range w.Header {
		if !httpguts.ValidHeaderFieldName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) {
			return fmt.Errorf("header %q has a name or a value that no header may have", f.Name)
		}
	}
	return nil
}

// appendTarget appends a URL's path and query.
func appendTarget(b []byte, u *url.URL) []byte {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	b = append(b, path...)
	if u.ForceQuery || u.RawQuery != "" {
		b = append(append(b, '?'), u.RawQuery...)
	}
	return b
}

func appendField(b []byte, name, value string) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// small reports whether the rest of the request is one piece that any socket takes.
func (w *writer) small() bool { return w.left <= firstBytes }

// body writes the rest of the request, piece by piece.
func (w *writer) body() error {
	for part := range w.take(firstBytes) {
		w.head = append(w.head, part...)
	}
	size, most := minPieceBytes, maxPieceBytes
	for more := true; more; more = w.left > 0 {
		if w.piece = w.piece[:0]; len(w.head) > 0 {
			w.piece = append(w.piece, w.head)
		}
		for part := range w.take(size - len(w.head)) {
			w.piece = append(w.piece, part)
		}
		if w.Before != nil {
			if err := w.Before(); err != nil {
				return w.refuse(err)
			}
		}
		patience := w.Progress
		if w.left == 0 {
			w.last.Store(true)
			w.sent.Body = true
			patience = w.Silence
		}
		began := time.Now()
		if err := w.write(patience); err != nil {
			return err
		}
		if time.Since(began) > quick {
			size, most = minPieceBytes, minPieceBytes
		}
		size = min(2*size, most)
	}
	return nil
}

// take yields at most so many bytes of the body.
func (w *writer) take(most int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for room := min(int64(most), w.left); room > 0; {
			part := w.Body[w.next][w.skip:]
			if int64(len(part)) <= room {
				w.next, w.skip = w.next+1, 0
			} else {
				part = part[:room]
				w.skip += len(part)
			}
			room -= int64(len(part))
			w.left -= int64(len(part))
			if !yield(part) {
				return
			}
		}
	}
}

// write writes the piece. Until the next one, neither side may be silent for longer
// than patience. A socket takes all parts of the piece in one call.
func (w *writer) write(patience time.Duration) (err error) {
	_ = w.to.SetDeadline(w.deadline(patience))
	if w.answered.Load() {
		w.hasten() // again, since the deadline is another one now
	}
	n := 0
	if len(w.piece) == 1 {
		n, err = w.to.Write(w.piece[0])
	} else {
		var written int64
		parts := net.Buffers(w.piece) // WriteTo moves its begin
		written, err = parts.WriteTo(w.to)
		n = int(written)
	}
	w.sent.Header = w.sent.Header || n > 0
	clear(w.piece)
	w.piece, w.head = w.piece[:0], w.head[:0]
	return err
}

// hasten ends the writing soon, because the answer has come. Any goroutine may call it.
func (w *writer) hasten() {
	w.answered.Store(true)
	if w.last.Load() { // its Write returns at once, unless the answer is early
		_ = w.to.SetWriteDeadline(w.deadline(answerGrace))
	} else {
		_ = w.to.SetWriteDeadline(longAgo)
	}
}
