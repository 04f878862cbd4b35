package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// The store takes a body and its answer is lost. Where the API or the store can
// tell, no body is taken twice, whatever the store makes of a condition; where
// neither can, the bridge says so.
func TestLostAnswers_areEvaluatedOnce(t *testing.T) {
	deaf := sandbox.Fault{Operation: sandbox.OperationStatus, Status: http.StatusNotFound}
	refuses := func(status int) sandbox.Fault {
		return sandbox.Fault{Operation: sandbox.OperationUpload, Conditional: true, Status: status}
	}
	ignores := sandbox.Fault{Operation: sandbox.OperationUpload, Conditional: true, IgnoreCondition: true}
	for _, tc := range []struct {
		name   string
		faults []sandbox.Fault
		how    string // of the repeats that are avoided; empty: none is
	}{
		{"the API tells", nil, "asked"},
		{"the API tells and the store refuses", []sandbox.Fault{refuses(501)}, "asked"},
		{"the API tells and the store ignores", []sandbox.Fault{ignores}, "asked"},
		{"the store tells", []sandbox.Fault{deaf}, "conditional"},
		{"nobody tells and 501", []sandbox.Fault{deaf, refuses(501)}, ""},
		{"nobody tells and 403", []sandbox.Fault{deaf, refuses(403)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			for _, f := range tc.faults {
				w.api.Inject(f)
			}
			w.api.Inject(sandbox.Fault{Operation: sandbox.OperationUpload, Reset: sandbox.ResetAfter, Times: 6})
			b := w.start()
			w.produce(load{records: 4000})
			w.waitStored()
			w.waitCommitted(w.topic)
			avoided, possible := b.metric("import_repeats_avoided_total"), b.metric("import_possible_repeats_total")
			if tc.how == "" {
				if avoided != 0 || possible == 0 {
					t.Errorf("%v repeats avoided and %v possible, want none avoided", avoided, possible)
				}
				b.wantSaid("a batch may be stored twice")
				w.mayRepeat = true
			} else if of := b.metric("import_repeats_avoided_total", `how="`+tc.how+`"`); of == 0 || of != avoided || possible != 0 {
				t.Errorf("%v repeats avoided (%v of them %s) and %v possible, want none possible", avoided, of, tc.how, possible)
			}
			b.stop()
			w.judge()
		})
	}
}

// The names of the create call come and go; the bridge uses the one that answers,
// says which, and makes no call under the other.
func TestImportPath_isFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	b := w.start()
	calls := func(path string) (n int) {
		for _, r := range w.api.Requests() {
			if r.Operation == sandbox.OperationCreate && r.Path == path {
				n++
			}
		}
		return n
	}
	round := func(gone, used string, status int) {
		t.Helper()
		w.api.ClearFaults()
		if gone != "" {
			w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Path: gone, Status: status})
		}
		w.produce(load{records: 300})
		w.waitStored()
		unused := calls(gone)
		w.produce(load{records: 300})
		w.waitStored()
		if n := calls(gone) - unused; n != 0 {
			t.Errorf("%d calls under the name %q that is gone", n, gone)
		}
		if _, page := b.get("/status"); !strings.Contains(page, "/"+used+`"`) {
			t.Errorf("/status does not show the name %q", used)
		}
	}
	round("", sandbox.PathImport, 0)
	round(sandbox.PathImport, sandbox.PathUploadURL, http.StatusNotFound)
	round("", sandbox.PathUploadURL, 0)
	round(sandbox.PathUploadURL, sandbox.PathImport, http.StatusGone)
	if n := strings.Count(b.logged(), "the import API answers under the other name"); n != 2 {
		t.Errorf("the log tells %d times of another name, want 2", n)
	}
	w.waitCommitted(w.topic)
	b.stop()
	w.judge()
}

// An API that does not know the call, such as a wrong address, is no reason for
// dead letters: everything waits, and goes on once it is known.
func TestMissingAPI_makesNoDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.deadLetterTopic()
	w.env["BRIDGE_ON_REJECTED"] = "dlq"
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Status: http.StatusNotFound, Body: "<html>no such host here"})
	b := w.start()
	w.produce(load{records: 2000})
	w.eventually("the API is told as missing", func() bool { return b.metric("api_missing") == 1 })
	if _, page := b.get("/status"); !strings.Contains(page, `"api_error": "the import API does not know the call`) {
		t.Errorf("/status does not tell: %.2000s", page)
	}
	w.api.ClearFaults()
	w.settle(b)
	if ends := w.ends(w.env["BRIDGE_DLQ_TOPIC"]); ends[0] != 0 {
		t.Errorf("%d dead letters", ends[0])
	}
	w.judge()
}

// A store whose bucket is gone says nothing of the batches either: other URLs are
// asked for, the other namespaces go on, and nothing becomes a dead letter.
func TestMissingStore_makesNoDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.deadLetterTopic()
	w.env["BRIDGE_ON_REJECTED"] = "dlq"
	statuses := []int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone}
	names := []string{"ns-good"}
	for _, status := range statuses {
		name := fmt.Sprintf("ns-%d", status)
		names = append(names, name)
		w.api.Inject(sandbox.Fault{Operation: sandbox.OperationUpload, Namespace: name, Status: status})
	}
	b := w.start()
	w.produce(load{records: 40 * len(names), namespace: func(i int) string { return names[i/2%len(names)] }})
	w.eventually("the other namespace is stored", func() bool { return w.truth.Missing() == 40*len(statuses) })
	w.eventually("each of the others has tried several URLs", func() bool { return b.metric("import_retries_total") >= float64(3*len(statuses)) })
	w.api.ClearFaults()
	w.waitStored()
	if ends, rejected := w.ends(w.env["BRIDGE_DLQ_TOPIC"]), b.metric("records_rejected_total"); ends[0] != 0 || rejected != 0 {
		t.Errorf("%d dead letters, %v records are counted as rejected", ends[0], rejected)
	}
	w.settle(b)
	w.judge()
}
