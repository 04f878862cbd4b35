package e2e

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/truth"
)

// Headers of a user's own go with every call to the API, and never to the store.
func TestSettings_customHeadersGoToTheAPIAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	var mu sync.Mutex
	seen := map[string]int{} // by method, and whether the header was there
	w.setHook(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		mu.Lock()
		seen[fmt.Sprint(r.Method, " ", r.Header.Get("X-Team") == secretPassword)]++
		mu.Unlock()
		next.ServeHTTP(rw, r)
	})
	b := w.start(environment{"SAFETYKIT_CUSTOM_HEADERS": "X-Team: " + secretPassword})
	w.produce(load{records: 100})
	w.waitStored()
	w.eventually("the end of the imports is seen", func() bool { return b.metric("imports_finished_total", `status="succeeded"`) > 0 })
	w.settle(b)
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"POST true", "PUT false", "GET true"} {
		if seen[want] == 0 {
			t.Errorf("no request %s", want)
		}
		delete(seen, want)
	}
	if len(seen) > 0 {
		t.Errorf("other requests: %v", seen)
	}
	w.judge()
}

// Series of namespaces, imports that are followed, and imports in flight stay within
// their settings, and nothing is lost or repeated for it.
func TestSettings_bounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationStatus, Status: http.StatusServiceUnavailable}) // no end is seen
	b := w.start(environment{
		"BRIDGE_METRICS_MAX_NAMESPACES": "3", "BRIDGE_FOLLOW_MAX_IMPORTS": "4", "BRIDGE_UPLOAD_CONCURRENCY": "3", "BRIDGE_NAMESPACE_CONCURRENCY": "2",
		"BRIDGE_BATCH_MAX_RECORDS": "50",
	})
	w.produce(load{records: 2000, namespace: func(i int) string { return fmt.Sprintf("ns-%02d", i%10) }})
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("records_uploaded_total"); got != 2000 {
		t.Errorf("%v records are counted, want 2000", got)
	}
	if got := b.metric("records_uploaded_total", `namespace="other"`); got != 1400 {
		t.Errorf("%v records are counted as other, want 1400", got)
	}
	objects := float64(len(w.api.Objects()))
	w.eventually("all imports but 4 are unfollowed", func() bool {
		return b.metric("imports_finished_total", `status="unfollowed"`) == objects-4 && b.metric("imports_followed") == 4
	})
	if total, inNamespace := w.api.Peak(); total > 3 || inNamespace > 2 {
		t.Errorf("%d uploads at once, %d of one namespace, want at most 3 and 2", total, inNamespace)
	}
	b.stop()
	w.judge(truth.Reordered) // as two imports of a namespace at once may
}

// proxy is a proxy that wants a password, knows one way, and counts who takes it.
type proxy struct {
	to        string // where every connection leads
	mu        sync.Mutex
	used      map[string]int // by host and port
	strangers int
}

func (p *proxy) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	user, pass, _ := parseBasic(r.Header.Get("Proxy-Authorization"))
	welcome := r.Method == http.MethodConnect && user == "user" && pass == secretPassword
	p.mu.Lock()
	if welcome {
		p.used[r.Host]++
	} else {
		p.strangers++
	}
	p.mu.Unlock()
	if !welcome {
		rw.Header().Set("Proxy-Authenticate", "Basic")
		rw.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	there, err := new(net.Dialer).DialContext(r.Context(), "tcp", p.to)
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(there, here); there.Close() }() // both end with their connections
	go func() { _, _ = io.Copy(here, there); here.Close() }()
}

func parseBasic(header string) (user, pass string, ok bool) {
	return (&http.Request{Header: http.Header{"Authorization": {header}}}).BasicAuth()
}

// Behind a proxy that wants a password, of a certificate that a company's own
// authority has signed: the log names the setting until the roots are there, and
// then everything goes that way.
func TestSettings_proxyAndRoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	server := httptest.NewUnstartedServer(w.gate(w.api.Handler()))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail until the roots are there
	server.StartTLS()
	t.Cleanup(server.Close)
	const host = "example.com:443" // as the certificate has it
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	way := &proxy{to: server.Listener.Addr().String(), used: map[string]int{}}
	front := httptest.NewServer(way)
	t.Cleanup(front.Close)
	w.env = w.env.with(environment{
		"SAFETYKIT_BASE_URL": "https://example.com", "BRIDGE_SHUTDOWN_TIMEOUT": "1s",
		"HTTPS_PROXY": "http://user:" + secretPassword + "@" + strings.TrimPrefix(front.URL, "http://"),
	})
	w.produce(load{records: 200})
	b := w.start()
	w.eventually("the log names the setting", func() bool { return b.says("BRIDGE_HTTP_CA_FILE") })
	if code := b.terminate(); code != 1 {
		t.Errorf("a stop with everything unstored ended with %d, want 1", code)
	}
	w.env["BRIDGE_HTTP_CA_FILE"] = roots
	b = w.start()
	w.settle(b)
	way.mu.Lock()
	defer way.mu.Unlock()
	if way.used[host] == 0 || len(way.used) != 1 || way.strangers > 0 {
		t.Errorf("the proxy led to %v, and turned away %d", way.used, way.strangers)
	}
	w.judge()
}
