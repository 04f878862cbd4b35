package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// imported is what /status says of imports.
type imported struct {
	Imports []struct {
		RequestID  string  `json:"request_id"`
		Namespace  string  `json:"namespace"`
		Records    int     `json:"records"`
		Status     string  `json:"status"`
		FinishedAt *string `json:"finished_at"`
	} `json:"imports"`
	Followed int     `json:"imports_followed"`
	Error    *string `json:"imports_error"`

	ReceiptsError *string `json:"receipts_error"`
}

func (b *bridge) imports() (i imported) {
	b.w.t.Helper()
	if text := b.page("/status", "{"); text != "" {
		if err := json.Unmarshal([]byte(text), &i); err != nil {
			b.w.t.Errorf("/status is no JSON: %v", err)
		}
	}
	return i
}

// TestImports_areFollowedToTheirEnd: what the API makes of each import is in
// /status, in a metric and, where it failed, in one log line, without the API's
// own text, which echoes records; bridge import prints that. What fails was
// received: its offsets are committed all the same.
func TestImports_areFollowedToTheirEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationIngest, Namespace: "ns-01", Verdict: sandbox.VerdictFailed, Summary: "quota: " + secretContent})
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationIngest, Namespace: "ns-02", Verdict: sandbox.VerdictSucceeded, Summary: "1 of 9: " + secretContent})
	w.produce(load{records: 3000})
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("every import has come to its end", func() bool { return b.imports().Followed == 0 })

	verdicts := map[string]string{"ns-00": "succeeded", "ns-01": "failed", "ns-02": "succeeded_with_errors", "ns-03": "succeeded", "ns-04": "succeeded"}
	failed := ""
	for _, i := range b.imports().Imports {
		if i.Status != verdicts[i.Namespace] || i.FinishedAt == nil || i.Records == 0 {
			t.Errorf("an import of %s is shown as %+v", i.Namespace, i)
		}
		if i.Status == "failed" {
			failed = i.RequestID
		}
	}
	objects := map[string]float64{}
	for _, o := range w.api.Objects() {
		objects[o.Namespace]++
	}
	for namespace, status := range verdicts {
		if got := b.metric("imports_finished_total", `namespace="`+namespace+`"`, `status="`+status+`"`); got != objects[namespace] || got == 0 {
			t.Errorf("%v imports of %s are counted as %s, want %v", got, namespace, status, objects[namespace])
		}
	}
	all, _ := w.objects()
	b.expect(map[string]float64{"import_finish_seconds_count": all, "imports_followed": 0, "oldest_followed_import_age_seconds": 0})
	out, code := w.command("import", "ns-01", failed)
	if code != 1 || !strings.Contains(out, "status      failed") || !strings.Contains(out, "summary     quota: "+secretContent) {
		t.Errorf("bridge import ended with %d and printed %s", code, out)
	}
	b.stop()
	if told := strings.Count(b.logged(), "import failed after it was stored"); told != int(objects["ns-01"]) {
		t.Errorf("%d lines tell of %v failed imports", told, objects["ns-01"])
	}
	w.judge()
}

// TestImports_aKeyThatMayNotReadHoldsNothing: that nobody tells what becomes of
// imports is told once, and everything else goes on.
func TestImports_aKeyThatMayNotReadHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationStatus, Status: http.StatusForbidden})
	w.produce(load{records: 2000})
	b := w.start()
	w.eventually("/status says that nobody tells what becomes of imports", func() bool { return b.imports().Error != nil })
	w.produce(load{records: 1000})
	w.waitStored()
	w.waitCommitted(w.topic)
	if refused := b.metric("credentials_refused"); refused != 0 || !b.ready() {
		t.Errorf("credentials_refused is %v", refused)
	}
	b.stop()
	if told := strings.Count(b.logged(), "does not tell what becomes of imports"); told != 1 {
		t.Errorf("told %d times", told)
	}
	w.judge()
}

// command runs another command of the binary in the world's environment.
func (w *world) command(args ...string) (stdout string, code int) {
	w.t.Helper()
	cmd := exec.CommandContext(w.context(), bridgeBinary(w.t), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for k, v := range w.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatalf("run bridge %v: %v", args, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}
