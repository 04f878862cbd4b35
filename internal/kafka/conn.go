package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/wire"
)

// connTracker opens the client's connections and knows those that are open, so
// that all of them can be closed.
type connTracker struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() (*tls.Config, error) // nil: plaintext
	attempt time.Duration               // for one address, so that a dead one leaves time for the next
	timeout time.Duration               // in place of no deadline

	mu     sync.Mutex // guards what is below
	open   map[*trackedConn]struct{}
	closed bool
}

func newConnTracker(config Config) *connTracker {
	attempt := config.DialTimeout
	if len(config.Brokers) > 1 {
		attempt /= 3
	}
	return &connTracker{
		dial:    config.Dial,
		tls:     config.TLS,
		attempt: attempt,
		timeout: config.DialTimeout,
		open:    make(map[*trackedConn]struct{}),
	}
}

func (t *connTracker) connect(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	raw, err := t.dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", address, err)
	}
	c := &trackedConn{Conn: raw, tracker: t}
	if err := c.SetDeadline(time.Time{}); err != nil || !t.add(c) {
		_ = raw.Close()
		return nil, fmt.Errorf("connect to broker %s: %w", address, net.ErrClosed)
	}
	if t.tls == nil {
		return c, nil
	}
	secured, err := t.secure(ctx, c, address)
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("connect to broker %s: %w", address, err)
	}
	return secured, nil
}

// secure makes the TLS handshake. kafka-go could make it too, but with one configuration
// for all connections, and so with the roots of the process's start.
func (t *connTracker) secure(ctx context.Context, c net.Conn, address string) (net.Conn, error) {
	config, err := t.tls()
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, err
		}
	}
	secured := tls.Client(c, config)
	return secured, secured.HandshakeContext(ctx)
}

func (t *connTracker) add(c *trackedConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.open[c] = struct{}{}
	}
	return !t.closed
}

func (t *connTracker) remove(c *trackedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

func (t *connTracker) close() {
	t.mu.Lock()
	t.closed = true
	open := slices.Collect(maps.Keys(t.open))
	t.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

// trackedConn is a connection that always has a deadline: where none is asked
// for, the tracker's timeout counts from then. kafka-go clears the deadline
// before it authenticates, and nothing reads between calls.
type trackedConn struct {
	net.Conn
	tracker *connTracker
	// offered is the versions that the broker offers, by API key, once it was asked. It
	// belongs to the exchange that has the connection. Behind one address there may be
	// brokers of several releases: a load balancer or a proxy stands in front of them,
	// or they are upgraded one after the other.
	offered map[int16]wire.VersionRange
}

// RemoteAddr implements net.Conn. Whoever has only a layer above the connection, such as
// TLS, finds the connection by it.
func (c *trackedConn) RemoteAddr() net.Addr { return remote{c.Conn.RemoteAddr(), c} }

// remote is the address of a broker on one connection.
type remote struct {
	net.Addr
	conn *trackedConn
}

func (c *trackedConn) SetDeadline(t time.Time) error {
	if t.IsZero() {
		t = time.Now().Add(c.tracker.timeout)
	}
	return c.Conn.SetDeadline(t)
}

func (c *trackedConn) Close() error {
	c.tracker.remove(c)
	return c.Conn.Close()
}
