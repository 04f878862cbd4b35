package e2e

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/child"
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

// Names, paths and pages are as the settings say, and plain http goes beyond this
// machine if it is allowed to.
func TestSettings_namesAndPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	ports, err := child.FreePorts(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	w.env = w.env.with(environment{
		"SAFETYKIT_BASE_URL": strings.Replace(w.env["SAFETYKIT_BASE_URL"], "127.0.0.1", "0.0.0.0", 1), // no loopback address, but the same host
		"BRIDGE_IMPORT_PATH": "/v1/data/{namespace}/requests/upload-url", "BRIDGE_FOLLOW": "false", "BRIDGE_KAFKA_CLIENT_ID": "a-name",
		"BRIDGE_LOG_FORMAT": "text", "BRIDGE_PPROF_ADDR": address,
	})
	const insecure = "BRIDGE_ALLOW_INSECURE_HTTP"
	if code, text := w.check(); code != 2 || !bytes.Contains(text, []byte(insecure)) {
		t.Errorf("exit code %d without %s: %s", code, insecure, text)
	}
	w.env[insecure] = "true"
	b := w.start()
	w.produce(load{records: 200})
	w.waitStored()
	groups, err := w.admin.DescribeGroups(w.context(), w.group)
	if err != nil || len(groups[w.group].Members) != 1 || groups[w.group].Members[0].ClientID != "a-name" {
		t.Errorf("the member in the group is not a-name: %+v, %v", groups, err)
	}
	profiles := &bridge{w: w, name: "the address of profiles", url: "http://" + address}
	profiles.answers("/debug/pprof/cmdline", http.StatusOK)
	b.answers("/debug/pprof/cmdline", http.StatusNotFound)
	w.settle(b)
	for _, r := range w.api.Requests() {
		if r.Operation != sandbox.OperationUpload && r.Path != sandbox.PathUploadURL {
			t.Errorf("a request %+v", r)
		}
	}
	if text := b.logged(); !strings.Contains(text, "level=INFO msg=imported namespace=") || strings.Contains(text, `"level"`) {
		t.Errorf("the log is no text: %s", text)
	}
	w.judge()
}

// An upload without an answer, and an import without an end, are given up when the
// settings say so, and the log holds no more than they say.
func TestSettings_patience(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationStatus, Status: http.StatusServiceUnavailable}) // no end is seen
	var kept atomic.Int64
	w.setHook(func(rw http.ResponseWriter, r *http.Request, next http.Handler) {
		if r.Method != http.MethodPut || kept.Load() != 0 {
			next.ServeHTTP(rw, r)
			return
		}
		began := time.Now()
		next.ServeHTTP(httptest.NewRecorder(), r)
		<-r.Context().Done()
		kept.Store(int64(time.Since(began)))
	})
	b := w.start(environment{"BRIDGE_UPLOAD_TIMEOUT": "1s", "BRIDGE_FOLLOW_MAX_AGE": "1s", "BRIDGE_LOG_LEVEL": "error"})
	w.produce(load{records: 200})
	w.waitStored()
	w.waitCommitted(w.topic)
	if took := time.Duration(kept.Load()); took > 20*time.Second {
		t.Errorf("an upload without an answer was given up after %s", took)
	}
	w.eventually("a timeout is counted", func() bool { return b.metric("import_retries_total", `operation="upload"`, `reason="timeout"`) > 0 })
	w.eventually("every import is given up", func() bool {
		return b.metric("imports_followed") == 0 && b.metric("imports_finished_total", `status="unknown"`) == float64(len(w.api.Objects()))
	})
	b.stop()
	if text := b.logged(); text != "" {
		t.Errorf("the log holds less than errors: %s", text)
	}
	w.judge()
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
// authority has signed: the log names the setting until the roots are in its file, and
// then everything goes that way, without a restart.
func TestSettings_proxyAndRoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	server := httptest.NewUnstartedServer(w.gate(w.api.Handler()))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail until the roots are there
	server.StartTLS()
	t.Cleanup(server.Close)
	const host = "example.com:443" // as the certificate has it
	way := &proxy{to: server.Listener.Addr().String(), used: map[string]int{}}
	front := httptest.NewServer(way)
	t.Cleanup(front.Close)
	w.env = w.env.with(environment{
		"SAFETYKIT_BASE_URL": "https://example.com", "BRIDGE_HTTP_CA_FILE": otherCA(t),
		"HTTPS_PROXY": "http://user:" + secretPassword + "@" + strings.TrimPrefix(front.URL, "http://"),
	})
	w.produce(load{records: 200})
	b := w.start()
	w.eventually("the log names the setting", func() bool { return b.says("BRIDGE_HTTP_CA_FILE") })
	if err := os.Rename(certificateFile(t, server), w.env["BRIDGE_HTTP_CA_FILE"]); err != nil {
		t.Fatal(err)
	}
	w.settle(b)
	way.mu.Lock()
	defer way.mu.Unlock()
	if way.used[host] == 0 || len(way.used) != 1 || way.strangers > 0 {
		t.Errorf("the proxy led to %v, and turned away %d", way.used, way.strangers)
	}
	w.judge()
}
