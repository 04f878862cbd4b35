package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// connTracker opens the client's connections and knows those that are open, so
// that all of them can be closed.
type connTracker struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	attempt time.Duration // for one address, so that a dead one leaves time for the next
	timeout time.Duration // in place of no deadline
	others  bool          // there is more than one broker to ask

	mu     sync.Mutex // guards what is below
	open   map[*trackedConn]struct{}
	silent map[string]bool // address -> the membership had no answer from there
	closed bool
}

// errSilent passes over a broker that accepts connections and answers nothing,
// as a frozen one does. kafka-go takes the first of the brokers that accepts,
// and would take that one again and again.
var errSilent = errors.New("gave no answer a moment ago: the next broker is asked")

func newConnTracker(config Config) *connTracker {
	attempt := config.DialTimeout
	if len(config.Brokers) > 1 {
		attempt /= 3
	}
	return &connTracker{
		dial:    config.Dial,
		attempt: attempt,
		timeout: config.DialTimeout,
		others:  len(config.Brokers) > 1,
		open:    make(map[*trackedConn]struct{}),
		silent:  make(map[string]bool),
	}
}

func (t *connTracker) dialCall(ctx context.Context, network, address string) (net.Conn, error) {
	return t.connect(ctx, network, address, false)
}

// dialMembership fails once, at once, after a silence of that broker. Only once:
// the next dial may be for the group's coordinator, which nobody can replace.
func (t *connTracker) dialMembership(ctx context.Context, network, address string) (net.Conn, error) {
	if t.passOver(address) {
		return nil, fmt.Errorf("connect to broker %s: %w", address, errSilent)
	}
	return t.connect(ctx, network, address, true)
}

func (t *connTracker) connect(ctx context.Context, network, address string, membership bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.attempt)
	defer cancel()
	raw, err := t.dial(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("connect to broker %s: %w", address, err)
	}
	c := &trackedConn{Conn: raw, tracker: t, address: address, membership: membership}
	if err := c.SetDeadline(time.Time{}); err != nil || !t.add(c) {
		_ = raw.Close()
		return nil, fmt.Errorf("connect to broker %s: %w", address, net.ErrClosed)
	}
	return c, nil
}

// heardNothing notes that a broker let the membership's deadline pass.
func (t *connTracker) heardNothing(address string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.silent[address] = t.others
}

func (t *connTracker) passOver(address string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	silent := t.silent[address]
	delete(t.silent, address)
	return silent
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

func (t *connTracker) closeMembership() {
	t.closeThose(func(c *trackedConn) bool { return c.membership })
}

func (t *connTracker) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.closeThose(func(*trackedConn) bool { return true })
}

func (t *connTracker) closeThose(which func(*trackedConn) bool) {
	t.mu.Lock()
	var these []*trackedConn
	for c := range t.open {
		if which(c) {
			these = append(these, c)
		}
	}
	t.mu.Unlock()
	for _, c := range these {
		_ = c.Close()
	}
}

// trackedConn is a connection that always has a deadline: where none is asked
// for, the tracker's timeout counts from then. kafka-go clears the deadline
// before it authenticates, and nothing reads between calls.
type trackedConn struct {
	net.Conn
	tracker    *connTracker
	address    string
	membership bool
}

func (c *trackedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.membership && errors.Is(err, os.ErrDeadlineExceeded) {
		c.tracker.heardNothing(c.address)
	}
	return n, err
}

func (c *trackedConn) orTimeout(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(c.tracker.timeout)
	}
	return t
}

func (c *trackedConn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(c.orTimeout(t)) }
func (c *trackedConn) SetReadDeadline(t time.Time) error {
	return c.Conn.SetReadDeadline(c.orTimeout(t))
}
func (c *trackedConn) SetWriteDeadline(t time.Time) error {
	return c.Conn.SetWriteDeadline(c.orTimeout(t))
}

func (c *trackedConn) Close() error {
	c.tracker.remove(c)
	return c.Conn.Close()
}
