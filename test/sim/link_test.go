package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

var errUnplugged = errors.New("the network is unplugged")

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// link is one process's cable to one side, Kafka or the import API. Safe for
// concurrent use.
type link struct {
	dialer dialFunc
	kafka  bool

	mu    sync.Mutex
	conns map[*conn]struct{}
	hole  bool // nothing passes, nobody is told
	dead  bool // the process is gone: everything fails
	// What happens to the next commits.
	lose int          // applied, but the answer is lost
	late []lateCommit // they reach the broker later
	deaf deafness     // and to the next heartbeats

	damage string        // what happens to the record batches of fetches, "" for nothing
	frozen chan struct{} // closed when a frozen process goes on; nil if it is not
}

const (
	keyFetch        = 1
	keyOffsetCommit = 8
	keyHeartbeat    = 12
)

func newLink(d dialFunc, kafka bool) *link {
	return &link{dialer: d, kafka: kafka, conns: map[*conn]struct{}{}}
}

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	l.awaitThaw()
	l.mu.Lock()
	hole, dead := l.hole, l.dead
	l.mu.Unlock()
	if dead {
		return nil, errUnplugged
	}
	if hole {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	raw, err := l.dialer(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if !l.kafka {
		raw = newSocket(raw)
	}
	c := &conn{Conn: raw, link: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead || l.hole {
		_ = raw.Close()
		return nil, errUnplugged
	}
	l.conns[c] = struct{}{}
	return c, nil
}

// cut ends every connection.
func (l *link) cut() {
	l.mu.Lock()
	var all []*conn
	for c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

// kill ends every connection and refuses new ones for good.
func (l *link) kill() {
	l.mu.Lock()
	l.dead = true
	l.mu.Unlock()
	l.thaw()
	l.cut()
}

// partition makes the network swallow everything; heal cuts what was open.
func (l *link) partition() {
	l.mu.Lock()
	l.hole = true
	l.mu.Unlock()
}

func (l *link) heal() {
	l.mu.Lock()
	l.hole = false
	l.mu.Unlock()
	l.cut()
}

func (l *link) swallows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hole || l.dead
}

// conn follows the frames of the Kafka protocol that are written to it, so that
// faults can hit the commits. On other protocols it only follows the link.
type conn struct {
	net.Conn
	link *link

	mu     sync.Mutex
	head   []byte // of the frame being written
	left   int    // bytes of it that are still to come
	mute   bool   // answers are lost
	behind bool   // what is written waits in queue and is delivered late
	queue  []byte
	closed bool

	fetches map[uint32]int16 // versions of the fetches that await an answer, by correlation id
	coming  []byte           // the part of an answer that has arrived
	ready   []byte           // answers that may be read

	held    []byte // was written while the process was frozen
	thawing bool   // held is being written
}

func (c *conn) Read(p []byte) (int, error) {
	if !c.link.kafka {
		return c.read(p)
	}
	for len(c.ready) == 0 {
		n, err := c.read(p)
		if err != nil {
			return 0, err
		}
		c.arrived(p[:n])
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// read is Read of the bytes as they come.
func (c *conn) read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		c.link.awaitThaw()
		c.mu.Lock()
		mute := c.mute
		c.mu.Unlock()
		if err == nil && mute {
			_ = c.Close()
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil || !c.link.swallows() {
			return n, err
		}
	}
}

func (c *conn) Write(p []byte) (int, error) {
	if c.link.swallows() {
		return len(p), nil
	}
	if c.hold(p) {
		return len(p), nil
	}
	if !c.link.kafka {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	behind := c.behind
	lose, late := c.follow(p)
	c.mute = c.mute || lose
	c.behind = behind || late > 0
	if c.behind {
		c.queue = append(c.queue, p...)
	}
	c.mu.Unlock()
	switch {
	case late > 0 && !behind:
		go c.deliver(late)
		return len(p), nil
	case behind:
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// deliver writes what waits, late, and closes the connection. It ends by itself.
func (c *conn) deliver(late time.Duration) {
	time.Sleep(late)
	c.mu.Lock()
	whole := c.queue
	c.mu.Unlock()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.Conn.Write(whole)
	time.Sleep(10 * time.Millisecond) // the broker acts on it
	_ = c.Conn.Close()
}

// follow reads along and says what shall happen to a commit that begins in p.
func (c *conn) follow(p []byte) (lose bool, late time.Duration) {
	for len(p) > 0 {
		if c.left > 0 {
			n := min(c.left, len(p))
			c.left -= n
			p = p[n:]
			continue
		}
		const header = 12 // length, key, version, correlation id
		n := min(header-len(c.head), len(p))
		c.head = append(c.head, p[:n]...)
		p = p[n:]
		if len(c.head) < header {
			break
		}
		c.left = int(binary.BigEndian.Uint32(c.head)) - (header - 4)
		switch binary.BigEndian.Uint16(c.head[4:]) {
		case keyOffsetCommit:
			lose, late = c.link.commitFault()
		case keyHeartbeat:
			lose = c.link.heartbeatFault()
		case keyFetch:
			if c.fetches == nil {
				c.fetches = map[uint32]int16{}
			}
			c.fetches[binary.BigEndian.Uint32(c.head[8:])] = int16(binary.BigEndian.Uint16(c.head[6:]))
		}
		c.head = c.head[:0]
	}
	return lose, late
}

func (c *conn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	c.closed = true
	if c.behind {
		// The late delivery closes it; whoever reads must not wait for it.
		return c.SetReadDeadline(time.Now())
	}
	return c.Conn.Close()
}
