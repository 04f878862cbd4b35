package importer

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// places answer the create call by the name under which it is made: 0 gives an
// upload URL, any other status is answered.
type places struct {
	l *lab

	mu             sync.Mutex
	older, newer   int
	unknown        string // a namespace that neither name knows
	olders, newers int    // calls
}

func (p *places) answer(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	status := p.older
	if newer := strings.HasSuffix(r.URL.Path, "/requests/upload-url"); newer {
		p.newers++
		status = p.newer
	} else {
		p.olders++
	}
	if p.unknown != "" && strings.Contains(r.URL.Path, "/"+p.unknown+"/") {
		status = http.StatusNotFound
	}
	p.mu.Unlock()
	if status == 0 {
		p.l.grant(w, r)
		return
	}
	refuse(w, status)
}

func (p *places) set(older, newer int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.older, p.newer = older, newer
}

func (p *places) calls() (olders, newers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.olders, p.newers
}

// newPlaces returns a lab whose create call has two names, its client, and what
// the client logs.
func newPlaces(t *testing.T) (*places, *Client, *bytes.Buffer) {
	l := newLab(t)
	p := &places{l: l}
	l.onPost = p.answer
	var logged bytes.Buffer
	l.cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
	return p, l.client(), &logged
}

// TestPath_isFound walks the create call's names coming and going. The calls are
// those of the whole step, under the older and the newer name.
func TestPath_isFound(t *testing.T) {
	p, c, logged := newPlaces(t)
	switches := 0
	for _, step := range []struct {
		name           string
		older, newer   int
		class          Class
		olders, newers int
		path           string
		switched       bool
	}{
		{"both answer", 0, 0, Stored, 1, 0, pathImport, false},
		{"only the older one", 0, 404, Stored, 1, 0, pathImport, false},
		{"an answer about the key is no answer about the path", 401, 0, Unauthorised, 1, 0, pathImport, false},
		{"nor is one about the batch", 422, 0, Refused, 1, 0, pathImport, false},
		{"nor one of a server in trouble", 503, 0, RetryLater, 1, 0, pathImport, false},
		{"neither", 404, 410, Missing, 1, 1, pathImport, false},
		{"a gateway that asks for a key before it looks for a path", 404, 401, Unauthorised, 1, 1, pathImport, false},
		{"the newer one is in trouble", 405, 503, RetryLater, 1, 1, pathImport, false},
		{"only the newer one", 404, 0, Stored, 1, 1, pathUploadURL, true},
		{"still", 404, 0, Stored, 0, 1, pathUploadURL, false},
		{"both, and the newer one is kept", 0, 0, Stored, 0, 1, pathUploadURL, false},
		{"the newer one is gone", 0, 410, Stored, 1, 1, pathImport, true},
	} {
		p.set(step.older, step.newer)
		olders, newers := p.calls()
		out := p.l.create(c, c.NewImport("orders", nil, 0))
		if out.Class != step.class {
			t.Errorf("%s: %s (%v), want %s", step.name, out.Class, out.Err, step.class)
		}
		o, n := p.calls()
		if o-olders != step.olders || n-newers != step.newers {
			t.Errorf("%s: %d and %d calls, want %d and %d", step.name, o-olders, n-newers, step.olders, step.newers)
		}
		if step.switched {
			switches++
		}
		if c.Path() != step.path || strings.Count(logged.String(), "\n") != switches {
			t.Errorf("%s: path %s, want %s; logged:\n%s", step.name, c.Path(), step.path, logged)
		}
	}
}

// TestPath_anUnknownNamespaceChangesNothing: it costs a second call each time,
// and the others none.
func TestPath_anUnknownNamespaceChangesNothing(t *testing.T) {
	p, c, logged := newPlaces(t)
	p.unknown = "nobody"
	for range 5 {
		out := p.l.create(c, c.NewImport("nobody", nil, 0))
		if out.Class != Missing || !strings.Contains(out.Err.Error(), "status 404, and under the call's other name status 404") {
			t.Fatalf("%s: %v", out.Class, out.Err)
		}
		wantClass(t, p.l.create(c, c.NewImport("orders", nil, 0)), Stored, "")
	}
	if olders, newers := p.calls(); olders != 10 || newers != 5 || logged.Len() > 0 {
		t.Errorf("%d and %d calls, logged %s", olders, newers, logged)
	}
}

// TestPath_isSwitchedOnceForAll: many attempts find at once that the older name
// is gone.
func TestPath_isSwitchedOnceForAll(t *testing.T) {
	p, c, logged := newPlaces(t)
	p.set(404, 0)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if out := c.NewImport("orders", nil, 0).Create(t.Context(), nil); out.Class != Stored {
				t.Errorf("%s: %v", out.Class, out.Err)
			}
		})
	}
	wg.Wait()
	if n := strings.Count(logged.String(), "\n"); n != 1 || c.Path() != pathUploadURL {
		t.Errorf("path %s, %d lines:\n%s", c.Path(), n, logged)
	}
	olders, _ := p.calls()
	wantClass(t, p.l.create(c, c.NewImport("orders", nil, 0)), Stored, "")
	if o, _ := p.calls(); o != olders {
		t.Error("the older name was called again")
	}
}

// TestPath_ofASetting has no other name.
func TestPath_ofASetting(t *testing.T) {
	l := newLab(t)
	l.cfg.Path = "/own/{namespace}/import"
	l.onPost = func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound) }
	c := l.client()
	wantClass(t, l.create(c, c.NewImport("orders", nil, 0)), Missing, "")
	if l.postCount() != 1 {
		t.Errorf("%d calls", l.postCount())
	}
}

func TestPath_ofRequests(t *testing.T) {
	for _, tc := range [][2]string{
		{pathImport, "/v1/data/{namespace}/requests/"},
		{pathUploadURL, "/v1/data/{namespace}/requests/"},
		{"/proxy/v1/data/{namespace}/import", "/proxy/v1/data/{namespace}/requests/"},
		{"/proxy/{namespace}/requests/upload-url", "/proxy/{namespace}/requests/"},
		{"/upload/{namespace}", "/v1/data/{namespace}/requests/"},
		{"/{namespace}/x/import", "/v1/data/{namespace}/requests/"},
	} {
		if got := requestsPath(tc[0]); got != tc[1] {
			t.Errorf("beside %s the requests are at %s, want %s", tc[0], got, tc[1])
		}
	}
}

// TestClient_sendsTheUsersHeaders to the API with every call, and never to the
// store; they replace nothing of the client's own.
func TestClient_sendsTheUsersHeaders(t *testing.T) {
	l := newLab(t)
	l.cfg.Headers = func() http.Header {
		return http.Header{"X-Tenant": {"t1"}, "X-Trace": {""}, "Authorization": {"Basic x"}, "User-Agent": {"me"}, "Content-Type": {"text/plain"}}
	}
	var methods []string
	check := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			methods = append(methods, r.Method)
			_, empty := r.Header["X-Trace"]
			if r.Header.Get("X-Tenant") != "t1" || !empty || r.Header.Get("User-Agent") != "kafka-import-bridge" {
				t.Errorf("%s with %v", r.Method, r.Header)
			}
			next(w, r)
		}
	}
	l.onPost, l.onAsk = check(l.grant), check(l.tell)
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Tenant") != "" {
			t.Error("the store saw them")
		}
		if l.keep(w, r); len(l.putPaths()) == 1 {
			abort(w, r, 0)
		}
	}
	c := l.client()
	i, _ := newImport(c, 100)
	l.attempt(c, i)
	wantClass(t, l.attempt(c, i), Stored, "")
	if strings.Join(methods, " ") != "POST GET" {
		t.Errorf("calls: %v", methods)
	}
}
