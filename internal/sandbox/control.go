package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Control serves what switches faults on and shows what arrived:
//
//	POST   /control/faults      one Fault, or a list of them, as JSON
//	GET    /control/faults      those that may still hit
//	DELETE /control/faults      ends all
//	GET    /control/objects     what is stored, without bodies
//	GET    /control/requests    the calls that arrived; ?namespace= filters
//	DELETE /control/requests/ID the API no longer knows this request
//	GET    /control/violations  what a correct client never does
//
// It asks for no key: serve it on loopback only.
func (a *API) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /control/faults", a.postFaults)
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, a.Faults())
	})
	mux.HandleFunc("DELETE /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		a.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /control/objects", a.getObjects)
	mux.HandleFunc("GET /control/requests", a.getRequests)
	mux.HandleFunc("DELETE /control/requests/{id}", func(w http.ResponseWriter, r *http.Request) {
		if !a.Forget(r.PathValue("id")) {
			writeError(w, http.StatusNotFound, "no such request")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /control/violations", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, a.Violations())
	})
	return mux
}

func (a *API) postFaults(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		writeError(w, http.StatusBadRequest, "cannot read the body")
		return
	}
	faults, err := ParseFaults(body)
	if err != nil {
		writeError(w, http.StatusBadRequest, err.Error())
		return
	}
	for _, f := range faults {
		a.Inject(f)
	}
	writeJSON(w, http.StatusOK, a.Faults())
}

// ParseFaults reads one fault, or a list of them, from JSON and validates them.
func ParseFaults(text []byte) ([]Fault, error) {
	var faults []Fault
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte{'['}) {
		text = slices.Concat([]byte{'['}, text, []byte{']'})
	}
	if err := json.Unmarshal(text, &faults); err != nil {
		return nil, fmt.Errorf("parse faults: %w", err)
	}
	if len(faults) == 0 {
		return nil, errors.New("parse faults: there is none")
	}
	for i, f := range faults {
		if err := f.Validate(); err != nil {
			return nil, fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return faults, nil
}

// objectSummary is an object as the control endpoint lists it.
type objectSummary struct {
	Namespace  string    `json:"namespace"`
	RequestID  string    `json:"requestId"`
	Bytes      int64     `json:"bytes"`
	Lines      int       `json:"lines"`
	At         time.Time `json:"at"`
	Overwrites int       `json:"overwrites"`
	// Evaluations is how many bodies were taken under the URL.
	Evaluations int `json:"evaluations"`
}

func (a *API) getObjects(w http.ResponseWriter, r *http.Request) {
	namespace := r.URL.Query().Get("namespace")
	list := []objectSummary{}
	for _, o := range a.Objects() {
		if namespace == "" || o.Namespace == namespace {
			list = append(list, objectSummary{o.Namespace, o.RequestID, o.Bytes, o.Lines, o.At, o.Overwrites, o.Evaluations()})
		}
	}
	writeJSON(w, http.StatusOK, list)
}

func (a *API) getRequests(w http.ResponseWriter, r *http.Request) {
	namespace := r.URL.Query().Get("namespace")
	list := []Request{}
	for _, request := range a.Requests() {
		if namespace == "" || request.Namespace == namespace {
			list = append(list, request)
		}
	}
	writeJSON(w, http.StatusOK, list)
}
