package http1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// TestClient_proxies makes two requests by each kind of proxy, on one connection.
func TestClient_proxies(t *testing.T) {
	const basic = "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"
	connect := func(credentials string) string {
		return "CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n" + credentials + "User-Agent: test/1\r\n\r\n"
	}
	ca := newAuthority(t)
	for _, tc := range []struct {
		via  string
		at   string // the proxy's address
		want string // what it sees
	}{
		{"http://gate.example:3128", "gate.example:3128", connect("")},
		{"http://user:pass@gate.example", "gate.example:80", connect(basic)},
		{"https://user:pass@gate.example", "gate.example:443", connect(basic)},
		{"https://g%C3%A4te.example", "xn--gte-qla.example:443", connect("")},
		{"socks5://gate.example", "gate.example:1080", "3 shop.example:443"},
		{"socks5h://user:pass@gate.example:9", "gate.example:9", "3 shop.example:443"},
	} {
		t.Run(tc.via, func(t *testing.T) {
			n := newTown(t)
			g := &gate{town: n}
			n.serve("shop.example:443", inTLS(ca.server("shop.example"), web(nil)))
			talk := g.http
			switch {
			case strings.HasPrefix(tc.via, "https"):
				host, _, _ := strings.Cut(tc.at, ":")
				talk = inTLS(ca.server(host), g.http)
			case strings.HasPrefix(tc.via, "socks5:"):
				talk = g.socks("", 0)
			case strings.HasPrefix(tc.via, "socks5h:"):
				talk = g.socks("user:pass", 0)
			}
			n.serve(tc.at, talk)
			c := n.client(ca.pool, tc.via)
			for range 2 {
				if got, _, err := put(t, c, shop, "body"); err != nil || got != "body" {
					t.Fatalf("%q, error %v", got, err)
				}
			}
			if seen := g.noted(); !slices.Equal(seen, []string{tc.want}) {
				t.Errorf("the proxy saw %q, want %q", seen, tc.want)
			}
			if d := n.dials(); !slices.Equal(d, []string{tc.at}) {
				t.Errorf("dialed %q", d)
			}
		})
	}
}

// TestClient_proxyReadsPlainRequests: they name their server, for which the request's own
// header lines are.
func TestClient_proxyReadsPlainRequests(t *testing.T) {
	n := newTown(t)
	g := &gate{town: n}
	n.serve("gate.example:80", g.http)
	got, _, err := put(t, n.client(nil, "http://user:pass@gate.example"), "http://shop.example:81/a?b", "")
	if err != nil || got != "by gate" {
		t.Errorf("%q, error %v", got, err)
	}
	want := "PUT http://shop.example:81/a?b HTTP/1.1\r\nHost: shop.example:81\r\nContent-Length: 0\r\n" +
		"Proxy-Authorization: Basic dXNlcjpwYXNz\r\nUser-Agent: test/1\r\nAuthorization: Bearer KEY\r\n\r\n"
	if seen := g.noted(); !slices.Equal(seen, []string{want}) {
		t.Errorf("the proxy saw %q", seen)
	}
}

// TestClient_proxiesThatRefuse: the error says so in words that hold no secret.
func TestClient_proxiesThatRefuse(t *testing.T) {
	ca := newAuthority(t)
	for _, tc := range []struct {
		name, via string
		talk      func(*gate) func(net.Conn)
		refusal   bool // a ProxyError; else trouble with the connection to the proxy
		want      string
	}{
		{"credentials", "http://user:SECRET@gate.example:1", func(g *gate) func(net.Conn) {
			g.no = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 6\r\n\r\nSECRET"
			return g.http
		}, true, "proxy refused to connect: status 407"},
		{"another 2xx", "http://gate.example:1", func(g *gate) func(net.Conn) {
			g.no = "HTTP/1.1 204 x\r\n\r\n"
			return g.http
		}, true, "proxy refused to connect: status 204"},
		{"no HTTP", "http://gate.example:1", func(g *gate) func(net.Conn) {
			g.no = "SECRET\r\n\r\n"
			return g.http
		}, false, "proxyconnect tcp: "},
		{"hangs up", "http://gate.example:1", func(*gate) func(net.Conn) { return func(net.Conn) {} }, false, "proxyconnect tcp: "},
		{"its certificate", "https://gate.example:1", func(g *gate) func(net.Conn) {
			return inTLS(ca.server("other.example"), g.http)
		}, false, "proxyconnect tcp: tls: failed to verify certificate"},
		{"socks wants a user", "socks5://gate.example:1", func(g *gate) func(net.Conn) { return g.socks("a:b", 0) },
			true, "socks proxy refused to connect: no acceptable authentication methods"},
		{"socks wants another user", "socks5://user:SECRET@gate.example:1", func(g *gate) func(net.Conn) { return g.socks("a:b", 0) },
			true, "socks proxy refused to connect: username/password authentication failed"},
		{"socks finds no host", "socks5://gate.example:1", func(g *gate) func(net.Conn) { return g.socks("", 4) },
			true, "socks proxy refused to connect: unknown error host unreachable"},
		{"socks hangs up", "socks5://gate.example:1", func(*gate) func(net.Conn) { return func(net.Conn) {} }, false, "proxyconnect tcp: "},
		{"socks is not found", "socks5://other.example:1", func(g *gate) func(net.Conn) { return g.http }, false, "no such host"},
		{"scheme", "ftp://user:SECRET@gate.example:1", func(g *gate) func(net.Conn) { return g.http },
			true, `the proxy's URL has the scheme "ftp": want http, https, socks5 or socks5h`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newTown(t)
			n.serve("gate.example:1", tc.talk(&gate{town: n}))
			c := n.client(ca.pool, tc.via)
			_, sent, err := put(t, c, shop, "body")
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "SECRET") {
				t.Fatalf("error %v, want %q", err, tc.want)
			}
			if _, refusal := errors.AsType[ProxyError](err); refusal != tc.refusal || sent.Header || len(c.idle) > 0 {
				t.Errorf("error %#v, sent %+v, %d routes kept", err, sent, len(c.idle))
			}
		})
	}
}

func TestClient_noProxy(t *testing.T) {
	n := newTown(t)
	g := &gate{town: n}
	n.serve("gate.example:80", g.http)
	n.serve("shop.example:80", web(nil))
	c := n.client(nil, "")
	c.cfg.Proxy = (&httpproxy.Config{HTTPProxy: "gate.example", NoProxy: ".example"}).ProxyFunc()
	if got, _, err := put(t, c, "http://shop.example", "body"); err != nil || got != "body" {
		t.Errorf("%q, error %v", got, err)
	}
	c.cfg.Proxy = (&httpproxy.Config{HTTPProxy: "gate.example", NoProxy: "other.example"}).ProxyFunc()
	if got, _, err := put(t, c, "http://shop.example", ""); err != nil || got != "by gate" {
		t.Errorf("%q, error %v: the direct connection is none by proxy", got, err)
	}
}

// TestClient_silentProxies: who says nothing is given up after handshakeTimeout, or
// proxyTimeout, or when the request's time is over, and its connection is closed.
func TestClient_silentProxies(t *testing.T) {
	for _, via := range []string{"", "http://gate.example", "https://gate.example", "socks5://gate.example"} {
		for _, limit := range []time.Duration{time.Second, time.Hour} {
			t.Run(fmt.Sprint(via, limit), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := newTown(t)
					c := n.client(nil, via)
					closed := make(chan struct{})
					c.cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
						near, far := net.Pipe()
						go func() {
							_, _ = io.Copy(io.Discard, far)
							close(closed)
						}()
						return near, nil
					}
					began := time.Now()
					_, sent, err := within(t, c, shop, "body", limit)
					patience := proxyTimeout
					if via == "" || strings.HasPrefix(via, "https:") {
						patience = handshakeTimeout
					}
					if took := time.Since(began); took != min(limit, patience) || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
						t.Errorf("it took %s, error %v", took, err)
					}
					if errors.Is(err, ErrTooLong) != (limit == time.Second) || sent.Header {
						t.Errorf("error %v, sent %+v", err, sent)
					}
					if op, ok := errors.AsType[*net.OpError](err); limit == time.Hour && via != "" && (!ok || op.Op != "proxyconnect") {
						t.Errorf("error %v does not say that the proxy hangs", err)
					}
					if errors.Is(err, ErrHandshake) != (patience == handshakeTimeout) {
						t.Errorf("error %v does not say that TLS hangs", err)
					}
					<-closed
				})
			})
		}
	}
}

func isTimeout(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// TestClient_contextEndsAProxysSilence: and so does the caller.
func TestClient_contextEndsAProxysSilence(t *testing.T) {
	for _, via := range []string{"http://gate.example:1", "https://gate.example:1", "socks5://gate.example:1"} {
		n := newTown(t)
		n.serve("gate.example:1", func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		u, _ := url.Parse(shop)
		_, _, err := n.client(nil, via).Do(ctx, &Request{Method: http.MethodGet, URL: u, Until: time.Now().Add(time.Minute)})
		if cancel(); err == nil {
			t.Errorf("%s: no error", via)
		}
	}
}
