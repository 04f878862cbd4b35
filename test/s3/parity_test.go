// Package s3 holds the sandbox's store, and the importer's PUT, against a real
// S3-compatible server (versitygw over a folder). Tests only.
package s3

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/sandbox"
)

const lines = `{"id":"a"}` + "\n"

// server is one of the two stores.
type server struct {
	name   string
	sign   func(t *testing.T, expired bool) (link string)
	stored func(t *testing.T, link string) string // the object's bytes; empty: none
}

func sandboxServer(t *testing.T) server {
	t.Helper()
	api, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(api.Handler())
	t.Cleanup(listener.Close)
	return server{
		name: "sandbox",
		sign: func(t *testing.T, expired bool) string {
			if expired {
				api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Times: 1, Expired: true})
			}
			return create(t, listener.URL)
		},
		stored: func(_ *testing.T, link string) string {
			for _, o := range api.Objects() {
				if strings.Contains(link, o.RequestID) {
					return string(o.Body)
				}
			}
			return ""
		},
	}
}

func gatewayServer(t *testing.T) server {
	t.Helper()
	g := startGateway(t)
	made := 0
	return server{
		name: "versitygw",
		sign: func(t *testing.T, expired bool) string {
			made++
			at := time.Now()
			if expired {
				at = at.Add(-13 * time.Hour)
			}
			return g.presign(t, fmt.Sprintf("users/%d.jsonl", made), at, 12*time.Hour)
		},
		stored: func(t *testing.T, link string) string {
			u, err := url.Parse(link)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(g.root, u.Path))
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			return string(text)
		},
	}
}

// TestParity_putAgainstARealStore sends the same requests to both stores and
// wants the same answers.
func TestParity_putAgainstARealStore(t *testing.T) {
	servers := []server{gatewayServer(t), sandboxServer(t)}
	cases := []struct {
		name    string
		expired bool
		edit    func(*http.Request)
		want    int
	}{
		{"in order", false, nil, 200},
		{"wrong content type", false, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 403},
		{"no content type", false, func(r *http.Request) { r.Header.Del("Content-Type") }, 403},
		{"content type with a charset", false, func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 403},
		{"expired", true, nil, 403},
		{"altered signature", false, alterSignature, 403},
		{"longer life", false, func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=43200", "X-Amz-Expires=86400", 1)
		}, 403},
		{"another parameter", false, func(r *http.Request) { r.URL.RawQuery += "&x-id=PutObject" }, 403},
		{"another object", false, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "users/", "others/", 1) }, 403},
		{"another method", false, func(r *http.Request) { r.Method = http.MethodGet; r.Body, r.ContentLength = nil, 0 }, 403},
		{"another unsigned header", false, func(r *http.Request) { r.Header.Set("X-Other", "1") }, 200},
		{"no length", false, func(r *http.Request) { r.ContentLength = -1 }, 411},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			for _, s := range servers {
				link := s.sign(t, tc.expired)
				status, body := send(t, link, lines, tc.edit)
				if status != tc.want {
					t.Errorf("%s answered %d %.300s, want %d", s.name, status, body, tc.want)
				}
				if status >= 400 && !strings.Contains(body, "<Error>") {
					t.Errorf("%s answered no XML error: %.300s", s.name, body)
				}
				if kept := s.stored(t, link); (kept == lines) != (status == 200) {
					t.Errorf("%s answered %d and keeps %q", s.name, status, kept)
				}
			}
		})
	}
}

// TestParity_sameURLOverwrites repeats a PUT under one URL.
func TestParity_sameURLOverwrites(t *testing.T) {
	for _, s := range []server{gatewayServer(t), sandboxServer(t)} {
		link := s.sign(t, false)
		for _, body := range []string{lines, lines, `{"id":"b"}` + "\n"} {
			if status, answer := send(t, link, body, nil); status != 200 {
				t.Errorf("%s: %d %.300s", s.name, status, answer)
			}
			if kept := s.stored(t, link); kept != body {
				t.Errorf("%s keeps %q, want %q", s.name, kept, body)
			}
		}
	}
}

// TestParity_conditionalPut sends If-None-Match, which is in no URL's signature,
// before there is an object and after: docs/adr/0011-conditional-repeats.md.
func TestParity_conditionalPut(t *testing.T) {
	conditional := func(r *http.Request) { r.Header.Set("If-None-Match", "*") }
	for _, s := range []server{gatewayServer(t), sandboxServer(t)} {
		link := s.sign(t, false)
		for n, put := range []struct {
			body string
			edit func(*http.Request)
			want int
			kept string
		}{
			{lines, conditional, 200, lines},
			{lines, conditional, 412, lines},
			{`{"id":"b"}` + "\n", conditional, 412, lines},
			{lines, nil, 200, lines},
			{lines, conditional, 412, lines},
		} {
			status, answer := send(t, link, put.body, put.edit)
			if status != put.want || status >= 400 && !strings.Contains(answer, "<Code>PreconditionFailed</Code>") {
				t.Errorf("PUT %d: %s answered %d %.300s, want %d", n+1, s.name, status, answer, put.want)
			}
			if kept := s.stored(t, link); kept != put.kept {
				t.Errorf("PUT %d: %s keeps %q, want %q", n+1, s.name, kept, put.kept)
			}
		}
		expired := s.sign(t, true)
		if status, answer := send(t, expired, lines, conditional); status != 403 {
			t.Errorf("%s answered %d %.300s to a conditional PUT under an expired URL", s.name, status, answer)
		}
	}
}

// TestImporter_repeatsToARealStore stores a batch whose answer is lost on the way.
// The API knows nothing of it, so that the store has to tell.
func TestImporter_repeatsToARealStore(t *testing.T) {
	store := gatewayServer(t)
	target, err := url.Parse(store.sign(t, false))
	if err != nil {
		t.Fatal(err)
	}
	var answers []int
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: target.Scheme, Host: target.Host})
			r.Out.Host = target.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if answers = append(answers, r.StatusCode); len(answers) == 1 {
				return errors.New("lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	between := httptest.NewServer(proxy)
	defer between.Close()
	api, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(api.Handler())
	defer listener.Close()
	base, err := url.Parse(listener.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := importer.New(importer.Config{BaseURL: base, Key: fixedKey("sk_parity")}, nil)
	defer client.Close()
	api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Times: 1, UploadURL: between.URL + target.RequestURI()})
	i := client.NewImport("users", [][]byte{[]byte(lines)}, int64(len(lines)))
	if out := i.Attempt(t.Context(), nil); out.Class != importer.RetrySame || !i.Ambiguous() {
		t.Fatalf("the lost answer comes to %s (%v), ambiguous %t", out.Class, out.Err, i.Ambiguous())
	}
	if out := i.Attempt(t.Context(), nil); out.Class != importer.Stored || out.Status != 412 || i.MayRepeat() {
		t.Errorf("the repeat comes to %s (%v), status %d, may repeat %t", out.Class, out.Err, out.Status, i.MayRepeat())
	}
	if fmt.Sprint(answers) != "[200 412]" {
		t.Errorf("the store answered %v", answers)
	}
}

// TestImporter_putsToARealStore lets the API hand out URLs of the real store.
func TestImporter_putsToARealStore(t *testing.T) {
	store := gatewayServer(t)
	api, err := sandbox.New(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener := httptest.NewServer(api.Handler())
	defer listener.Close()
	base, err := url.Parse(listener.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := importer.New(importer.Config{BaseURL: base, Key: fixedKey("sk_parity")}, nil)
	defer client.Close()
	big := strings.Repeat(lines, 10<<20/len(lines))
	cases := []struct {
		name    string
		body    string
		expired bool
		want    importer.Class
	}{
		{"one line", lines, false, importer.Stored},
		{"10 MiB", big, false, importer.Stored},
		{"expired URL", lines, true, importer.RetryNew},
		{"10 MiB to an expired URL", big, true, importer.RetryNew},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			link := store.sign(t, tc.expired)
			api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Times: 1, UploadURL: link})
			outcome := client.NewImport("users", [][]byte{[]byte(tc.body)}, int64(len(tc.body))).Attempt(t.Context(), nil)
			// A refusal of a large body may be seen as a reset.
			reset := tc.expired && outcome.Class == importer.RetrySame
			if outcome.Class != tc.want && !reset {
				t.Errorf("class %s (%v), want %s", outcome.Class, outcome.Err, tc.want)
			}
			if kept := store.stored(t, link); (kept == tc.body) != (tc.want == importer.Stored) {
				t.Errorf("the store keeps %d bytes of %d", len(kept), len(tc.body))
			}
		})
	}
}

// fixedKey is a key that never changes.
type fixedKey string

func (k fixedKey) Value() string         { return string(k) }
func (k fixedKey) Reload() (bool, error) { return false, nil }

// send sends one PUT and reads the answer.
func send(t *testing.T, link, body string, edit func(*http.Request)) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, link, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if edit != nil {
		edit(request)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// alterSignature changes its first digit.
func alterSignature(r *http.Request) {
	query := r.URL.Query()
	signature := query.Get("X-Amz-Signature")
	first := "0"
	if signature[:1] == first {
		first = "1"
	}
	r.URL.RawQuery = strings.Replace(r.URL.RawQuery, signature, first+signature[1:], 1)
}

// create asks the sandbox for an upload URL.
func create(t *testing.T, base string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/v1/data/users/import", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer sk_parity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		UploadURL string `json:"upload_url"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.UploadURL
}
