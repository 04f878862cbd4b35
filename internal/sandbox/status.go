package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
)

// state is where a request id stands: queued, uploading, ingesting, succeeded
// or failed. It moves on by itself. Call with a.mu held.
func (a *API) state(u *upload) string {
	switch {
	case u.stored && a.opts.Now().Before(u.ingest.done):
		return "ingesting"
	case u.stored:
		return u.ingest.verdict
	case u.uploading > 0:
		return "uploading"
	}
	return "queued"
}

// lookUp answers and returns nil unless the request id exists in its namespace.
// The upload returned is a copy.
func (a *API) lookUp(w http.ResponseWriter, r *http.Request, fault *effect) (*upload, string) {
	if fault.interrupt(w, r) || !a.admit(w, r, r.PathValue("namespace")) || fault.replace(w, r) {
		return nil, ""
	}
	u, state := a.standing(r.PathValue("id"))
	if u == nil || u.namespace != r.PathValue("namespace") {
		writeError(w, http.StatusNotFound, "no such request")
		return nil, ""
	}
	return u, state
}

// standing is a copy of an upload and its state; nil if there is none.
func (a *API) standing(id string) (*upload, string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u := a.uploads[id]
	if u == nil {
		return nil, ""
	}
	copied := *u
	return &copied, a.state(u)
}

// addObject takes a single object, as one stored object of one line.
func (a *API) addObject(w http.ResponseWriter, r *http.Request) {
	namespace := r.PathValue("namespace")
	if !a.admit(w, r, namespace) {
		return
	}
	var request struct {
		Data json.RawMessage `json:"data"`
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err == nil {
		err = json.Unmarshal(body, &request)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, "body is not a JSON object")
		return
	}
	line, err := oneLine(request.Data)
	if err != nil {
		writeError(w, http.StatusBadRequest, "data "+err.Error())
		return
	}
	u, _, _ := a.open(namespace, a.storeBase(r), nil)
	if _, err := a.keep(u, line, false); err != nil {
		writeError(w, http.StatusInternalServerError, "cannot store the object")
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"requestId": u.id, "status": "accepted"})
}
