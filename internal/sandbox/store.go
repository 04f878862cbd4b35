package sandbox

import (
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxObjectBytes is the largest object that is taken. S3 takes 5 GiB.
const maxObjectBytes = 1 << 30

// Store serves the object store: PUT to an upload URL, GET of a download URL.
func (a *API) Store() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			a.violate("token", "a token was sent to the store")
		}
		switch r.Method {
		case http.MethodPut:
			a.put(w, r)
		case http.MethodGet:
			a.getResults(w, r)
		default:
			a.violate("method", "%s to the store", r.Method)
			writeXMLError(w, http.StatusMethodNotAllowed, "MethodNotAllowed")
		}
	})
}

// put checks a PUT as S3 does and stores its body.
func (a *API) put(w http.ResponseWriter, r *http.Request) {
	u := a.find(requestID(r.URL.Path))
	if u == nil {
		a.violate("url", "PUT to a URL that was never handed out")
		writeXMLError(w, http.StatusForbidden, string(verdictAltered))
		return
	}
	condition := r.Header.Get("If-None-Match")
	call, fault := a.arrive(Request{Operation: OperationUpload, Namespace: u.namespace, RequestID: u.id, Conditional: condition != ""})
	defer a.leave(call)
	w = call.watch(w)
	a.wire(u, 1)
	defer a.wire(u, -1)
	if u.doomed {
		reset(w, r, 0)
		return
	}
	if !a.acceptable(w, r) || fault.interrupt(w, r) || fault.replace(w, r) {
		return
	}
	body := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, body); err != nil {
		return // an incomplete body stores nothing
	}
	call.received(len(body))
	there, err := a.keep(u, body, condition != "" && !fault.ignoresCondition())
	if err != nil {
		writeXMLError(w, http.StatusInternalServerError, "InternalError")
		return
	}
	if fault.afterwards(w, r) {
		return
	}
	if there {
		writeXMLError(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	w.Header().Set("ETag", strconv.Quote(fmt.Sprintf("%x", u.sum[:16])))
	w.WriteHeader(http.StatusOK)
}

// acceptable answers and returns false unless the headers of a PUT are in order.
func (a *API) acceptable(w http.ResponseWriter, r *http.Request) bool {
	typed := r.Header.Get("Content-Type") == contentType
	if !typed {
		a.violate("content-type", "PUT with Content-Type %.80q", r.Header.Get("Content-Type"))
	}
	if r.ContentLength < 0 || len(r.TransferEncoding) > 0 {
		a.violate("chunked", "PUT without Content-Length")
	}
	if condition := r.Header.Values("If-None-Match"); len(condition) > 1 || len(condition) == 1 && condition[0] != "*" {
		a.violate("condition", "PUT with If-None-Match %.80q", condition)
	}
	switch refused := a.signer.verify(r, a.opts.Now()); {
	case refused == verdictExpired:
		writeXMLError(w, http.StatusForbidden, string(verdictUnsigned))
	case refused != "":
		if typed {
			a.violate("url", "PUT to an altered upload URL")
		}
		writeXMLError(w, http.StatusForbidden, string(refused))
	case r.ContentLength < 0 || len(r.TransferEncoding) > 0:
		writeXMLError(w, http.StatusLengthRequired, "MissingContentLength")
	case r.ContentLength > maxObjectBytes:
		a.violate("size", "PUT of %d bytes", r.ContentLength)
		writeXMLError(w, http.StatusBadRequest, "EntityTooLarge")
	default:
		return true
	}
	return false
}

// keep stores a complete body: the last writer wins, unless one is only to be
// stored if none is there. The first one of a URL is told to OnStored.
func (a *API) keep(u *upload, body []byte, onlyNew bool) (there bool, err error) {
	if onlyNew && a.has(u) {
		return true, nil
	}
	sum, ids, lines, problem := a.check(body)
	if problem != nil {
		a.violate("body", "object %s of %s: %v", u.id, u.namespace, problem)
	}
	if err := a.writeFile(u, body); err != nil {
		return false, err
	}
	object, first, changed := a.complete(u, body, sum, ids, lines, problem)
	if changed {
		a.violate("overwrite", "the URL of %s was used for different bytes", u.id)
	}
	if first && a.opts.OnStored != nil {
		a.opts.OnStored(object)
	}
	return false, nil
}

func (a *API) has(u *upload) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return u.stored
}

func (a *API) check(body []byte) (sum [32]byte, ids []string, lines int, problem error) {
	if a.opts.SkipLineChecks {
		return sum, nil, countLines(body), nil
	}
	ids, problem = ParseLines(body)
	return sha256.Sum256(body), ids, len(ids), problem
}

// complete records the object. The one returned carries body and ids whatever
// the options say.
func (a *API) complete(u *upload, body []byte, sum [32]byte, ids []string, lines int, problem error) (object Object, first, changed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, changed = !u.stored, u.stored && u.sum != sum
	object = Object{Namespace: u.namespace, RequestID: u.id, Body: body, IDs: ids, Bytes: int64(len(body)), Lines: lines, At: a.opts.Now()}
	if first {
		a.objects = append(a.objects, u)
	} else {
		object.At, object.Overwrites = u.object.At, u.object.Overwrites+1
	}
	u.stored, u.sum, u.object, u.ingest = true, sum, object, a.judge(u.namespace, object.At, problem)
	if a.opts.Discard || a.opts.Dir != "" && !a.opts.Keep {
		u.object.Body, u.object.IDs = nil, nil
	}
	return object, first, changed
}

// writeFile puts the object where people look for it, never half of it.
func (a *API) writeFile(u *upload, body []byte) error {
	if a.opts.Dir == "" {
		return nil
	}
	name := a.fileName(u)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make namespace folder: %w", err)
	}
	partial, err := os.CreateTemp(filepath.Dir(name), ".partial-*")
	if err != nil {
		return fmt.Errorf("create object file: %w", err)
	}
	_, err = partial.Write(body)
	if closeErr := partial.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(partial.Name(), name)
	}
	if err != nil {
		_ = os.Remove(partial.Name())
		return fmt.Errorf("write object file: %w", err)
	}
	return nil
}

func (a *API) fileName(u *upload) string {
	return filepath.Join(a.opts.Dir, u.namespace, u.id+".jsonl")
}

func (a *API) find(id string) *upload {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.uploads[id]
}

func (a *API) wire(u *upload, change int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u.uploading += change
}

// requestID is the base name of an object's path.
func requestID(path string) string {
	return strings.TrimSuffix(path[strings.LastIndexByte(path, '/')+1:], ".jsonl")
}

// writeXMLError answers as S3 does and closes the connection: what the client
// still sends is not read.
func writeXMLError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, xml.Header+"<Error><Code>"+code+"</Code></Error>") // ditto
}
