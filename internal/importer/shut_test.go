package importer

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// stuckConn is a connection on which the answer comes while the body's first
// Write hangs, until its deadline.
type stuckConn struct {
	net.Conn
	answer io.Reader
	closed chan struct{}
	hung   chan struct{} // closed when the body's Write hangs
	late   chan struct{} // closed when its deadline is over
	once   sync.Once
}

func (c *stuckConn) Read(p []byte) (int, error) {
	<-c.hung
	if n, err := c.answer.Read(p); err == nil {
		return n, nil
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *stuckConn) Write([]byte) (int, error) {
	close(c.hung)
	<-c.late
	return 0, os.ErrDeadlineExceeded
}

func (c *stuckConn) SetWriteDeadline(at time.Time) error {
	if !at.After(time.Now()) {
		c.once.Do(func() { close(c.late) })
	}
	return nil
}

func (*stuckConn) SetReadDeadline(time.Time) error { return nil }
func (*stuckConn) SetDeadline(time.Time) error     { return nil }
func (c *stuckConn) Close() error                  { close(c.closed); return nil }

// TestClient_anEarlyAnswerEndsTheBody: the store answers and reads no further. Attempt
// returns at once, and with it the blocks are the caller's again.
func TestClient_anEarlyAnswerEndsTheBody(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		conn := &stuckConn{
			closed: make(chan struct{}), hung: make(chan struct{}), late: make(chan struct{}),
			answer: bytes.NewBufferString("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
		}
		dial := l.cfg.DialContext
		l.cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == l.store.Listener.Addr().String() {
				return conn, nil
			}
			return dial(ctx, network, addr)
		}
		c := l.client()
		l.at(c).noExpect.Store(true)
		i, _ := newImport(c, big)
		if d := took(func() { wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError) }); d != 0 {
			t.Errorf("it took %s", d)
		}
		select {
		case <-conn.late:
		default:
			t.Error("the body's Write goes on")
		}
		if <-conn.closed; i.Ambiguous() {
			t.Error("a body that was not sent whole may be stored")
		}
	})
}
