package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// client speaks to an API without sockets of its own choosing.
type client struct {
	t    *testing.T
	api  *API
	base string
	http *http.Client
	key  string
}

// serve starts an API on one loopback listener.
func serve(t *testing.T, opts Options) *client {
	t.Helper()
	api, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, api: api, base: server.URL, key: "sk_test", http: &http.Client{Transport: transport, CheckRedirect: noRedirect}}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *client) do(method, url, body string, edit func(*http.Request)) (answer, error) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(url, c.base+"/v1/") {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	if edit != nil {
		edit(request)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return answer{response.StatusCode, response.Header, text}, err
}

// must is do without a transport error.
func (c *client) must(method, url, body string, edit func(*http.Request)) answer {
	c.t.Helper()
	got, err := c.do(method, url, body, edit)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	return got
}

// create asks for an upload URL.
func (c *client) create(namespace string) (id, link string) {
	c.t.Helper()
	got := c.must("POST", c.base+"/v1/data/"+namespace+"/import", "{}", nil)
	if got.status != 200 {
		c.t.Fatalf("create: %d %s", got.status, got.body)
	}
	var created struct {
		RequestID string `json:"requestId"`
		UploadURL string `json:"upload_url"`
		Status    string `json:"status"`
		ObjectKey string `json:"objectKey"`
		Expires   string `json:"expires_at"`
	}
	c.decode(got, &created)
	if created.Status != "pending_upload" || created.ObjectKey == "" || created.Expires == "" {
		c.t.Fatalf("create answered %s", got.body)
	}
	return created.RequestID, created.UploadURL
}

func (c *client) decode(a answer, into any) {
	c.t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		c.t.Fatalf("parse %s: %v", a.body, err)
	}
}

func (c *client) wantViolations(kinds ...string) {
	c.t.Helper()
	var got []string
	for _, v := range c.api.Violations() {
		kind, _, _ := strings.Cut(v, ":")
		got = append(got, kind)
	}
	if !slices.Equal(got, kinds) {
		c.t.Errorf("violations %q, want %q", c.api.Violations(), kinds)
	}
}

const twoLines = `{"id":"a","n":1}` + "\n" + `{"id":"b"}` + "\n"

func TestAPI_importFromURLToResults(t *testing.T) {
	for _, name := range []string{"import", "requests/upload-url"} {
		t.Run(name, func(t *testing.T) {
			var told []Object
			c := serve(t, Options{OnStored: func(o Object) { told = append(told, o) }})
			got := c.must("POST", c.base+"/v1/data/users/"+name, "", nil)
			var created struct {
				ID  string `json:"requestId"`
				URL string `json:"upload_url"`
			}
			c.decode(got, &created)
			if n := len(created.URL); n < 1000 || n > 2000 {
				t.Errorf("upload URL has %d bytes, real ones have 1-2 KB", n)
			}
			if state := c.state("users", created.ID); state != "queued" {
				t.Errorf("before the PUT: %s", state)
			}
			if got := c.must("PUT", created.URL, twoLines, nil); got.status != 200 {
				t.Fatalf("PUT: %d %s", got.status, got.body)
			}
			if state := c.state("users", created.ID); state != "succeeded" {
				t.Errorf("after the PUT: %s", state)
			}
			if len(told) != 1 || string(told[0].Body) != twoLines || !slices.Equal(told[0].IDs, []string{"a", "b"}) {
				t.Errorf("OnStored got %+v", told)
			}
			var results struct {
				Count *int   `json:"data_count"`
				URL   string `json:"data_url"`
			}
			c.decode(c.must("GET", c.base+"/v1/data/users/requests/"+created.ID+"/results/download-url", "", nil), &results)
			if results.Count == nil || *results.Count != 2 {
				t.Fatalf("results count %v", results.Count)
			}
			got = c.must("GET", results.URL, "", nil)
			if ids, err := ParseLines(got.body); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
				t.Errorf("results: %d %q", got.status, got.body)
			}
			c.wantViolations()
		})
	}
}

func (c *client) state(namespace, id string) string {
	c.t.Helper()
	got := c.must("GET", c.base+"/v1/data/"+namespace+"/requests/"+id, "", nil)
	var status struct {
		Status    string `json:"status"`
		RequestID string `json:"request_id"`
	}
	c.decode(got, &status)
	if status.RequestID != id {
		c.t.Errorf("status is of %q", status.RequestID)
	}
	return status.Status
}

func TestAPI_objectsLieInAFolder(t *testing.T) {
	dir := t.TempDir()
	c := serve(t, Options{Dir: dir})
	id, link := c.create("messages")
	c.must("PUT", link, twoLines, nil)
	text, err := os.ReadFile(filepath.Join(dir, "messages", id+".jsonl"))
	if err != nil || string(text) != twoLines {
		t.Errorf("file holds %q, %v", text, err)
	}
	if o := c.api.Objects(); len(o) != 1 || o[0].Body != nil || o[0].Lines != 2 {
		t.Errorf("objects %+v, want one of two lines without a body", o)
	}
}

func TestAPI_singleObject(t *testing.T) {
	c := serve(t, Options{})
	got := c.must("POST", c.base+"/v1/data/users", "{\"data\": {\"id\": \"u1\",\n \"n\": 1.50}}", nil)
	var accepted struct{ RequestID, Status string }
	c.decode(got, &accepted)
	if accepted.Status != "accepted" || c.state("users", accepted.RequestID) != "succeeded" {
		t.Errorf("answered %s", got.body)
	}
	if o := c.api.Objects(); len(o) != 1 || string(o[0].Body) != `{"id":"u1","n":1.50}`+"\n" {
		t.Errorf("stored %+v", o)
	}
	for _, bad := range []string{`{}`, `{"data":{"n":1}}`, `{"data":[]}`, `no`} {
		if got := c.must("POST", c.base+"/v1/data/users", bad, nil); got.status != 400 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
}

func TestAPI_refusals(t *testing.T) {
	cases := []struct {
		name       string
		method     string
		path       string
		key        string
		status     int
		violations []string
	}{
		{"wrong key", "POST", "/v1/data/users/import", "sk_other", 401, nil},
		{"no key", "POST", "/v1/data/users/import", "", 401, nil},
		{"namespace that leaves the folder", "POST", "/v1/data/..%2Fx/import", "sk_test", 400, []string{"namespace"}},
		{"namespace with a space", "POST", "/v1/data/a%20b/requests/upload-url", "sk_test", 400, []string{"namespace"}},
		{"no such call", "DELETE", "/v1/data/users/u1", "sk_test", 404, []string{"path"}},
		{"no such request", "GET", "/v1/data/users/requests/req_0", "sk_test", 404, nil},
		{"status without key", "GET", "/v1/data/users/requests/req_0", "", 401, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, Options{Key: "sk_test"})
			c.key = tc.key
			got := c.must(tc.method, c.base+tc.path, "", nil)
			if got.status != tc.status || !json.Valid(got.body) {
				t.Errorf("answered %d %s, want %d and JSON", got.status, got.body, tc.status)
			}
			c.wantViolations(tc.violations...)
		})
	}
}

func TestAPI_keysRotate(t *testing.T) {
	c := serve(t, Options{Key: "sk_test"})
	c.create("users")
	c.api.SetKeys("sk_next")
	if got := c.must("POST", c.base+"/v1/data/users/import", "", nil); got.status != 401 {
		t.Errorf("old key: %d", got.status)
	}
	c.key = "sk_next"
	c.create("users")
}

func TestAPI_statusMovesOnByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, err := New(Options{IngestDelay: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		u, _, _ := api.open("users", "http://store", nil)
		read := func() string { api.mu.Lock(); defer api.mu.Unlock(); return api.state(u) }
		want := func(state string) {
			t.Helper()
			if got := read(); got != state {
				t.Errorf("state %s, want %s", got, state)
			}
		}
		want("queued")
		api.wire(u, 1)
		want("uploading")
		api.wire(u, -1)
		if _, err := api.keep(u, []byte(twoLines), false); err != nil {
			t.Fatal(err)
		}
		want("ingesting")
		time.Sleep(time.Minute - 1)
		want("ingesting")
		time.Sleep(time.Nanosecond)
		want("succeeded")
	})
}

// TestAPI_verdicts: what an import comes to is decided by a fault of the ingest
// operation, and told by both status calls.
func TestAPI_verdicts(t *testing.T) {
	type told struct {
		Status  string
		Summary string `json:"error_summary"`
		Count   *int   `json:"data_count"`
	}
	cases := []struct {
		name  string
		fault Fault
		want  told
		count int // -1: null
	}{
		{"no fault", Fault{Operation: OperationIngest, Namespace: "other", Verdict: VerdictFailed}, told{Status: "succeeded"}, 2},
		{"failed", Fault{Operation: OperationIngest, Verdict: VerdictFailed, Summary: "quota"}, told{Status: "failed", Summary: "quota"}, -1},
		{"some objects not taken", Fault{Operation: OperationIngest, Verdict: VerdictSucceeded, Summary: "1 of 2"}, told{Status: "succeeded", Summary: "1 of 2"}, 2},
		{"never ends", Fault{Operation: OperationIngest, Delay: time.Hour, Verdict: VerdictFailed, Summary: "late"}, told{Status: "ingesting"}, -1},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, Options{})
			c.api.Inject(tc.fault)
			id, link := c.create("users")
			c.must("PUT", link, twoLines, nil)
			var got told
			c.decode(c.must("GET", c.base+"/v1/data/users/requests/"+id+"/results/download-url", "", nil), &got)
			if got.Status != tc.want.Status || got.Summary != tc.want.Summary || (got.Count == nil) != (tc.count < 0) || got.Count != nil && *got.Count != tc.count {
				t.Errorf("download-url tells %+v, want %+v and %d results", got, tc.want, tc.count)
			}
			got = told{}
			c.decode(c.must("GET", c.base+"/v1/data/users/requests/"+id, "", nil), &got)
			if got.Status != tc.want.Status || got.Summary != tc.want.Summary {
				t.Errorf("the status call tells %+v, want %+v", got, tc.want)
			}
			state := tc.want.Status
			if state == VerdictSucceeded && tc.want.Summary != "" {
				state += " with errors"
			}
			if counts := c.api.Verdicts(); len(counts) != 1 || counts[state] != 1 {
				t.Errorf("the verdicts are %v, want one of %s", counts, state)
			}
		})
	}
}

// TestAPI_statusCallsMeetFaults: a key that may not read, a throttled question,
// a deleted request.
func TestAPI_statusCallsMeetFaults(t *testing.T) {
	c := serve(t, Options{})
	id, _ := c.create("users")
	url := c.base + "/v1/data/users/requests/" + id
	for _, status := range []int{401, 403, 404, 429, 503} {
		c.api.Inject(Fault{Operation: OperationStatus, Status: status, Times: 2})
		for _, call := range []string{url, url + "/results/download-url"} {
			if got := c.must("GET", call, "", nil); got.status != status {
				t.Errorf("%s answered %d, want %d", call, got.status, status)
			}
		}
	}
	if got := c.must("GET", url, "", nil); got.status != 200 {
		t.Errorf("without a fault: %d", got.status)
	}
	if !c.api.Forget(id) || c.api.Forget(id) {
		t.Error("a request is forgotten once")
	}
	if got := c.must("GET", url, "", nil); got.status != 404 {
		t.Errorf("a deleted request answers %d", got.status)
	}
	if calls := c.api.Requests(); len(calls) != 13 || calls[1].Operation != OperationStatus || calls[1].RequestID != id || calls[1].Status != 401 {
		t.Errorf("%d calls are remembered, the second as %+v", len(calls), calls[1])
	}
}

func TestStore_checksLikeS3(t *testing.T) {
	cases := []struct {
		name       string
		age        time.Duration // of the URL
		edit       func(*http.Request)
		status     int
		code       string
		violations []string
	}{
		{"all in order", 0, nil, 200, "", nil},
		{"a moment before the expiry", 12*time.Hour - time.Second, nil, 200, "", nil},
		{"at the expiry", 12 * time.Hour, nil, 403, "AccessDenied", nil},
		{"wrong content type", 0, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 403, "SignatureDoesNotMatch", []string{"content-type"}},
		{"no content type", 0, func(r *http.Request) { r.Header.Del("Content-Type") }, 403, "SignatureDoesNotMatch", []string{"content-type"}},
		{"altered signature", 0, func(r *http.Request) { r.URL.RawQuery = r.URL.RawQuery[:len(r.URL.RawQuery)-1] + "x" }, 403, "SignatureDoesNotMatch", []string{"url"}},
		{"longer expiry", 0, func(r *http.Request) {
			r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "X-Amz-Expires=", "X-Amz-Expires=9", 1)
		}, 403, "SignatureDoesNotMatch", []string{"url"}},
		{"no signature", 0, func(r *http.Request) { r.URL.RawQuery = "" }, 403, "AccessDenied", []string{"url"}},
		{"other host", 0, func(r *http.Request) { r.Host = "other" }, 403, "SignatureDoesNotMatch", []string{"url"}},
		{"other object", 0, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/users/", "/other/", 1) }, 403, "SignatureDoesNotMatch", []string{"url"}},
		{"never handed out", 0, func(r *http.Request) { r.URL.Path = "/store/uploads/users/req_1.jsonl" }, 403, "SignatureDoesNotMatch", []string{"url"}},
		{"chunked", 0, func(r *http.Request) { r.ContentLength = -1 }, 411, "MissingContentLength", []string{"chunked"}},
		{"with a token", 0, func(r *http.Request) { r.Header.Set("Authorization", "Bearer sk_test") }, 200, "", []string{"token"}},
		{"another method", 0, func(r *http.Request) { r.Method = "POST" }, 405, "MethodNotAllowed", []string{"method"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Now()
			c := serve(t, Options{Now: func() time.Time { return now }})
			_, link := c.create("users")
			now = now.Truncate(time.Second).Add(tc.age)
			got := c.must("PUT", link, twoLines, tc.edit)
			if got.status != tc.status || tc.code != "" && !bytes.Contains(got.body, []byte("<Code>"+tc.code+"</Code>")) {
				t.Errorf("answered %d %s, want %d %s", got.status, got.body, tc.status, tc.code)
			}
			if stored := len(c.api.Objects()) == 1; stored != (tc.status == 200) {
				t.Errorf("stored: %v", stored)
			}
			c.wantViolations(tc.violations...)
		})
	}
}

func TestStore_lastWriterWins(t *testing.T) {
	told := 0
	c := serve(t, Options{OnStored: func(Object) { told++ }})
	_, link := c.create("users")
	for range 2 {
		c.must("PUT", link, twoLines, nil)
	}
	c.wantViolations()
	c.must("PUT", link, `{"id":"c"}`+"\n", nil)
	c.wantViolations("overwrite")
	objects := c.api.Objects()
	if len(objects) != 1 || objects[0].Overwrites != 2 || string(objects[0].Body) != `{"id":"c"}`+"\n" {
		t.Errorf("objects %+v", objects)
	}
	if told != 1 {
		t.Errorf("OnStored was called %d times", told)
	}
}

// TestStore_conditionalPut stores only what is not there, counts what it takes,
// and can be one that does not know the header.
func TestStore_conditionalPut(t *testing.T) {
	conditional := func(r *http.Request) { r.Header.Set("If-None-Match", "*") }
	for _, tc := range []struct {
		name        string
		fault       *Fault
		answers     []int // to a first PUT without a condition, and two with one
		evaluations int
	}{
		{"it is there", nil, []int{200, 412, 412}, 1},
		{"its answer is lost", &Fault{Operation: OperationUpload, Reset: ResetAfter, Times: 1}, []int{0, 412, 412}, 1},
		{"the first one was refused", &Fault{Operation: OperationUpload, Status: 503, Times: 1}, []int{503, 200, 412}, 1},
		{"a store that refuses the header", &Fault{Operation: OperationUpload, Conditional: true, Status: 501}, []int{200, 501, 501}, 1},
		{"a store that ignores it", &Fault{Operation: OperationUpload, Conditional: true, IgnoreCondition: true, Times: 1}, []int{200, 200, 412}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, Options{})
			if tc.fault != nil {
				c.api.Inject(*tc.fault)
			}
			_, link := c.create("users")
			for n, want := range tc.answers {
				edit := conditional
				if n == 0 {
					edit = nil
				}
				if got, _ := c.do("PUT", link, twoLines, edit); got.status != want {
					t.Errorf("PUT %d answered %d, want %d", n+1, got.status, want)
				}
			}
			if objects := c.api.Objects(); len(objects) != 1 || objects[0].Evaluations() != tc.evaluations {
				t.Errorf("objects %+v, want one taken %d times", objects, tc.evaluations)
			}
			if calls := c.api.Requests(); calls[1].Conditional || !calls[2].Conditional {
				t.Errorf("calls %+v", calls)
			}
			c.wantViolations()
			c.must("PUT", link, twoLines, func(r *http.Request) { r.Header.Set("If-None-Match", `"x"`) })
			c.wantViolations("condition")
		})
	}
}

// TestAPI_aNameOfTheCreateCallMayBeGone while the other one answers.
func TestAPI_aNameOfTheCreateCallMayBeGone(t *testing.T) {
	c := serve(t, Options{})
	c.api.Inject(Fault{Operation: OperationCreate, Path: PathImport, Status: 404})
	for call, want := range map[string]int{"/v1/data/users/import": 404, "/v1/data/users/requests/upload-url": 200} {
		if got := c.must("POST", c.base+call, "{}", nil); got.status != want {
			t.Errorf("%s answered %d, want %d", call, got.status, want)
		}
	}
	for _, r := range c.api.Requests() {
		if r.Path != PathImport && r.Path != PathUploadURL {
			t.Errorf("request %+v", r)
		}
	}
}

func TestStore_cutBodyStoresNothing(t *testing.T) {
	c := serve(t, Options{})
	_, link := c.create("users")
	_, err := c.do("PUT", link, "", func(r *http.Request) {
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(twoLines), brokenReader{}))
		r.ContentLength = 1 << 20
	})
	if err == nil {
		t.Fatal("the PUT succeeded")
	}
	if o := c.api.Objects(); len(o) != 0 {
		t.Errorf("stored %+v", o)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("cut") }
