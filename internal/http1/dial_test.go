package http1

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestClient_serversItDoesNotTrust(t *testing.T) {
	good := newAuthority(t)
	expired := &tls.Config{Certificates: []tls.Certificate{good.issue(&x509.Certificate{DNSNames: []string{"shop.example"}, NotAfter: time.Now().Add(-time.Hour)})}}
	old := good.server("shop.example")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	closed := good.server("shop.example")
	closed.ClientAuth, closed.ClientCAs = tls.RequireAndVerifyClientCert, good.pool
	closed12 := closed.Clone()
	closed12.MaxVersion = tls.VersionTLS12
	for _, tc := range []struct {
		name string
		talk func(net.Conn)
		want string
	}{
		{"another host", inTLS(good.server("other.example"), web(nil)), "certificate is valid for other.example, not shop.example"},
		{"another authority", inTLS(newAuthority(t).server("shop.example"), web(nil)), "unknown authority"},
		{"expired", inTLS(expired, web(nil)), "expired"},
		{"TLS 1.1", inTLS(old, web(nil)), "protocol version"},
		{"no TLS", func(conn net.Conn) { _, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }, "does not look like a TLS handshake"},
		{"wants a certificate, 1.3", inTLS(closed, web(nil)), "remote error: tls: certificate required"},
		{"wants a certificate, 1.2", inTLS(closed12, web(nil)), "remote error: tls"},
		{"hangs up", func(conn net.Conn) { _, _ = conn.Read(make([]byte, 16<<10)) }, "EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newTown(t)
			n.serve("shop.example:443", tc.talk)
			c := n.client(good.pool, "")
			_, _, err := put(t, c, shop, "body")
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
			if len(c.idle) > 0 || len(n.dials()) != 1 {
				t.Errorf("%d routes kept, dialed %v", len(c.idle), n.dials())
			}
		})
	}
}

// TestClient_secureConnectionIsKept: what TLS 1.3 sends behind its handshake, session
// tickets, is no reason to drop a connection.
func TestClient_secureConnectionIsKept(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	n.serve("shop.example:443", inTLS(ca.server("shop.example"), web(nil)))
	c := n.client(ca.pool, "")
	for i := range 50 {
		body := strings.Repeat("x", i*i*20) // some in one write, some not
		if got, _, err := put(t, c, shop, body); err != nil || got != body {
			t.Fatalf("request %d: %d bytes, error %v", i, len(got), err)
		}
	}
	if d := n.dials(); len(d) != 1 {
		t.Errorf("%d connections", len(d))
	}
}

// A batching connection keeps back what is written until flush.
type batching struct {
	net.Conn
	held bytes.Buffer
	hold bool
}

func (b *batching) Write(p []byte) (int, error) {
	if b.hold {
		return b.held.Write(p)
	}
	return b.Conn.Write(p)
}

// TestClient_serverSaysFarewell: a server ends a connection behind an answer. The next
// PUT goes to another connection, and no body gets lost or is sent twice.
func TestClient_serverSaysFarewell(t *testing.T) {
	for _, staysOpen := range []bool{false, true} {
		t.Run(fmt.Sprintf("socket stays open: %t", staysOpen), func(t *testing.T) {
			ca, n := newAuthority(t), newTown(t)
			cfg := ca.server("shop.example")
			var mu sync.Mutex
			var bodies []string
			n.serve("shop.example:443", func(conn net.Conn) {
				slow := &batching{Conn: conn}
				secure := tls.Server(slow, cfg)
				r, err := http.ReadRequest(bufio.NewReader(secure))
				if err != nil {
					return
				}
				body, _ := io.ReadAll(r.Body)
				mu.Lock()
				bodies = append(bodies, string(body))
				mu.Unlock()
				slow.hold = true // answer and farewell are one segment
				_, _ = io.WriteString(secure, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				_ = secure.CloseWrite()
				_ = conn.SetWriteDeadline(time.Time{}) // CloseWrite has set one
				_, _ = conn.Write(slow.held.Bytes())
				if staysOpen {
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			c := n.client(ca.pool, "")
			var want []string
			for i := range 10 {
				body := fmt.Sprint("body ", i)
				want = append(want, body)
				if _, _, err := put(t, c, shop, body); err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
				if !staysOpen {
					time.Sleep(5 * time.Millisecond) // the end arrives
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(bodies, want) {
				t.Errorf("the server got %q", bodies)
			}
		})
	}
}

// TestClient_handshakeHangs: until the request's own end, if that comes first.
func TestClient_handshakeHangs(t *testing.T) {
	n := newTown(t)
	n.serve("shop.example:443", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	_, sent, err := within(t, n.client(nil, ""), shop, "body", 50*time.Millisecond)
	if !errors.Is(err, ErrTooLong) || sent.Header {
		t.Errorf("error %v, sent %+v", err, sent)
	}
}

// TestConn_quietTLS: to ask costs no answer that comes later.
func TestConn_quietTLS(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	n.serve("shop.example:443", inTLS(ca.server("shop.example"), web(nil)))
	c := n.client(ca.pool, "")
	if _, _, err := put(t, c, shop, "first"); err != nil {
		t.Fatal(err)
	}
	conn := c.pop(route{scheme: "https", host: "shop.example"})
	for range 3 {
		if !conn.quiet() {
			t.Fatal("it is not quiet")
		}
	}
	c.keep(conn)
	if got, _, err := put(t, c, shop, "second"); err != nil || got != "second" {
		t.Errorf("%q, error %v", got, err)
	}
	if d := n.dials(); len(d) != 1 {
		t.Errorf("%d connections", len(d))
	}
}

// TestClient_slowAnswerLeavesTheOthers: a request whose time is over is not made again on
// every other connection that is idle.
func TestClient_slowAnswerLeavesTheOthers(t *testing.T) {
	n := newTown(t)
	var all atomic.Int32
	together := make(chan struct{})
	n.serve("shop.example:80", web(func(*http.Request, string) {
		switch made := all.Add(1); {
		case made == 3:
			close(together)
		case made > 3:
			<-t.Context().Done()
		}
		<-together
	}))
	c := n.client(nil, "")
	var first sync.WaitGroup
	for range 3 {
		first.Go(func() {
			if _, _, err := put(t, c, "http://shop.example/", "body"); err != nil {
				t.Error(err)
			}
		})
	}
	first.Wait()
	u := &url.URL{Scheme: "http", Host: "shop.example", Path: "/"}
	_, _, err := c.Do(t.Context(), &Request{Method: http.MethodGet, URL: u, Repeatable: true, Until: time.Now().Add(50 * time.Millisecond)})
	if !errors.Is(err, ErrTooLong) {
		t.Errorf("error %v", err)
	}
	if idle := len(c.idle); idle != 2 {
		t.Errorf("%d connections stay, want two", idle)
	}
}

// TestClient_anotherProtocol: a connection on which the server goes on in another protocol
// takes no request.
func TestClient_anotherProtocol(t *testing.T) {
	n := newTown(t)
	n.serve("shop.example:80", func(conn net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, conn)
		}
	})
	c := n.client(nil, "")
	if _, _, err := put(t, c, "http://shop.example/", ""); err != nil || len(c.idle) > 0 {
		t.Errorf("error %v, %d routes kept", err, len(c.idle))
	}
}

// TestClient_namesBeyondASCII: certificates have a name as DNS does.
func TestClient_namesBeyondASCII(t *testing.T) {
	ca, n := newAuthority(t), newTown(t)
	var host string
	n.serve("xn--bcher-kva.example:443", inTLS(ca.server("xn--bcher-kva.example"), web(func(r *http.Request, _ string) { host = r.Host })))
	if got, _, err := put(t, n.client(ca.pool, ""), "https://bücher.example", "body"); err != nil || got != "body" || host != "xn--bcher-kva.example" {
		t.Errorf("%q from %s, error %v", got, host, err)
	}
}
