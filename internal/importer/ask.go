package importer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// OperationFollow is the metrics' label of the questions what became of an
// import that is stored.
const OperationFollow = "follow"

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

// Progress is what the API says of a request.
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

// AskError says why a question was not answered. Its text is safe for logs.
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
// again as in Attempt. The operation is the metrics' label. A non-nil error is
// an *AskError.
func (c *Client) Ask(ctx context.Context, operation, namespace, requestID string) (Progress, error) {
	target, err := c.requestURL(namespace, requestID)
	if err != nil {
		return Progress{}, &AskError{cause: err}
	}
	key := c.cfg.Key.Value()
	p, err := c.ask(ctx, operation, target, key)
	var failed *AskError
	if errors.As(err, &failed) && (failed.Status == http.StatusUnauthorized || failed.Status == http.StatusForbidden) {
		_, reloadErr := c.cfg.Key.Reload()
		if now := c.cfg.Key.Value(); now != key {
			return c.ask(ctx, operation, target, now)
		} else if reloadErr != nil {
			failed.cause = fmt.Errorf("%w; reload key: %w", failed.cause, reloadErr)
		}
	}
	return p, err
}

// ValidRequestID reports whether id can name a request in a path.
func ValidRequestID(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= maxRequestIDBytes &&
		!strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/\?#%`, r) })
}

func (c *Client) requestURL(namespace, requestID string) (*url.URL, error) {
	if !validNamespace(namespace) {
		return nil, errors.New("namespace is not made of letters, digits, _ and -")
	}
	if !ValidRequestID(requestID) {
		return nil, errors.New("request id cannot stand in a path")
	}
	u := *c.cfg.BaseURL
	u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/data/" + namespace + "/requests/" + requestID + "/results/download-url"
	return &u, nil
}

// ask makes one call.
func (c *Client) ask(ctx context.Context, operation string, target *url.URL, key string) (Progress, error) {
	attempt, cancel := context.WithTimeoutCause(ctx, c.cfg.CreateTimeout, errTooLong)
	defer cancel()
	start := time.Now()
	resp, err := c.transport.RoundTrip((&http.Request{
		Method: http.MethodGet, URL: target, Host: target.Host, Header: c.apiHeader(key),
	}).WithContext(attempt))
	if err != nil {
		a := c.unanswered(ctx, attempt, operation, start, err)
		c.metrics.retry(operation, a.reason)
		return Progress{}, &AskError{cause: a.err}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer drain(resp.Body, cancel)
		a := c.answered(operation, start, resp, "")
		c.metrics.retry(operation, a.reason)
		return Progress{}, &AskError{Status: a.status, RetryAfter: a.retryAfter, cause: a.err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if attempt.Err() != nil {
		a := c.unanswered(ctx, attempt, operation, start, err)
		c.metrics.retry(operation, a.reason)
		return Progress{}, &AskError{cause: a.err}
	}
	c.metrics.request(operation, resp.StatusCode, time.Since(start))
	p, malformed := parseProgress(text)
	if err != nil || len(text) > maxAnswerBytes {
		malformed = errors.New("answer ends early or is too long")
	}
	if malformed != nil {
		c.metrics.retry(operation, ReasonMalformed)
		return Progress{}, &AskError{Status: resp.StatusCode, cause: fmt.Errorf("status %d: %w", resp.StatusCode, malformed)}
	}
	return p, nil
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
