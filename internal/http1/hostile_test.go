package http1

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	hostileRequests = flag.Int("hostile", 300, "how many requests TestClient_hostileServers makes")
	hostileSeed     = flag.Uint64("hostile-seed", 0, "seed of TestClient_hostileServers, 0 for another one each time")
)

// A hostile server answers as it likes, or not. It keeps what has arrived.
type hostile struct {
	t  *testing.T
	mu sync.Mutex

	whole map[int]int // bodies that have arrived to their end, by the request's number
	most  map[int]int // how many may, of those that are not repeatable
}

// reset closes a connection with RST, where it is a socket.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// serve reads requests and does one of many things with each.
func (h *hostile) serve(rnd *rand.Rand) func(*peer) {
	var mu sync.Mutex // guards rnd
	pick := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rnd.IntN(n)
	}
	return func(p *peer) {
		for h.one(p, pick) {
		}
		if pick(2) == 0 {
			reset(p.Conn)
		}
	}
}

// one handles a request, and reports whether another one may follow.
func (h *hostile) one(p *peer, pick func(int) int) bool {
	r, err := http.ReadRequest(p.in)
	if err != nil {
		return false
	}
	id, _ := strconv.Atoi(r.Header.Get("X-Id"))
	if r.Header.Get("Expect") != "" && pick(3) > 0 {
		p.reply("HTTP/1.1 100 Continue\r\n\r\n")
	}
	switch pick(12) {
	case 0:
		return false
	case 1:
		p.reply(h.answer(403, id, pick))
		h.keep(r, id)
		return true
	case 2:
		p.reply(h.answer(200, id, pick))
		return false
	case 3:
		_, _ = io.CopyN(io.Discard, r.Body, int64(pick(100<<10)))
		p.reply(h.answer(503, id, pick))
		if pick(2) == 0 {
			time.Sleep(time.Duration(pick(300)) * time.Millisecond)
		}
		return false
	case 4:
		_, _ = io.CopyN(io.Discard, r.Body, int64(pick(100<<10)))
		return false
	}
	h.keep(r, id)
	switch pick(8) {
	case 0:
		return false
	case 1:
		p.reply(ok[:pick(len(ok))])
		return false
	case 2:
		time.Sleep(time.Duration(pick(200)) * time.Millisecond)
	case 3:
		p.reply("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 x\r\nX-Id: -1\r\n\r\n")
	}
	p.reply(h.answer(200, id, pick))
	return pick(4) > 0
}

// keep reads a body to its end, which is all of the request's number.
func (h *hostile) keep(r *http.Request, id int) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if bytes.Count(body, []byte{byte(id)}) != len(body) {
		h.t.Errorf("request %d: the body is another one", id)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.whole[id]++
}

// answer is one to a request, in some form.
func (h *hostile) answer(status, id int, pick func(int) int) string {
	head := fmt.Sprintf("HTTP/1.1 %d x\r\nX-Id:\r\n %d\r\n", status, id)
	switch pick(8) {
	case 0:
		return head + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nOK\r\n0\r\nX-Trailer: x\r\n\r\n"
	case 1:
		return head + "Connection: close\r\n\r\nOK"
	case 2:
		return strings.Replace(head, "1.1", "1.0", 1) + "\r\nOK"
	case 3:
		return head + "A name: x\r\nContent-Length: 2\r\n\r\nOKHTTP/1.1 299 Forged\r\nX-Id: -1\r\nContent-Length: 0\r\n\r\n"
	case 4:
		return head + "X-Pad: " + strings.Repeat("x", pick(80<<10)) + "\r\nContent-Length: 0\r\n\r\n"
	case 5:
		return head + "Content-Length: 10\r\n\r\nOK"
	}
	return head + "Content-Length: 2\r\n\r\nOK"
}

// ask makes one request in one of many ways, and checks what came of it.
func (h *hostile) ask(c *Client, at string, id int, rnd *rand.Rand) {
	size := 1 + rnd.IntN(3)*rnd.IntN(300<<10)
	body := bytes.Repeat([]byte{byte(id)}, size)
	limit := time.Duration(50+rnd.IntN(1000)) * time.Millisecond
	r := &Request{
		Method: "PUT", URL: &url.URL{Scheme: "http", Host: at}, Header: []Field{{"X-Id", strconv.Itoa(id)}}, Body: [][]byte{body[:size/3], body[size/3:]}, Size: int64(size),
		Ask: rnd.IntN(3) == 0, Until: time.Now().Add(limit), Progress: 200 * time.Millisecond, Repeatable: rnd.IntN(3) == 0,
	}
	objection, left := errors.New("no"), 1000
	if rnd.IntN(8) == 0 {
		left = rnd.IntN(5)
	}
	r.Before = func() error {
		if left--; left < 0 {
			return objection
		}
		return nil
	}
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	if rnd.IntN(4) == 0 {
		time.AfterFunc(time.Duration(rnd.IntN(20000))*time.Microsecond, cancel)
	}
	began := time.Now()
	resp, sent, err := c.Do(ctx, r)
	clear(body) // a race, if anything reads it still
	if took := time.Since(began); took > limit+10*time.Second {
		h.t.Errorf("request %d: it took %s of %s", id, took, limit)
	}
	if !r.Repeatable {
		h.mu.Lock()
		h.most[id] = map[bool]int{true: 1}[sent.Body]
		h.mu.Unlock()
	}
	if err != nil {
		return
	}
	if got := resp.Header.Get("X-Id"); got != strconv.Itoa(id) || resp.Whole && !sent.Body {
		h.t.Errorf("request %d, %+v, whole %t: the answer is one to %s", id, sent, resp.Whole, got)
	}
	_, _ = io.CopyN(io.Discard, resp, int64(rnd.IntN(4)))
	_ = resp.Close()
}

// TestClient_hostileServers: whatever servers do, and whenever the caller has enough, an
// answer is one to its own request, no request is made twice that may not be, nothing
// arrives of what is said not to have been sent, and no goroutine or descriptor stays.
func TestClient_hostileServers(t *testing.T) {
	seed := cmp.Or(*hostileSeed, rand.Uint64())
	t.Logf("seed %d", seed)
	before := descriptors(t)
	h := &hostile{t: t, whole: map[int]int{}, most: map[int]int{}}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := newLab(t, nil)
	l.cfg.MaxIdle = 4
	l.cfg.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, listener.Addr().String())
		if err == nil {
			err = conn.(*net.TCPConn).SetWriteBuffer(64 << 10)
		}
		return conn, err
	}
	var accepts sync.WaitGroup
	accepts.Go(func() {
		talk := h.serve(rand.New(rand.NewPCG(seed, 0)))
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10)
			l.serve(conn, talk)
		}
	})
	var callers sync.WaitGroup
	for caller := range 8 {
		rnd := rand.New(rand.NewPCG(seed, 1+uint64(caller)))
		callers.Go(func() {
			for id := caller; id < *hostileRequests; id += 8 {
				h.ask(l.Client, fmt.Sprintf("%d.example", rnd.IntN(3)), id, rnd)
			}
		})
	}
	callers.Wait()
	if len(l.idle) > 4 {
		t.Errorf("%d connections are kept", len(l.idle))
	}
	_ = listener.Close()
	accepts.Wait()
	l.end()
	for id, most := range h.most {
		if h.whole[id] > most {
			t.Errorf("request %d: %d whole bodies have arrived, want %d at most", id, h.whole[id], most)
		}
	}
	goleak.VerifyNone(t)
	if now := descriptors(t); before > 0 && now > before+2 { // the poller's own
		t.Errorf("%d descriptors are open, %d before", now, before)
	}
}

// descriptors is how many this process has open, 0 where the system does not say.
func descriptors(t *testing.T) int {
	t.Helper()
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}
