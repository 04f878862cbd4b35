package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// stored puts an object through the API and returns its request id.
func (w *checkWorld) stored(namespace string) string {
	w.t.Helper()
	base := w.env["SAFETYKIT_BASE_URL"]
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, base+"/v1/data/"+namespace, strings.NewReader(`{"data":{"id":"1"}}`))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+testKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	objects := w.api.Objects()
	return objects[len(objects)-1].RequestID
}

func (w *checkWorld) run(changes map[string]string, args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	var out, errs bytes.Buffer
	code = run(context.Background(), args, w.environ(changes), &out, &errs)
	return code, out.String(), errs.String()
}

func TestImport_printsTheVerdict(t *testing.T) {
	for _, tc := range []struct {
		name  string
		fault sandbox.Fault
		code  int
		want  []string
	}{
		{"succeeded", sandbox.Fault{Operation: "ingest"}, 0, []string{"status      succeeded", "results     1"}},
		{"with errors", sandbox.Fault{Operation: "ingest", Verdict: "succeeded", Summary: "1 of 2\x1b[31m not taken"}, 0,
			[]string{"status      succeeded", "summary     1 of 2\uFFFD[31m not taken"}},
		{"failed", sandbox.Fault{Operation: "ingest", Verdict: "failed", Summary: "quota"}, 1, []string{"status      failed", "results     none", "summary     quota"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newCheckWorld(t)
			w.api.Inject(tc.fault)
			id := w.stored("users")
			code, out, errs := w.run(nil, "import", "users", id)
			if code != tc.code || errs != "" {
				t.Errorf("exit code %d, want %d; stderr %q", code, tc.code, errs)
			}
			for _, want := range append(tc.want, "namespace   users", "request id  "+id) {
				if !strings.Contains(out, want+"\n") {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func TestImport_failures(t *testing.T) {
	w := newCheckWorld(t)
	for _, tc := range []struct {
		name    string
		changes map[string]string
		args    []string
		code    int
		want    string
	}{
		{"no such request", nil, []string{"users", "req_none"}, 1, "the API knows no such import"},
		{"a refused key", map[string]string{"SAFETYKIT_API_KEY": "sk_other_SECRETKEY"}, []string{"users", "req_none"}, 1, "may not read"},
		{"nobody there", map[string]string{"SAFETYKIT_BASE_URL": "http://127.0.0.1:1"}, []string{"users", "req_none"}, 1, "check SAFETYKIT_BASE_URL"},
		{"no request id", nil, []string{"users"}, 2, "usage:"},
		{"too much", nil, []string{"users", "req_1", "x"}, 2, "usage:"},
		{"a bad namespace", nil, []string{"a/b", "req_1"}, 2, "namespace wants"},
		{"a bad id", nil, []string{"users", "../x"}, 2, "is no request id"},
		{"a bad configuration", map[string]string{"BRIDGE_BATCH_MAX_AGE": "x"}, []string{"users", "req_1"}, 2, "BRIDGE_BATCH_MAX_AGE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, out, errs := w.run(tc.changes, append([]string{"import"}, tc.args...)...)
			if code != tc.code || out != "" || !strings.Contains(errs, tc.want) || strings.Contains(errs, "SECRET") {
				t.Errorf("exit code %d, want %d; stdout %q; stderr %q", code, tc.code, out, errs)
			}
		})
	}
}
