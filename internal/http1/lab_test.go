package http1

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

var (
	neverDone = context.Background()
	home      = &url.URL{Scheme: "http", Host: "a.example", Path: "/"}
)

const fine = ok + "Content-Length: 2\r\n\r\nOK"

// A peer is the server's side of one connection.
type peer struct {
	net.Conn
	in *bufio.Reader
	n  int // which connection it is, from 1
}

// request reads a request, and returns its body. It returns nil when there is none.
func (p *peer) request() (*http.Request, string) {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return nil, ""
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, ""
	}
	return r, string(body)
}

// head reads a request's header and none of its body, and returns its length in bytes.
func (p *peer) head() (n int) {
	for {
		line, err := p.in.ReadString('\n')
		if n += len(line); err != nil || line == "\r\n" {
			return n
		}
	}
}

func (p *peer) reply(text string) { _, _ = io.WriteString(p, text) }

// gone waits until the client has closed the connection.
func (p *peer) gone() { _, _ = io.Copy(io.Discard, p.in) }

// A lab is a client and the one server that it knows.
type lab struct {
	*Client
	t     *testing.T
	slack time.Duration // how much longer than in virtual time anything may take

	mu    sync.Mutex
	peers int
	work  sync.WaitGroup
}

// serve makes a goroutine for a connection's other side, which is closed at its end.
func (l *lab) serve(conn net.Conn, server func(*peer)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers++
	p := &peer{Conn: conn, in: bufio.NewReader(conn), n: l.peers}
	l.work.Go(func() {
		defer p.Close()
		server(p)
	})
}

// conns is how many connections were made.
func (l *lab) conns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peers
}

// newLab makes a client to a server over net.Pipe. The test runs in a bubble, which
// fails if a goroutine stays.
func newLab(t *testing.T, server func(*peer)) *lab {
	l := &lab{t: t}
	l.Client = New(Config{
		Proxy: func(*url.URL) (*url.URL, error) { return nil, nil }, MaxIdle: 2,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			l.serve(far, server)
			return near, nil
		},
	})
	t.Cleanup(l.end)
	return l
}

// newSocketLab is newLab over loopback sockets with small buffers.
func newSocketLab(t *testing.T, server func(*peer)) *lab {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, nil)
	l.slack = 20 * time.Second
	l.cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
		if err != nil {
			return nil, err
		}
		far, err := listener.Accept()
		if err != nil {
			return nil, err
		}
		_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		_ = far.(*net.TCPConn).SetReadBuffer(64 << 10)
		l.serve(far, server)
		return conn, nil
	}
	t.Cleanup(func() {
		listener.Close()
		l.end()
		goleak.VerifyNone(t)
	})
	return l
}

func (l *lab) end() {
	l.Close()
	l.work.Wait()
}

// onBoth runs a test over pipes in virtual time and over sockets.
func onBoth(t *testing.T, test func(t *testing.T, lab func(*testing.T, func(*peer)) *lab)) {
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, newLab) })
	})
	t.Run("socket", func(t *testing.T) { test(t, newSocketLab) })
}

func request(method, body string) *Request {
	r := &Request{Method: method, URL: home, Until: time.Now().Add(10 * time.Second), Repeatable: method != "PUT"}
	if method != "GET" {
		r.Body, r.Size = [][]byte{[]byte(body)}, int64(len(body))
	}
	return r
}

// bigBody is one that lies in no socket.
var bigBody = strings.Repeat("0123456789abcdef", 512<<10/16*4)

// do makes a request, reads its answer and returns its status, 0 if it fails.
func (l *lab) do(r *Request) (int, Sent, error) {
	resp, sent, err := l.Do(l.t.Context(), r)
	if err != nil {
		return 0, sent, err
	}
	_, err = io.Copy(io.Discard, resp)
	_ = resp.Close()
	return resp.Status, sent, err
}

// wantFine makes a request that succeeds.
func (l *lab) wantFine(r *Request) {
	l.t.Helper()
	if status, sent, err := l.do(r); status != 200 || err != nil || sent != (Sent{true, true}) {
		l.t.Errorf("status %d, %+v, %v", status, sent, err)
	}
}

// wantConns compares how many connections were made.
func (l *lab) wantConns(want int) {
	l.t.Helper()
	if got := l.conns(); got != want {
		l.t.Errorf("%d connections, want %d", got, want)
	}
}

// together makes n requests at the same time, whose answers come at once.
func (l *lab) together(n int) {
	var all []*Response
	for range n {
		resp, _, err := l.Do(l.t.Context(), request("GET", ""))
		if err != nil {
			l.t.Fatal(err)
		}
		all = append(all, resp)
	}
	for _, resp := range all {
		_, _ = io.ReadAll(resp)
		_ = resp.Close()
	}
	synctest.Wait()
}
