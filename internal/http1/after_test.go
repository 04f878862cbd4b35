package http1

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// TestResponse_afterItsEnd: whoever still has a response whose connection serves another
// request by now does nothing to that.
func TestResponse_afterItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			for r, _ := p.request(); r != nil; r, _ = p.request() {
				if r.Method == "PUT" {
					time.Sleep(time.Second)
				}
				p.reply(fine)
			}
		})
		resp, _, err := l.Do(t.Context(), request("GET", ""))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp)
		_ = resp.Close()
		time.AfterFunc(time.Second/2, func() {
			resp.Limit(time.Second / 10)
			_, _ = resp.Read(make([]byte, 1))
			_ = resp.Close()
		})
		l.wantFine(request("PUT", "hello"))
		l.wantConns(1)
	})
}

// TestClient_limitsEndWithTheirRequest: a kept connection has none of them, even where the
// next answer is awaited before anything is written.
func TestClient_limitsEndWithTheirRequest(t *testing.T) {
	onBoth(t, func(t *testing.T, lab func(*testing.T, func(*peer)) *lab) {
		l := lab(t, echo(fine))
		for range 10 {
			resp, _, err := l.Do(t.Context(), request("GET", ""))
			if err != nil {
				t.Fatal(err)
			}
			resp.Limit(20 * time.Millisecond)
			_, _ = io.ReadAll(resp)
			_ = resp.Close()
			time.Sleep(25 * time.Millisecond)
			l.wantFine(large())
		}
		l.wantConns(1)
	})
}

// TestResponse_bodyMayTakeUntilTheEnd of the request's time: Silence is for the header.
func TestResponse_bodyMayTakeUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, func(p *peer) {
			for r, _ := p.request(); r != nil; r, _ = p.request() {
				p.reply(ok + "Content-Length: 2\r\n\r\nO")
				time.Sleep(time.Minute)
				p.reply("K")
			}
		})
		for _, r := range []*Request{request("PUT", "hello"), large()} {
			r.Until, r.Silence = time.Now().Add(time.Hour), time.Second
			l.wantFine(r)
		}
	})
}

// TestClient_leavesNothingWithAContext that goes on for longer than its requests, of which
// some have failed.
func TestClient_leavesNothingWithAContext(t *testing.T) {
	l := newSocketLab(t, func(p *peer) {
		if r, _ := p.request(); r.Method == "PUT" {
			p.reply(fine)
		}
	})
	type owned struct{ net.Conn }
	var conns []weak.Pointer[owned]
	dial := l.cfg.Dial
	l.cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dial(ctx, network, addr)
		conn := &owned{raw}
		conns = append(conns, weak.Make(conn))
		return conn, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, method := range []string{"PUT", "GET"} {
		if resp, _, err := l.Do(ctx, request(method, "")); err == nil {
			_, _ = io.ReadAll(resp)
			_ = resp.Close()
		}
		l.Close()
	}
	held := func() bool {
		return slices.ContainsFunc(conns, func(p weak.Pointer[owned]) bool { return p.Value() != nil })
	}
	for wait := time.Millisecond; held() && wait < time.Second; wait *= 2 {
		runtime.GC()
		time.Sleep(wait)
	}
	if held() || len(conns) != 2 {
		t.Errorf("the context holds one of %d connections", len(conns))
	}
}

// TestClient_closesWhatTheServerHasClosed: a connection that is found closed is closed on
// this side as well.
func TestClient_closesWhatTheServerHasClosed(t *testing.T) {
	ended, gone := make(chan bool, 1), make(chan bool, 1)
	l := newSocketLab(t, func(p *peer) {
		p.request()
		p.reply(fine)
		if p.n == 1 {
			_ = p.Conn.(*net.TCPConn).CloseWrite()
			ended <- true
			p.gone()
			gone <- true
		}
	})
	l.wantFine(request("PUT", "hello"))
	<-ended
	time.Sleep(5 * time.Millisecond) // the end arrives
	l.wantFine(request("PUT", "hello"))
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("it stays open")
	}
	l.wantConns(2)
}

// TestClient_speaksNoHTTP2 to a server that would rather.
func TestClient_speaksNoHTTP2(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	cfg := ca.server("shop.example")
	cfg.NextProtos = []string{"h2", "http/1.1"}
	chosen := make(chan string, 1)
	n.serve("shop.example:443", func(conn net.Conn) {
		secure := tls.Server(conn, cfg)
		_ = secure.HandshakeContext(t.Context())
		chosen <- secure.ConnectionState().NegotiatedProtocol
		web(nil)(secure)
	})
	if got, _, err := put(t, n.client(ca.pool, ""), shop, "body"); err != nil || got != "body" {
		t.Errorf("%q, error %v", got, err)
	}
	if got := <-chosen; got != "http/1.1" {
		t.Errorf("chosen is %q", got)
	}
}
