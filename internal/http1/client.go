package http1

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"
)

const (
	// idleTimeout is how long a connection is kept without a request: less than the
	// minute after which load balancers close.
	idleTimeout = 55 * time.Second

	// badAnswers is how many answers of 5xx in a row a connection may bring: the
	// one server behind it may be ill while others behind the same name are well.
	badAnswers = 2

	// maxAge is how old a connection may be that takes a request, so that work spreads
	// over servers that came later, and leaves those that are to go.
	maxAge = 5 * time.Minute
)

// Config says how connections are made. All fields are required.
type Config struct {
	// TLS returns what is for one connection to an https server or proxy, and belongs
	// to it; it is asked from any goroutine. Its ServerName is not used.
	TLS func() *tls.Config

	// Proxy returns the proxy of a URL, nil if there is none. Its schemes are http,
	// https, socks5 and socks5h.
	Proxy func(*url.URL) (*url.URL, error)

	// Dial opens connections to servers and proxies.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// MaxIdle bounds the idle connections that are kept, to all servers together.
	MaxIdle int
}

// A Client keeps connections to servers. It is safe for concurrent use.
type Client struct {
	cfg Config

	mu    sync.Mutex  // guards what follows
	idle  []*conn     // the one that is idle for longest goes first
	sweep *time.Timer // closes what is idle for too long; nil if nothing is idle
}

// A route is what two requests have in common that can use the same connection.
type route struct{ proxy, scheme, host string }

// New returns a client without connections. Close those that it keeps at the end.
func New(cfg Config) *Client { return &Client{cfg: cfg} }

// Close closes the idle connections. Call it when no request is under way: the
// connection of a later end is kept once more, for idleTimeout.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeThose(func(*conn) bool { return true })
	if c.sweep != nil {
		c.sweep.Stop()
		c.sweep = nil
	}
}

// Do makes a request and returns its answer as soon as the answer's header is there,
// and how far the request got. The answer must be closed. Errors are those of the
// connection, ErrTooLong, ErrStalled, ctx's, or what Request.Before returned.
func (c *Client) Do(ctx context.Context, r *Request) (*Response, Sent, error) {
	proxy, err := c.cfg.Proxy(r.URL)
	if err = cmp.Or(ctx.Err(), err); err != nil {
		return nil, Sent{}, err
	}
	at := route{scheme: r.URL.Scheme, host: r.URL.Host}
	if proxy != nil {
		at.proxy = proxy.String()
	}
	for {
		conn, kept := c.take(at), true
		if conn == nil {
			kept = false
			if conn, err = c.dial(ctx, r, proxy); err != nil {
				return nil, Sent{}, r.limited(err)
			}
			conn.at = at
		}
		resp, sent, err := c.exchange(ctx, conn, r)
		if err != nil && kept && ctx.Err() == nil && conn.died(err) {
			c.closeRoute(at) // they have been idle for longer still
			if !sent.Header || r.Repeatable {
				continue
			}
		}
		return resp, sent, r.limited(err)
	}
}

// exchange makes a request on a connection, which is kept once the answer is read.
func (c *Client) exchange(ctx context.Context, conn *conn, r *Request) (*Response, Sent, error) {
	stop := context.AfterFunc(ctx, conn.abort)
	a, err := conn.send(r)
	sent := conn.out.sent
	conn.out.Request = nil // while it is idle, it holds no blocks
	if err != nil {
		stop()
		conn.abort()
		if ctx.Err() != nil && !conn.out.refused {
			err = ctx.Err()
		}
		return nil, sent, err
	}
	resp := &Response{
		Status: a.status, Header: a.header, Length: a.length, Whole: conn.whole, client: c, conn: conn, stop: stop,
		keep: c.noteAnswer(conn, a.status) && conn.whole && !a.last,
	}
	if resp.begin(&a); resp.ended {
		_ = resp.Close()
		return resp, sent, nil
	}
	_ = conn.SetReadDeadline(r.Until)
	return resp, sent, nil
}

// take returns the idle connection of a route that was used last, nil if there is none
// that still stands.
func (c *Client) take(at route) *conn {
	for {
		conn := c.pop(at)
		if conn == nil || time.Since(conn.idleSince) < idleTimeout && time.Since(conn.born) <= maxAge && conn.quiet() {
			return conn
		}
		conn.abort()
	}
}

func (c *Client) pop(at route) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, conn := range slices.Backward(c.idle) {
		if conn.at == at {
			c.idle = slices.Delete(c.idle, i, i+1)
			return conn
		}
	}
	return nil
}

// keep makes a connection idle. One too many takes the place of the one that was needed
// least.
func (c *Client) keep(conn *conn) {
	_ = conn.SetDeadline(time.Time{}) // an answer is awaited before the next request sets its own
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.idleSince = time.Now()
	c.idle = append(c.idle, conn)
	if len(c.idle) > c.cfg.MaxIdle {
		c.idle[0].abort()
		c.idle = slices.Delete(c.idle, 0, 1)
	}
	if c.sweep == nil {
		c.sweep = time.AfterFunc(idleTimeout, c.closeIdle)
	}
}

// closeIdle closes the connections that nobody needed for idleTimeout.
func (c *Client) closeIdle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeThose(func(conn *conn) bool { return time.Since(conn.idleSince) >= idleTimeout })
	if c.sweep = nil; len(c.idle) > 0 {
		c.sweep = time.AfterFunc(idleTimeout-time.Since(c.idle[0].idleSince), c.closeIdle)
	}
}

// closeThose closes some of the idle connections. The caller holds mu.
func (c *Client) closeThose(some func(*conn) bool) {
	c.idle = slices.DeleteFunc(c.idle, func(conn *conn) bool {
		closes := some(conn)
		if closes {
			conn.abort()
		}
		return closes
	})
}

// closeRoute closes the idle connections of a route.
func (c *Client) closeRoute(at route) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closeThose(func(conn *conn) bool { return conn.at == at })
}

// noteAnswer reports whether the connection may be kept after an answer. One that brings
// nothing but errors takes the idle ones of its route with it, which likely lead to the
// same server.
func (c *Client) noteAnswer(conn *conn, status int) bool {
	if status < 500 {
		conn.bad = 0
		return true
	}
	if conn.bad++; conn.bad < badAnswers {
		return true
	}
	c.closeRoute(conn.at)
	return false
}
