package http1

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

const shop = "https://shop.example/a?b=c" // what most tests ask for

// An authority issues certificates for servers of tests.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, pool: x509.NewCertPool()}
	made := a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)})
	a.key, a.cert = made.PrivateKey.(*ecdsa.PrivateKey), made.Leaf
	a.pool.AddCert(a.cert)
	return a
}

// server is what a server with those names shows for the next hour.
func (a *authority) server(names ...string) *tls.Config {
	made := a.issue(&x509.Certificate{DNSNames: names, NotAfter: time.Now().Add(time.Hour)})
	return &tls.Config{Certificates: []tls.Certificate{made}}
}

func (a *authority) issue(cert *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	cert.SerialNumber, cert.Subject = big.NewInt(1), pkix.Name{CommonName: "test"}
	cert.NotBefore = time.Now().Add(-2 * time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = cert, key
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// A town is a network in which every name leads to a server on loopback.
type town struct {
	t       *testing.T
	mu      sync.Mutex
	servers map[string]string // addresses by host:port
	dialed  []string
}

func newTown(t *testing.T) *town { return &town{t: t, servers: map[string]string{}} }

// serve makes talk the server at an address, for each of its connections.
func (n *town) serve(at string, talk func(net.Conn)) {
	n.t.Helper()
	l, err := new(net.ListenConfig).Listen(n.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	n.servers[at] = l.Addr().String()
	var talks sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	talks.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { _ = conn.Close() })
			talks.Go(func() {
				defer conn.Close()
				talk(conn)
			})
		}
	})
	n.t.Cleanup(func() {
		_ = l.Close()
		cancel()
		talks.Wait()
	})
}

func (n *town) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, addr)
	at := n.servers[addr]
	n.mu.Unlock()
	if at == "" {
		return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
	}
	return new(net.Dialer).DialContext(ctx, network, at)
}

func (n *town) client(pool *x509.CertPool, via string) *Client {
	c := New(Config{
		TLS:  func() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool} },
		Dial: n.dial, MaxIdle: 4,
		Proxy: func(*url.URL) (*url.URL, error) {
			if via == "" {
				return nil, nil
			}
			return url.Parse(via)
		},
	})
	n.t.Cleanup(c.Close)
	return c
}

func (n *town) dials() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.dialed)
}

// web answers requests with their body, and passes each of them to seen.
func web(seen func(*http.Request, string)) func(net.Conn) {
	return func(conn net.Conn) {
		for in := bufio.NewReader(conn); ; {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			if seen != nil {
				seen(r, string(body))
			}
			if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				return
			}
		}
	}
}

func inTLS(cfg *tls.Config, talk func(net.Conn)) func(net.Conn) {
	return func(conn net.Conn) {
		secure := tls.Server(conn, cfg)
		talk(secure)
		_ = secure.Close()
	}
}

// put sends a body and returns what comes back.
func put(t *testing.T, c *Client, to, body string) (string, Sent, error) {
	t.Helper()
	return within(t, c, to, body, 10*time.Second)
}

func within(t *testing.T, c *Client, to, body string, limit time.Duration) (string, Sent, error) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	resp, sent, err := c.Do(t.Context(), &Request{
		Method: http.MethodPut, URL: u, Body: [][]byte{[]byte(body)}, Size: int64(len(body)), Until: time.Now().Add(limit),
		Header: []Field{{"User-Agent", "test/1"}, {"Authorization", "Bearer KEY"}},
	})
	if err != nil {
		return "", sent, err
	}
	defer resp.Close()
	text, err := io.ReadAll(resp)
	return string(text), sent, err
}
