package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestClient_earlyAnswerOverTLS: a store that is busy says so in the middle of a body, and
// ends the connection, or reads no further.
func TestClient_earlyAnswerOverTLS(t *testing.T) {
	const body = 8 << 20
	for _, ends := range []bool{true, false} {
		t.Run(fmt.Sprintf("ends the connection: %t", ends), func(t *testing.T) {
			ca, n := newAuthority(t), newTown(t)
			n.serve("shop.example:443", inTLS(ca.server("shop.example"), func(conn net.Conn) {
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
				_, _ = io.WriteString(conn, "HTTP/1.1 503 Slow Down\r\nConnection: close\r\nContent-Length: 8\r\n\r\nSlowDown")
				if !ends {
					<-t.Context().Done()
				}
			}))
			c := n.client(ca.pool, "")
			for i := range 10 {
				u, _ := url.Parse(shop)
				resp, sent, err := c.Do(t.Context(), &Request{
					Method: http.MethodPut, URL: u, Body: [][]byte{make([]byte, body)}, Size: body, Until: time.Now().Add(20 * time.Second),
				})
				if err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				text, err := io.ReadAll(resp)
				if resp.Close(); err != nil || string(text) != "SlowDown" || resp.Status != 503 || sent.Body || len(c.idle) > 0 {
					t.Fatalf("request %d: status %d, %q, error %v, sent %+v", i, resp.Status, text, err, sent)
				}
			}
		})
	}
}

// TestClient_contextEndsWithTheAnswer: a connection that the context has closed is not
// kept, however late in the request that was.
func TestClient_contextEndsWithTheAnswer(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	var cancel atomic.Pointer[context.CancelFunc]
	var got atomic.Int32
	n.serve("shop.example:443", inTLS(ca.server("shop.example"), web(func(r *http.Request, _ string) {
		if got.Add(1); r.Method == http.MethodPost {
			go (*cancel.Load())()
		}
	})))
	c := n.client(ca.pool, "")
	u, _ := url.Parse(shop)
	for i := range int32(200) {
		ctx, end := context.WithCancel(t.Context())
		cancel.Store(&end)
		r := &Request{Method: http.MethodPost, URL: u, Body: [][]byte{[]byte("x")}, Size: 1, Until: time.Now().Add(10 * time.Second)}
		if resp, _, err := c.Do(ctx, r); err == nil {
			_, _ = io.ReadAll(resp)
			_ = resp.Close()
		} else if ctx.Err() == nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if text, _, err := put(t, c, shop, "body"); err != nil || text != "body" {
			t.Fatalf("request after %d: %q, error %v", i, text, err)
		}
		if end(); got.Load() != 2*(i+1) {
			t.Fatalf("the server got %d requests of %d", got.Load(), 2*(i+1))
		}
	}
}

// TestClient_contextIsOver: nothing is written, not even on a connection that is kept.
func TestClient_contextIsOver(t *testing.T) {
	n := newTown(t)
	var got atomic.Int32
	n.serve("shop.example:80", web(func(*http.Request, string) { got.Add(1) }))
	c := n.client(nil, "")
	u := &url.URL{Scheme: "http", Host: "shop.example"}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if _, _, err := put(t, c, u.String(), "body"); err != nil {
			t.Fatal(err)
		}
		_, sent, err := c.Do(over, &Request{Method: http.MethodGet, URL: u, Until: time.Now().Add(time.Second)})
		if !errors.Is(err, context.Canceled) || sent.Header {
			t.Fatalf("error %v, sent %+v", err, sent)
		}
	}
	if len(n.dials()) != 1 || got.Load() != 50 {
		t.Errorf("%d connections, %d requests", len(n.dials()), got.Load())
	}
}

// TestClient_idleConnectionIsEnded: what a balancer says when it ends an idle connection is
// no answer to the next request.
func TestClient_idleConnectionIsEnded(t *testing.T) {
	for _, farewell := range []string{"", "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"} {
		n := newTown(t)
		ended := make(chan bool)
		n.serve("shop.example:80", func(conn net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				select {
				case <-ended:
				case <-t.Context().Done():
					return
				}
				_, _ = io.WriteString(conn, farewell)
				_ = conn.Close()
				ended <- true
			}
		})
		c := n.client(nil, "")
		for range 5 {
			if _, _, err := put(t, c, "http://shop.example", ""); err != nil {
				t.Fatal(err)
			}
			ended <- true
			<-ended
			time.Sleep(time.Millisecond) // the end arrives
		}
		if d := n.dials(); len(d) != 5 {
			t.Errorf("%d connections", len(d))
		}
	}
}

// TestClient_alertSaysMoreThanAWrite: a server that wants a certificate says so only after
// a handshake of TLS 1.3, while the request is written.
func TestClient_alertSaysMoreThanAWrite(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	closed := ca.server("shop.example")
	closed.ClientAuth = tls.RequireAndVerifyClientCert
	n.serve("shop.example:443", inTLS(closed, web(nil)))
	for _, size := range []int{1, 1 << 20} {
		c := n.client(ca.pool, "")
		for range 30 {
			_, _, err := put(t, c, shop, strings.Repeat("x", size))
			if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "remote error" {
				t.Fatalf("%d bytes: error %v", size, err)
			}
		}
	}
}

// TestClient_askInTLS: a server that does not say whether it takes a body is sent it after
// continueTimeout, and what TLS has read by then is not lost.
func TestClient_askInTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca, n := newAuthority(t), newTown(t)
		c, cfg := n.client(ca.pool, ""), ca.server("shop.example")
		c.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			go inTLS(cfg, web(nil))(far) // until near is closed
			return near, nil
		}
		u, _ := url.Parse(shop)
		body := strings.Repeat("x", 100_000)
		for range 2 {
			began := time.Now()
			resp, sent, err := c.Do(t.Context(), &Request{
				Method: http.MethodPut, URL: u, Body: [][]byte{[]byte(body)}, Size: int64(len(body)), Ask: true, Until: began.Add(time.Minute),
			})
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp)
			if resp.Close(); err != nil || string(text) != body || !sent.Body || time.Since(began) != continueTimeout {
				t.Errorf("%d bytes after %s, error %v, sent %+v", len(text), time.Since(began), err, sent)
			}
		}
		c.Close()
	})
}
