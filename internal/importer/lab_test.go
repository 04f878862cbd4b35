package importer

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// What must never be seen outside of its own request.
const (
	secretKey       = "sk_test_SECRETKEY"
	secretSignature = "SECRETSIGNATURE"
	secretText      = "SECRETTEXT" // in answers: they may echo records
)

// A lab is an import API and a store on two servers. Its handlers see requests
// after they were counted; unset ones do what the real ones do.
type lab struct {
	t      *testing.T
	api    *httptest.Server
	store  *httptest.Server
	onPost func(w http.ResponseWriter, r *http.Request)
	onPut  func(w http.ResponseWriter, r *http.Request)
	onAsk  func(w http.ResponseWriter, r *http.Request)
	cfg    Config // changed by a test before client is called
	reg    *prometheus.Registry
	key    *rotatingKey

	mu      sync.Mutex
	posts   int
	puts    []string // paths, one per PUT
	objects map[string][]byte
	taken   map[string]int // bodies accepted, by path
	header  http.Header    // of the last PUT
	asks    int
}

// newLab starts a lab on loopback sockets.
func newLab(t *testing.T) *lab { return newLabOn(t, nil) }

// newLabOn starts it on a network in memory if listen is not nil.
func newLabOn(t *testing.T, listen func() net.Listener) *lab {
	l := &lab{t: t, objects: map[string][]byte{}, taken: map[string]int{}, reg: prometheus.NewPedanticRegistry(), key: &rotatingKey{value: secretKey}}
	start := func(h http.HandlerFunc) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = quiet()
		s.Config.ConnContext = numberConns()
		if listen != nil {
			s.Listener.Close()
			s.Listener = listen()
		} else {
			s.Listener = narrowListener{s.Listener}
		}
		s.Start()
		t.Cleanup(s.Close)
		return s
	}
	l.api = start(l.servePost)
	l.store = start(l.servePut)
	base, err := url.Parse(l.api.URL)
	if err != nil {
		t.Fatal(err)
	}
	l.cfg = Config{
		BaseURL: base, Key: l.key,
		Patience: Patience{CreateTimeout: time.Minute, UploadTimeout: time.Minute},
		Network:  Network{Proxy: func(*url.URL) (*url.URL, error) { return nil, nil }},
		Rand:     func() float64 { return 0.5 },
	}
	if listen == nil {
		l.cfg.DialContext = narrowDial
	}
	return l
}

type connKey struct{}

// numberConns lets a server know by which of its connections a request came.
func numberConns() func(context.Context, net.Conn) context.Context {
	var made atomic.Int64
	return func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, int(made.Add(1)))
	}
}

// connNumber is the number of a request's connection, from 1.
func connNumber(r *http.Request) int { return r.Context().Value(connKey{}).(int) }

// socketBuffer is small, so that a body of the size big lies in no socket: left
// alone, the kernel lets buffers grow to 10 MiB and a body is out long before it
// is read.
const socketBuffer = 64 << 10

// narrowListener gives connections a small receive buffer.
type narrowListener struct{ net.Listener }

func (l narrowListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetReadBuffer(socketBuffer)
	}
	return conn, err
}

// narrowDial gives connections a small send buffer.
func narrowDial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetWriteBuffer(socketBuffer)
	}
	return conn, err
}

func (l *lab) client() *Client {
	l.t.Helper()
	c := New(l.cfg, l.reg)
	l.t.Cleanup(c.Close)
	return c
}

func (l *lab) servePost(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		l.serveAsk(w, r)
		return
	}
	l.mu.Lock()
	l.posts++
	l.mu.Unlock()
	if l.onPost != nil {
		l.onPost(w, r)
		return
	}
	l.grant(w, r)
}

// grant answers a create call properly.
func (l *lab) grant(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Method != http.MethodPost || string(body) != "{}" || r.Header.Get("Content-Type") != "application/json":
		http.Error(w, "not a create call", http.StatusBadRequest)
	case r.Header.Get("Authorization") != "Bearer "+l.key.valid():
		http.Error(w, secretText, http.StatusUnauthorized)
	default:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"expires_at": %q, "objectKey": "k", "requestId": "req-%d", "status": "pending_upload", "upload_url": %q}`,
			time.Now().Add(12*time.Hour).UTC().Format(time.RFC3339), l.postCount(), l.uploadURL())
	}
}

func (l *lab) serveAsk(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.asks++
	l.mu.Unlock()
	if l.onAsk != nil {
		l.onAsk(w, r)
		return
	}
	l.tell(w, r)
}

// tell answers what became of a request, as its number says.
func (l *lab) tell(w http.ResponseWriter, r *http.Request) {
	number := strings.TrimSuffix(r.URL.Path[strings.LastIndex(r.URL.Path, "/req-")+len("/req-"):], "/results/download-url")
	l.mu.Lock()
	defer l.mu.Unlock()
	status := "queued"
	if l.taken["/bucket/"+number+".jsonl"] > 0 {
		status = "ingesting"
	}
	fmt.Fprintf(w, `{"data_count": null, "namespace": "orders", "request_id": "req-%s", "status": %q, "error_summary": %q}`, number, status, secretText)
}

func (l *lab) uploadURL() string {
	return fmt.Sprintf("%s/bucket/%d.jsonl?X-Amz-Signature=%s", l.store.URL, l.postCount(), secretSignature)
}

func (l *lab) servePut(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.puts = append(l.puts, r.URL.Path)
	l.header = r.Header.Clone()
	l.mu.Unlock()
	if l.onPut != nil {
		l.onPut(w, r)
		return
	}
	l.keep(w, r)
}

// keepUnheard is a store that keeps the first body without an answer, and answers every
// later one that the URL is no good any more.
func (l *lab) keepUnheard(w http.ResponseWriter, r *http.Request) {
	if len(l.putPaths()) == 1 {
		l.keep(httptest.NewRecorder(), r)
		abort(w, r, 0)
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

// keep stores a body as S3 would.
func (l *lab) keep(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" ||
		r.URL.Query().Get("X-Amz-Signature") != secretSignature {
		l.t.Errorf("PUT that no store would take: length %d, header %v", r.ContentLength, r.Header)
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Header.Get("If-None-Match") == "*" && l.taken[r.URL.Path] > 0 {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	l.objects[r.URL.Path] = body
	l.taken[r.URL.Path]++
}

// evaluations is how many bodies the store has accepted.
func (l *lab) evaluations() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, taken := range l.taken {
		n += taken
	}
	return n
}

func (l *lab) askCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.asks
}

// at is what is known of the lab's store.
func (l *lab) at(c *Client) *store { return c.stores.at(l.store.Listener.Addr().String()) }

func (l *lab) postCount() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.posts
}

func (l *lab) putPaths() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.puts...)
}

// stored returns how many objects there are, and whether all equal want.
func (l *lab) stored(want []byte) (n int, equal bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	equal = true
	for _, o := range l.objects {
		equal = equal && bytes.Equal(o, want)
	}
	return len(l.objects), equal
}

// attempt makes an attempt and searches its error for secrets.
func (l *lab) attempt(c *Client, i *Import) Outcome {
	l.t.Helper()
	return l.checked(i.Attempt(l.t.Context(), nil))
}

func (l *lab) create(c *Client, i *Import) Outcome {
	l.t.Helper()
	return l.checked(i.Create(l.t.Context(), nil))
}

func (l *lab) checked(out Outcome) Outcome {
	l.t.Helper()
	if (out.Class == Stored) != (out.Err == nil) {
		l.t.Errorf("class %s with error %v", out.Class, out.Err)
	}
	checkSafe(l.t, out.Err)
	return out
}

func checkSafe(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{secretKey, "sk_test", secretSignature, secretText, "X-Amz"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error shows %q: %v", secret, err)
		}
	}
}

// wantClass fails the test unless the outcome is of the class and reason.
func wantClass(t *testing.T, out Outcome, class Class, reason string) {
	t.Helper()
	if out.Class != class || out.Reason != reason {
		t.Fatalf("outcome %s, reason %q, error %v; want %s, %q", out.Class, out.Reason, out.Err, class, reason)
	}
}

// batch returns a body of n bytes in blocks of several sizes, and its bytes.
func batch(n int) (blocks [][]byte, all []byte) {
	all = bytes.Repeat([]byte(`{"id":"1"}`+"\n"), n/11+1)[:n]
	rest := bytes.Clone(all)
	for size := 1; len(rest) > 0; size = size*3 + 1 {
		m := min(size, len(rest))
		blocks = append(blocks, rest[:m:m])
		rest = rest[m:]
	}
	return append(blocks, nil), all
}

// newImport makes an import of n bytes.
func newImport(c *Client, n int) (*Import, []byte) {
	blocks, all := batch(n)
	return c.NewImport("orders", blocks, int64(n)), all
}

// abort cuts the connection with RST, after reading n bytes of the body.
func abort(w http.ResponseWriter, r *http.Request, n int64) {
	_, _ = io.CopyN(io.Discard, r.Body, n)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// rotatingKey is a key whose file changes before it is reloaded.
type rotatingKey struct {
	mu      sync.Mutex
	value   string
	next    string // what Reload finds, if not ""
	good    string // what the API accepts, if not the first one
	reloads int
	err     error
}

func (k *rotatingKey) Value() string { k.mu.Lock(); defer k.mu.Unlock(); return k.value }

func (k *rotatingKey) valid() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good != "" {
		return k.good
	}
	return secretKey
}

func (k *rotatingKey) Reload() (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reloads++
	if k.next == "" || k.err != nil {
		return false, k.err
	}
	changed := k.value != k.next
	k.value = k.next
	return changed, nil
}

// memoryNet is a network of pipes, for bubbles: real sockets do not block
// durably.
type memoryNet struct {
	mu        sync.Mutex
	listeners map[string]*memoryListener
}

func (m *memoryNet) listen() net.Listener {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listeners == nil {
		m.listeners = map[string]*memoryListener{}
	}
	l := &memoryListener{port: len(m.listeners) + 1, conns: make(chan net.Conn), done: make(chan struct{})}
	m.listeners[l.Addr().String()] = l
	return l
}

func (m *memoryNet) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	m.mu.Lock()
	l := m.listeners[addr]
	m.mu.Unlock()
	if l == nil {
		return nil, errors.New("no such host")
	}
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryListener struct {
	port  int
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *memoryListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: l.port}
}

// poolOf trusts a test server's certificate.
func poolOf(s *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return pool
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func failingDial(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: err}
	}
}
