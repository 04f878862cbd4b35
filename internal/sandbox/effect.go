package sandbox

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// endlessBytes bounds an answer without end, and dripBytes one that drips.
const (
	endlessBytes = 1 << 30
	dripBytes    = 600
)

// effect is what one request suffers. Its methods accept nil: nothing happens.
type effect struct {
	Fault
	retryAfter string
	quietUntil time.Time // zero: no promise
}

// interrupt waits, or ends the connection before the request is looked at. It
// returns true when nothing is left to do.
func (e *effect) interrupt(w http.ResponseWriter, r *http.Request) bool {
	if e == nil {
		return false
	}
	if !e.pause(r) {
		return true
	}
	switch {
	case e.Reset == ResetBefore:
		reset(w, r, 0)
	case e.Reset == ResetMid:
		reset(w, r, r.ContentLength/2)
	case e.Early:
		e.early(w)
	default:
		return false
	}
	return true
}

// pause returns false if the client left meanwhile.
func (e *effect) pause(r *http.Request) bool {
	if e.Delay > 0 {
		timer := time.NewTimer(e.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return false
		}
	}
	if e.Hold != nil {
		select {
		case <-e.Hold:
		case <-r.Context().Done():
			return false
		}
	}
	return true
}

// replace answers instead of the real handler; true when it did. The body of a
// PUT is read first. One that is stored all the same is left to afterwards.
func (e *effect) replace(w http.ResponseWriter, r *http.Request) bool {
	if !e.scripted() || e.Operation == OperationUpload && (e.status() < 300 || e.Kept) {
		return false
	}
	_, _ = io.Copy(io.Discard, r.Body) // the client is gone: the answer does not matter
	e.answer(w, r)
	return true
}

// afterwards replaces the answer to work that was done; true when it did.
func (e *effect) afterwards(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case e == nil:
		return false
	case e.lost():
		reset(w, r, 0)
	case e.scripted():
		e.answer(w, r)
	default:
		return false
	}
	return true
}

// scripted reports whether the answer is ours.
func (e *effect) scripted() bool {
	return e != nil && (e.Status != 0 || e.Body != "" || e.Garbage || e.Redirect != "" || e.Drip || e.Endless || e.Header != nil)
}

func (e *effect) status() int {
	switch {
	case e.Status != 0:
		return e.Status
	case e.Redirect != "":
		return http.StatusTemporaryRedirect
	}
	return http.StatusOK
}

func (e *effect) answer(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	if e.retryAfter != "" {
		header.Set("Retry-After", e.retryAfter)
	}
	if e.Redirect != "" {
		header.Set("Location", e.Redirect)
	}
	for name, value := range e.Header {
		header.Set(name, value)
	}
	w.WriteHeader(e.status())
	switch {
	case e.Drip:
		drip(w, r)
	case e.Endless:
		flood(w, r)
	case e.Garbage:
		_, _ = io.WriteString(w, "<html><body>It works!</body></html>") // the client is gone: nothing to do
	default:
		_, _ = io.WriteString(w, e.Body) // ditto
	}
}

func drip(w http.ResponseWriter, r *http.Request) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for range dripBytes {
		if _, err := io.WriteString(w, " "); err != nil {
			return
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

func flood(w http.ResponseWriter, r *http.Request) {
	block := bytes.Repeat([]byte{' '}, 64<<10)
	for sent := 0; sent < endlessBytes && r.Context().Err() == nil; sent += len(block) {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// reset reads up to n bytes of the body and ends the connection, with RST where
// there is TCP below.
func reset(w http.ResponseWriter, r *http.Request, n int64) {
	_, _ = io.CopyN(io.Discard, r.Body, n) // a shorter body changes nothing
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: resets the stream
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// early answers and closes with the body unread: the kernel then sends RST,
// which may overtake the answer.
func (e *effect) early(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status := e.status()
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s",
		status, http.StatusText(status), len(e.Body), e.Body)
	_ = conn.Close()
}

func (e *effect) lost() bool    { return e != nil && e.Reset == ResetAfter }
func (e *effect) expired() bool { return e != nil && e.Expired }
func (e *effect) doomed() bool  { return e != nil && e.Doomed }

// ignoresCondition reports whether the store does not look at If-None-Match.
func (e *effect) ignoresCondition() bool { return e != nil && e.IgnoreCondition }

func (e *effect) uploadURL() string {
	if e == nil {
		return ""
	}
	return e.UploadURL
}
