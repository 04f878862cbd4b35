package importer

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stuckConn is a connection on which the answer comes while the body's first
// Write hangs, and Close does not help.
type stuckConn struct {
	net.Conn
	release chan struct{} // closed by the test: Write goes on
	answer  io.Reader
	closed  chan struct{}
	once    sync.Once
	hung    chan struct{} // closed when the body's Write hangs
	written bytes.Buffer
}

func (c *stuckConn) Read(p []byte) (int, error) {
	<-c.hung
	if n, err := c.answer.Read(p); err == nil {
		return n, nil
	}
	<-c.closed
	return 0, net.ErrClosed
}

func (c *stuckConn) Write(p []byte) (int, error) {
	c.once.Do(func() { close(c.hung) })
	<-c.release
	return c.written.Write(p)
}

func (c *stuckConn) Close() error { close(c.closed); return nil }

// TestClient_lateTransportFindsTheBodyShut: a transport that comes back to the
// body after Attempt has returned must not get one byte of it, since the blocks
// hold something else by then.
func TestClient_lateTransportFindsTheBodyShut(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		conn := &stuckConn{
			release: make(chan struct{}), closed: make(chan struct{}), hung: make(chan struct{}),
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
		blocks, _ := batch(big)
		var returned, late atomic.Bool
		out := l.checked(c.NewImport("orders", blocks, big).Attempt(t.Context(), func() error {
			late.Store(late.Load() || returned.Load())
			return nil
		}))
		returned.Store(true)
		wantClass(t, out, RetrySame, ReasonServerError)
		for _, b := range blocks {
			clear(b)
		}
		close(conn.release)
		time.Sleep(time.Minute)
		synctest.Wait()
		if late.Load() || bytes.ContainsRune(conn.written.Bytes(), 0) {
			t.Error("the body was read after Attempt had returned")
		}
	})
}
