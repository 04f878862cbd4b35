package importer

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// connectProxy tunnels every CONNECT to one server and writes down what it saw.
type connectProxy struct {
	server *httptest.Server
	target string
	refuse int // answer this instead

	mu   sync.Mutex
	seen bytes.Buffer
	host []string
}

func newConnectProxy(t *testing.T, target string) *connectProxy {
	p := &connectProxy{target: target}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.host = append(p.host, r.Method+" "+r.Host)
	_ = r.Header.Write(&p.seen)
	p.mu.Unlock()
	if p.refuse != 0 {
		http.Error(w, secretText, p.refuse)
		return
	}
	far, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	near, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { // ends with either connection
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(io.MultiWriter(far, p), near)
	_ = far.Close()
}

// Write keeps what the client sends through the tunnel.
func (p *connectProxy) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// secureLab puts API and store behind one TLS server with a private CA, named
// example.com in its certificate.
func secureLab(t *testing.T) (*lab, *httptest.Server) {
	l := newLab(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /", l.servePost)
	mux.HandleFunc("PUT /", l.servePut)
	s := httptest.NewUnstartedServer(mux)
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	t.Cleanup(s.Close)
	l.cfg.RootCAs = func() *x509.CertPool { return poolOf(s) }
	l.cfg.BaseURL = &url.URL{Scheme: "https", Host: "example.com"}
	l.store.URL = "https://example.com"
	return l, s
}

func TestClient_throughAProxy(t *testing.T) {
	l, s := secureLab(t)
	p := newConnectProxy(t, s.Listener.Addr().String())
	at, _ := url.Parse(p.server.URL)
	l.cfg.Proxy = func(*url.URL) (*url.URL, error) { return at, nil }
	c := l.client()
	i, all := newImport(c, 100_000)
	wantClass(t, l.attempt(c, i), Stored, "")
	if n, equal := l.stored(all); n != 1 || !equal {
		t.Errorf("%d objects, equal: %t", n, equal)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.host) == 0 || p.host[0] != "CONNECT example.com:443" {
		t.Errorf("the proxy saw %q", p.host)
	}
	for _, secret := range []string{secretKey, secretSignature, "Bearer", `{"id"`} {
		if bytes.Contains(p.seen.Bytes(), []byte(secret)) {
			t.Errorf("the proxy saw %q", secret)
		}
	}
}

func TestClient_proxyRefuses(t *testing.T) {
	l, _ := secureLab(t)
	p := newConnectProxy(t, "")
	p.refuse = http.StatusProxyAuthRequired
	at, _ := url.Parse(strings.Replace(p.server.URL, "http://", "http://user:"+secretText+"@", 1))
	l.cfg.Proxy = func(*url.URL) (*url.URL, error) { return at, nil }
	c := l.client()
	out := l.create(c, c.NewImport("orders", nil, 0))
	wantClass(t, out, RetryLater, ReasonNetwork)
	if !strings.Contains(out.Err.Error(), "proxy refused to connect: status 407") {
		t.Errorf("error %q", out.Err)
	}
}

// TestClient_proxyIsNone: an error names what is wrong with a proxy, and not its password.
func TestClient_proxyIsNone(t *testing.T) {
	l, _ := secureLab(t)
	for via, want := range map[string]string{
		"ftp://user:" + secretText + "@gate.example":   `the proxy's URL has the scheme "ftp": want http, https, socks5 or socks5h`,
		"socks5://user:" + secretText + "@127.0.0.1:1": "connect to proxy: dial 127.0.0.1:1: connection refused",
		"https://user:" + secretText + "@127.0.0.1:1":  "connect to proxy: dial 127.0.0.1:1: connection refused",
		"https://" + l.store.Listener.Addr().String():  "connect to proxy: tls: the other side does not speak TLS",
	} {
		at, err := url.Parse(via)
		if err != nil {
			t.Fatal(err)
		}
		l.cfg.Proxy = func(*url.URL) (*url.URL, error) { return at, nil }
		c := New(l.cfg, nil)
		out := l.create(c, c.NewImport("orders", nil, 0))
		wantClass(t, out, RetryLater, ReasonNetwork)
		if !strings.Contains(out.Err.Error(), want) {
			t.Errorf("%s: error %q, want %q", at.Redacted(), out.Err, want)
		}
	}
}

// TestClient_hangs: an error names who hangs, also where the attempt's own time ends it.
func TestClient_hangs(t *testing.T) {
	const at = "127.0.0.1:9"
	for via, want := range map[string]string{
		"http://user:" + secretText + "@" + at:   "create upload URL for orders: connect to proxy: timeout",
		"socks5://user:" + secretText + "@" + at: "connect to proxy: timeout",
		"https://user:" + secretText + "@" + at:  "connect to proxy: no TLS handshake in time",
		"":                                       "create upload URL for orders: no TLS handshake in time",
	} {
		inBubble(t, func(t *testing.T, l *lab) {
			l.cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, far) }() // until near is closed
				return near, nil
			}
			l.cfg.BaseURL = &url.URL{Scheme: "https", Host: at}
			l.cfg.CreateTimeout = time.Second
			if via != "" {
				proxy, err := url.Parse(via)
				if err != nil {
					t.Fatal(err)
				}
				l.cfg.Proxy = func(*url.URL) (*url.URL, error) { return proxy, nil }
			}
			c := New(l.cfg, nil)
			out := l.create(c, c.NewImport("orders", nil, 0))
			wantClass(t, out, RetryLater, ReasonTimeout)
			if !strings.Contains(out.Err.Error(), want) {
				t.Errorf("error %q, want %q", out.Err, want)
			}
		})
	}
}

// TestClient_proxyVariables runs itself in a process of its own, since the
// environment is read once.
func TestClient_proxyVariables(t *testing.T) {
	if os.Getenv("IMPORTER_TEST_PROXY") != "" {
		l, s := secureLab(t)
		p := newConnectProxy(t, s.Listener.Addr().String())
		t.Setenv("HTTPS_PROXY", p.server.URL)
		t.Setenv("NO_PROXY", "")
		l.cfg.Proxy = nil
		c := l.client()
		i, _ := newImport(c, 100)
		wantClass(t, l.attempt(c, i), Stored, "")
		p.mu.Lock()
		if len(p.host) == 0 {
			t.Error("the proxy saw nothing")
		}
		p.mu.Unlock()
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClient_proxyVariables$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "IMPORTER_TEST_PROXY=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
