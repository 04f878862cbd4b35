package importer

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The documented states of a request. Only the last three prove that the API
// has the upload; only the last two are final.
const (
	StatusPendingUpload = "pending_upload"
	StatusQueued        = "queued"
	StatusUploading     = "uploading"
	StatusIngesting     = "ingesting"
	StatusSucceeded     = "succeeded"
	StatusFailed        = "failed"

	// StatusOther stands for a state that is not documented, whose text is
	// not repeated.
	StatusOther = "other"
)

// Progress is the API's answer about a request.
type Progress struct {
	// Status is one of the Status constants.
	Status string
	// DataCount is the number of results, nil until the request succeeded.
	DataCount *int64
	// Summary is the API's own text about errors, "" if there is none. A
	// succeeded request may have one. It may echo contents of records: for a
	// terminal, never for a log, metric or page.
	Summary string
}

// Final reports whether the status will not change any more.
func (p Progress) Final() bool { return p.Status == StatusSucceeded || p.Status == StatusFailed }

// AskError is the reason why a question was not answered. Its text is safe for logs.
type AskError struct {
	// Status is the HTTP answer's, 0 if there was none.
	Status int
	// RetryAfter is what the answer asked for, capped at an hour; 0 if nothing.
	RetryAfter time.Duration

	cause error
}

func (e *AskError) Error() string { return "ask about the import: " + e.cause.Error() }

// Unwrap returns the cause; of a cancelled question it is the context's error.
func (e *AskError) Unwrap() error { return e.cause }

// Ask asks the API once how far a request is. It uses the call for results'
// download URLs, GET /v1/data/{namespace}/requests/{requestId}/results/download-url,
// whose answer has the same shape whatever their size. A refused key is read
// again as in Attempt. The metrics count it as OperationFollow. A non-nil error is an
// *AskError.
func (c *Client) Ask(ctx context.Context, namespace, requestID string) (Progress, error) {
	p, a := c.inquire(ctx, OperationFollow, namespace, requestID, c.cfg.CreateTimeout, nil)
	if a.class == Stored {
		return p, nil
	}
	c.metrics.retry(OperationFollow, a.reason)
	return Progress{}, &AskError{Status: a.status, RetryAfter: a.retryAfter, cause: a.err}
}

// inquire makes the call within the time. Stored means that there is an answer.
func (c *Client) inquire(ctx context.Context, operation, namespace, requestID string, patience time.Duration, guard func() error) (Progress, answer) {
	target, err := c.requestTarget(namespace, requestID)
	if err != nil {
		return Progress{}, answer{class: Refused, err: err}
	}
	r := c.call(func(key string) reply { return c.request(ctx, operation, target, key, patience, guard) })
	if r.class != Stored {
		return Progress{}, r.answer
	}
	p, err := parseProgress(r.text)
	if err != nil {
		r.unreadable(err)
	}
	return p, r.answer
}

// ValidRequestID reports whether id can name a request in a path.
func ValidRequestID(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= maxRequestIDBytes &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/\?#%`, r) })
}

// requestTarget returns the address of the call.
func (c *Client) requestTarget(namespace, requestID string) (*url.URL, error) {
	if !ValidRequestID(requestID) {
		return nil, errors.New("request id cannot stand in a path")
	}
	return c.target(requestsPath(c.Path())+requestID+"/results/download-url", namespace)
}

// parseProgress reads the answer to a question. Errors quote nothing.
func parseProgress(answer []byte) (Progress, error) {
	var fields struct {
		Status  string          `json:"status"`
		Count   *int64          `json:"data_count"`
		Summary json.RawMessage `json:"error_summary"`
	}
	if json.Unmarshal(answer, &fields) != nil {
		return Progress{}, errors.New("answer is not the documented JSON")
	}
	if fields.Status == "" {
		return Progress{}, errors.New("answer has no status")
	}
	p := Progress{Status: fields.Status, DataCount: fields.Count, Summary: summary(fields.Summary)}
	if !slices.Contains([]string{StatusPendingUpload, StatusQueued, StatusUploading, StatusIngesting, StatusSucceeded, StatusFailed}, p.Status) {
		p.Status = StatusOther
	}
	return p, nil
}

// summary is the text of an error summary: as it is where it is no string.
func summary(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text // null too
	}
	return string(raw)
}
