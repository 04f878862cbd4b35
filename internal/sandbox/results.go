package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

// maxInlineResults is how many bytes of results a status answer may hold.
const maxInlineResults = 5 << 20

// result is the outcome of one object of an import. The sandbox evaluates
// nothing: each result is empty.
type result struct {
	ID     string `json:"id"`
	URL    string `json:"url"`
	Output output `json:"output"`
}

type output struct {
	Actions []any          `json:"actions"`
	Fields  map[string]any `json:"fields"`
	Labels  []any          `json:"labels"`
}

// results are those of a stored upload, in the order of its lines.
func (a *API) results(u *upload) ([]result, error) {
	body := u.object.Body
	if body == nil && a.opts.Dir != "" {
		var err error
		if body, err = os.ReadFile(a.fileName(u)); err != nil {
			return nil, fmt.Errorf("read object file: %w", err)
		}
	}
	ids, _ := ParseLines(body) // lines with a fault have no result
	list := make([]result, len(ids))
	for i, id := range ids {
		list[i] = result{id, "sandbox://" + u.namespace + "/" + id, output{[]any{}, map[string]any{}, []any{}}}
	}
	return list, nil
}

// getResults serves a download URL: the results as JSONL.
func (a *API) getResults(w http.ResponseWriter, r *http.Request) {
	if a.signer.verify(r, a.opts.Now()) != "" {
		writeXMLError(w, http.StatusForbidden, string(verdictUnsigned))
		return
	}
	u, state := a.standing(requestID(r.URL.Path))
	if u == nil || state != VerdictSucceeded {
		writeXMLError(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	list, err := a.results(u)
	if err != nil {
		writeXMLError(w, http.StatusInternalServerError, "InternalError")
		return
	}
	w.Header().Set("Content-Type", contentType)
	lines := json.NewEncoder(w)
	for _, one := range list {
		if lines.Encode(one) != nil {
			return // the client is gone
		}
	}
}

// requestStatus answers how far an import is, and its results if they are few.
func (a *API) requestStatus(w http.ResponseWriter, r *http.Request) {
	call, fault := a.arrive(Request{Operation: OperationStatus, Namespace: r.PathValue("namespace"), RequestID: r.PathValue("id")})
	defer a.leave(call)
	w = call.watch(w)
	u, state := a.lookUp(w, r, fault)
	if u == nil {
		return
	}
	answer := map[string]any{"data": []result{}, "namespace": u.namespace, "request_id": u.id, "status": state}
	if summary := u.ingest.summary; summary != "" && ended(state) {
		answer["error_summary"] = summary
	}
	if state == VerdictSucceeded {
		list, err := a.results(u)
		if err != nil {
			writeError(w, http.StatusInternalServerError, "cannot read the object")
			return
		}
		answer["data"] = list
	}
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(answer); err != nil || text.Len() > maxInlineResults {
		writeError(w, http.StatusRequestEntityTooLarge, "the results are larger than 5 MiB: use results/download-url")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(text.Bytes()) // the client is gone: nothing to do
}

// downloadURL answers where the results of an import lie: nulls until it succeeded.
func (a *API) downloadURL(w http.ResponseWriter, r *http.Request) {
	call, fault := a.arrive(Request{Operation: OperationStatus, Namespace: r.PathValue("namespace"), RequestID: r.PathValue("id")})
	defer a.leave(call)
	w = call.watch(w)
	u, state := a.lookUp(w, r, fault)
	if u == nil {
		return
	}
	answer := map[string]any{
		"data_count": nil, "data_expires_at": nil, "data_url": nil,
		"namespace": u.namespace, "request_id": u.id, "status": state,
	}
	if summary := u.ingest.summary; summary != "" && ended(state) {
		answer["error_summary"] = summary
	}
	if state == VerdictSucceeded {
		now := a.opts.Now()
		answer["data_count"] = u.object.Lines
		answer["data_expires_at"] = now.Add(a.opts.URLLife).UTC().Format(time.RFC3339)
		answer["data_url"] = a.signer.presign(http.MethodGet, a.storeBase(r)+"/"+objectKey(u.namespace, u.id), "", now, a.opts.URLLife)
	}
	writeJSON(w, http.StatusOK, answer)
}
