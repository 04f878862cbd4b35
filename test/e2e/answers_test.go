package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// Answers that a correct API never gives are refused, told and tried again:
// nothing is sent to where they point, nothing is lost, nothing is repeated.
func TestAnswers_malformed(t *testing.T) {
	const create, upload = sandbox.OperationCreate, sandbox.OperationUpload
	for name, f := range map[string]sandbox.Fault{
		"no JSON":                           {Operation: create, Garbage: true},
		"no upload_url":                     {Operation: create, Body: `{"requestId":"r"}`},
		"a list":                            {Operation: create, Body: `[]`},
		"an upload_url of a number":         {Operation: create, Body: `{"upload_url":7,"requestId":"r"}`},
		"a relative upload_url":             {Operation: create, UploadURL: "/store/x"},
		"an ftp upload_url":                 {Operation: create, UploadURL: "ftp://127.0.0.1/x"},
		"an upload_url without TLS":         {Operation: create, UploadURL: "http://192.0.2.1/x"},
		"a user in the upload_url":          {Operation: create, UploadURL: "https://user:pw@127.0.0.1/x"},
		"truncated gzip":                    {Operation: create, Header: map[string]string{"Content-Encoding": "gzip"}, Body: "\x1f\x8b\x08\x00"},
		"a header of 2 MB":                  {Operation: create, Header: map[string]string{"X-Long": strings.Repeat("x", 2<<20)}},
		"an answer without end":             {Operation: create, Endless: true},
		"an answer that drips":              {Operation: create, Drip: true},
		"an upload whose answer has no end": {Operation: upload, Endless: true},
		"an upload answered early":          {Operation: upload, Early: true, Status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.env["BRIDGE_IMPORT_TIMEOUT"] = "2s"
			f.Times = 2
			used := w.api.Inject(f)
			b := w.start()
			w.produce(load{records: 200})
			w.waitStored()
			w.waitCommitted(w.topic)
			if used() != 2 {
				t.Errorf("the answer was given %d times, want 2", used())
			}
			if f.Operation == create && b.metric("import_retries_total", `operation="create"`) < 2 {
				t.Error("import_retries_total does not tell of it")
			}
			b.stop()
			w.judge()
		})
	}
}

// Neither side's redirect is followed, and the API key reaches no other host.
func TestAnswers_redirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			elsewhere := httptest.NewServer(w.api.Elsewhere())
			t.Cleanup(elsewhere.Close)
			for _, operation := range []string{sandbox.OperationCreate, sandbox.OperationUpload} {
				w.api.Inject(sandbox.Fault{Operation: operation, Status: status, Redirect: elsewhere.URL, Times: 3})
			}
			b := w.start()
			w.produce(load{records: 200})
			w.settle(b)
			w.judge()
		})
	}
}

// A 429 is obeyed in both of its forms, never tried before its time (the
// sandbox tells), and only its own namespace waits. What makes no sense is
// capped or passed over.
func TestAnswers_retryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.env["BRIDGE_SHUTDOWN_TIMEOUT"] = "1s"
	throttle := func(namespace string, f sandbox.Fault) {
		f.Operation, f.Namespace, f.Status = sandbox.OperationCreate, namespace, http.StatusTooManyRequests
		w.api.Inject(f)
	}
	namespaces := []string{"seconds", "date", "negative", "word", "absurd", "none"}
	throttle("seconds", sandbox.Fault{RetryAfter: 2 * time.Second, Times: 2})
	throttle("date", sandbox.Fault{RetryAfter: 2 * time.Second, RetryAfterDate: true, Times: 2})
	throttle("negative", sandbox.Fault{Header: map[string]string{"Retry-After": "-5"}, Times: 2})
	throttle("word", sandbox.Fault{Header: map[string]string{"Retry-After": "soon"}, Times: 2})
	throttle("absurd", sandbox.Fault{Header: map[string]string{"Retry-After": "99999999999999999999"}, Times: 1})
	const each = 20
	w.produce(load{records: each * len(namespaces), namespace: func(i int) string { return namespaces[i%len(namespaces)] }})
	b := w.start()
	w.eventually("all but one namespace are stored", func() bool { return w.truth.Missing() == each })
	w.wantCappedWait(b, "absurd")
	b.terminate() // its code tells that something was left: not of interest here
	b = w.start() // a new process knows of no Retry-After
	w.settle(b)
	w.judge()
}

// wantCappedWait requires that a namespace waits, for an hour at most.
func (w *world) wantCappedWait(b *bridge, namespace string) {
	w.t.Helper()
	for _, n := range b.status().Namespaces {
		if n.Name != namespace {
			continue
		}
		if n.NextAttemptAt == nil {
			w.t.Errorf("%s waits for nothing: %+v", namespace, n)
		} else if in := time.Until(*n.NextAttemptAt); in < 50*time.Minute || in > time.Hour {
			w.t.Errorf("%s is tried again in %s, want an hour at most", namespace, in)
		}
		return
	}
	w.t.Errorf("/status does not list %s", namespace)
}

// Each status that refuses for good holds its namespace and no other; after a
// restart nothing that was stored is sent again.
func TestRefusedNamespace_everyStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	statuses := []int{400, 404, 405, 410, 413, 422}
	names := []string{"ns-good", "ns-better"}
	for _, status := range statuses {
		name := fmt.Sprintf("ns-%d", status)
		names = append(names, name)
		w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Namespace: name, Status: status})
	}
	w.produce(load{records: 40 * len(names), namespace: func(i int) string { return names[i/2%len(names)] }})
	refused := 40 * len(statuses)
	b := w.start()
	w.eventually("the others are stored", func() bool { return w.truth.Missing() == refused })
	held := func(b *bridge) func() bool {
		return func() bool { return b.metric("namespaces_held") == float64(len(statuses)) }
	}
	w.eventually("each refused namespace is held", held(b))
	b.stop()
	b = w.start()
	w.eventually("each is held again", held(b))
	w.api.ClearFaults()
	w.settle(b)
	w.judge()
}
