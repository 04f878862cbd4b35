package sandbox

import (
	"encoding/json"

	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFault_effects(t *testing.T) {
	cases := []struct {
		name   string
		fault  Fault
		status int    // 0: the connection breaks
		header string // a header that must be there
		body   string // a part of the body
		stored bool
	}{
		{"throttled create", Fault{Operation: "create", Status: 429, RetryAfter: 1500 * time.Millisecond}, 429, "Retry-After", "", false},
		{"failing create with a body", Fault{Operation: "create", Status: 503, Body: "busy"}, 503, "", "busy", false},
		{"create answers garbage", Fault{Operation: "create", Garbage: true}, 200, "", "<html>", false},
		{"create redirects", Fault{Operation: "create", Redirect: "http://127.0.0.3/"}, 307, "Location", "", false},
		{"create hands out a foreign URL", Fault{Operation: "create", UploadURL: "ftp://x/y"}, 200, "", "ftp://x/y", false},
		{"create reset before it is read", Fault{Operation: "create", Reset: ResetBefore}, 0, "", "", false},
		{"create reset after it was done", Fault{Operation: "create", Reset: ResetAfter}, 0, "", "", false},
		{"failing PUT", Fault{Operation: "upload", Status: 500, Body: "<Error/>"}, 500, "", "<Error/>", false},
		{"PUT redirects", Fault{Operation: "upload", Redirect: "http://127.0.0.3/", Status: 301}, 301, "Location", "", false},
		{"PUT reset before it is read", Fault{Operation: "upload", Reset: ResetBefore}, 0, "", "", false},
		{"PUT reset in its body", Fault{Operation: "upload", Reset: ResetMid}, 0, "", "", false},
		{"PUT stored but its answer lost", Fault{Operation: "upload", Reset: ResetAfter}, 0, "", "", true},
		{"PUT answered 204", Fault{Operation: "upload", Status: 204}, 204, "", "", true},
		{"PUT answered with odd headers", Fault{Operation: "upload", Header: map[string]string{"X-Odd": "1"}}, 200, "X-Odd", "", true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			c := serve(t, Options{})
			_, link := c.create("users")
			tc.fault.Times = 1
			used := c.api.Inject(tc.fault)
			method, url, body := "PUT", link, twoLines
			if tc.fault.Operation == OperationCreate {
				method, url, body = "POST", c.base+"/v1/data/users/import", "{}"
			}
			got, err := c.do(method, url, body, nil)
			if (err != nil) != (tc.status == 0) || got.status != tc.status {
				t.Fatalf("answered %d, %v; want %d", got.status, err, tc.status)
			}
			if tc.header != "" && got.header.Get(tc.header) == "" {
				t.Errorf("no %s in %v", tc.header, got.header)
			}
			if !strings.Contains(string(got.body), tc.body) {
				t.Errorf("body %q", got.body)
			}
			if stored := len(c.api.Objects()) == 1; stored != tc.stored {
				t.Errorf("stored: %v", stored)
			}
			if used() != 1 {
				t.Errorf("used %d times", used())
			}
			if got := c.must("PUT", link, twoLines, nil); got.status != 200 {
				t.Errorf("after the fault: %d %s", got.status, got.body)
			}
			requests := c.api.Requests()
			if hit := requests[1]; hit.Operation != tc.fault.Operation || hit.Namespace != "users" || hit.Status != tc.status {
				t.Errorf("request %+v", hit)
			}
		})
	}
}

func TestFault_selection(t *testing.T) {
	c := serve(t, Options{Seed: 1})
	status := func(namespace string) int {
		return c.must("POST", c.base+"/v1/data/"+namespace+"/import", "", nil).status
	}
	c.api.Inject(Fault{Operation: "create", Namespace: "a", Skip: 1, Times: 2, Status: 500})
	c.api.Inject(Fault{Operation: "upload", Status: 503})
	got := []int{status("a"), status("b"), status("a"), status("a"), status("a")}
	if want := []int{200, 200, 500, 500, 200}; !reflect.DeepEqual(got, want) {
		t.Errorf("statuses %v, want %v", got, want)
	}
	if left := c.api.Faults(); len(left) != 1 || left[0].Operation != "upload" {
		t.Errorf("faults left: %+v", left)
	}
	c.api.ClearFaults()
	used := c.api.Inject(Fault{Operation: "create", Probability: 0.5, Status: 500})
	for range 100 {
		status("a")
	}
	if n := used(); n < 30 || n > 70 {
		t.Errorf("a fault of probability 0.5 hit %d of 100", n)
	}
}

func TestFault_badURLs(t *testing.T) {
	c := serve(t, Options{})
	c.api.Inject(Fault{Operation: "create", Times: 1, Expired: true})
	_, expired := c.create("users")
	if got := c.must("PUT", expired, twoLines, nil); got.status != 403 || !strings.Contains(string(got.body), "AccessDenied") {
		t.Errorf("expired: %d %s", got.status, got.body)
	}
	c.api.Inject(Fault{Operation: "create", Times: 1, Doomed: true})
	_, doomed := c.create("users")
	for range 2 {
		if got, err := c.do("PUT", doomed, twoLines, nil); err == nil {
			t.Errorf("doomed: %d", got.status)
		}
	}
	c.wantViolations()
}

func TestFault_keptBodiesAreThere(t *testing.T) {
	c := serve(t, Options{})
	_, link := c.create("users")
	c.api.Inject(Fault{Operation: "upload", Times: 1, Status: 502, Kept: true})
	if got := c.must("PUT", link, twoLines, nil); got.status != 502 || len(c.api.Objects()) != 1 {
		t.Errorf("answered %d, and %d objects are there", got.status, len(c.api.Objects()))
	}
	if got := c.must("PUT", link, twoLines, func(r *http.Request) { r.Header.Set("If-None-Match", "*") }); got.status != 412 {
		t.Errorf("a repeat on condition is answered %d", got.status)
	}
	c.wantViolations()
}

func TestFault_earlyAnswerLeavesTheBodyUnread(t *testing.T) {
	c := serve(t, Options{})
	_, link := c.create("users")
	c.api.Inject(Fault{Operation: "upload", Early: true, Status: 403})
	body := strings.Repeat(" ", 8<<20)
	if got, err := c.do("PUT", link, body, nil); err == nil && got.status != 403 {
		t.Errorf("answered %d", got.status)
	}
	if len(c.api.Objects()) != 0 {
		t.Error("stored")
	}
}

func TestFault_slowAnswersTakeVirtualTime(t *testing.T) {
	cases := []struct {
		name  string
		fault Fault
		held  bool
		took  time.Duration // until the client has its answer, or its timeout
	}{
		{"delay", Fault{Operation: "upload", Delay: 10 * time.Second}, false, 10 * time.Second},
		{"one byte a second", Fault{Operation: "upload", Drip: true}, false, time.Minute},
		{"held for ever", Fault{Operation: "upload"}, true, time.Minute},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, stop := serveVirtual(t, Options{})
				defer stop()
				_, link := c.create("users")
				if tc.held {
					tc.fault.Hold = make(chan struct{}) // of this bubble
				}
				c.api.Inject(tc.fault)
				c.http.Timeout = time.Minute
				begin := time.Now()
				_, err := c.do("PUT", link, twoLines, nil)
				if took := time.Since(begin); took != tc.took || (err != nil) != (took == time.Minute) {
					t.Errorf("took %s, %v; want %s", took, err, tc.took)
				}
			})
		})
	}
}

// serveVirtual is serve inside a synctest bubble.
func serveVirtual(t *testing.T, opts Options) (*client, func()) {
	t.Helper()
	api, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	network := &Network{}
	base, stop, err := network.Serve("127.0.0.1:80", api.Handler())
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: network.DialContext}
	return &client{t: t, api: api, base: base, key: "sk_test", http: &http.Client{Transport: transport}}, func() {
		transport.CloseIdleConnections()
		stop()
	}
}

func TestFault_endlessAnswer(t *testing.T) {
	c := serve(t, Options{})
	c.api.Inject(Fault{Operation: "create", Endless: true})
	got := c.must("POST", c.base+"/v1/data/users/import", "", nil)
	if len(got.body) != 1<<20 { // the test's own bound
		t.Errorf("read %d bytes", len(got.body))
	}
}

func TestViolations_retryAfterIsWatched(t *testing.T) {
	cases := []struct {
		name  string
		fault Fault
		wait  time.Duration
		want  []string
	}{
		{"too early", Fault{RetryAfter: 2 * time.Second}, 2*time.Second - 1, []string{"early"}},
		{"in time", Fault{RetryAfter: 2 * time.Second}, 2 * time.Second, nil},
		{"too early for a date", Fault{RetryAfter: 2 * time.Second, RetryAfterDate: true}, time.Second, []string{"early"}},
		{"in time for a date", Fault{RetryAfter: 2 * time.Second, RetryAfterDate: true}, 2 * time.Second, nil},
		{"an absurd value binds nobody", Fault{RetryAfter: 1e6 * time.Second}, time.Second, nil},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, stop := serveVirtual(t, Options{})
				defer stop()
				tc.fault.Operation, tc.fault.Status, tc.fault.Times, tc.fault.Namespace = "create", 429, 1, "users"
				c.api.Inject(tc.fault)
				c.must("POST", c.base+"/v1/data/users/import", "", nil)
				c.create("other")
				time.Sleep(tc.wait)
				c.create("users")
				c.create("users")
				c.wantViolations(tc.want...)
			})
		})
	}
}

func TestAPI_elsewhereIsNeverVisited(t *testing.T) {
	c := serve(t, Options{})
	other := httptest.NewServer(c.api.Elsewhere())
	t.Cleanup(other.Close)
	c.must("GET", other.URL, "", func(r *http.Request) { r.Header.Set("Authorization", "Bearer sk") })
	c.wantViolations("token", "redirect")
}

func TestParseFaults_roundTrip(t *testing.T) {
	want := []Fault{
		{Operation: "create", Namespace: "users", Skip: 1, Times: 2, Probability: 0.5, Status: 429, RetryAfter: 90 * time.Second, Body: "x"},
		{Operation: "upload", Delay: 1500 * time.Millisecond, Reset: ResetMid},
		{Operation: "create", Path: PathImport, Status: 404},
		{Operation: "upload", Conditional: true, IgnoreCondition: true},
		{Operation: "ingest", Verdict: VerdictFailed, Summary: "x", Delay: time.Minute},
	}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseFaults(text)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s became %+v, %v", text, got, err)
	}
	for _, bad := range []string{``, `{}`, `[{"operation":"drop"}]`, `{"operation":"create","statsu":500}`,
		`{"operation":"create","delay":"2"}`, `{"operation":"create","reset":"now"}`, `{"operation":"upload","expired":true}`,
		`{"operation":"upload","path":"import"}`, `{"operation":"create","path":"x"}`, `{"operation":"create","conditional":true}`,
		`{"operation":"upload","verdict":"failed"}`, `{"operation":"ingest","verdict":"maybe"}`,
		`{"operation":"create","status":7}`, `{"operation":"create","probability":2}`} {
		if got, err := ParseFaults([]byte(bad)); err == nil {
			t.Errorf("%s was taken: %+v", bad, got)
		}
	}
}

func TestControl_switchesFaultsAndShowsWhatArrived(t *testing.T) {
	c := serve(t, Options{})
	control := httptest.NewServer(c.api.Control())
	t.Cleanup(control.Close)
	got := c.must("POST", control.URL+"/control/faults", `{"operation":"create","namespace":"users","status":503,"times":1}`, nil)
	if got.status != 200 || !strings.Contains(string(got.body), `"status":503`) {
		t.Fatalf("inject: %d %s", got.status, got.body)
	}
	if got := c.must("POST", c.base+"/v1/data/users/import", "", nil); got.status != 503 {
		t.Errorf("create: %d", got.status)
	}
	if got := c.must("POST", control.URL+"/control/faults", `{"operation":"x"}`, nil); got.status != 400 {
		t.Errorf("a fault of no operation: %d", got.status)
	}
	c.must("POST", control.URL+"/control/faults", `{"operation":"create","status":500}`, nil)
	if got := c.must("DELETE", control.URL+"/control/faults", "", nil); got.status != 204 {
		t.Errorf("clear: %d", got.status)
	}
	_, link := c.create("users")
	c.must("PUT", link, twoLines, nil)
	var objects []struct {
		Namespace string
		Lines     int
	}
	c.decode(c.must("GET", control.URL+"/control/objects?namespace=users", "", nil), &objects)
	if len(objects) != 1 || objects[0].Lines != 2 {
		t.Errorf("objects %+v", objects)
	}
	var requests []Request
	c.decode(c.must("GET", control.URL+"/control/requests", "", nil), &requests)
	if len(requests) != 3 || requests[2].Operation != "upload" || requests[2].Status != 200 || requests[2].Bytes == 0 {
		t.Errorf("requests %+v", requests)
	}
}

func TestAPI_peakCountsPUTsAtOnce(t *testing.T) {
	c := serve(t, Options{})
	hold := make(chan struct{})
	c.api.Inject(Fault{Operation: "upload", Hold: hold})
	done := make(chan error)
	for _, namespace := range []string{"a", "a", "b"} {
		_, link := c.create(namespace)
		go func() {
			_, err := c.do("PUT", link, twoLines, nil)
			done <- err
		}()
	}
	for total := 0; total < 3; total, _ = c.api.Peak() {
		c.create("other") // takes its time: three PUTs are on their way
	}
	close(hold)
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if total, one := c.api.Peak(); total != 3 || one != 2 {
		t.Errorf("peak %d, in one namespace %d", total, one)
	}
}
