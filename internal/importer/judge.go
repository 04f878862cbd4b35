package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"kafka-import-bridge/internal/http1"
)

// answer is the result of one request, before it is counted against its import.
type answer struct {
	class      Class
	status     int
	reason     string
	retryAfter time.Duration
	hopeless   bool  // the API says that to try again does not help
	err        error // without the operation's name
}

// answered judges a request whose answer's header has arrived, and counts it.
func (c *Client) answered(operation string, start time.Time, resp *http1.Response, code string) answer {
	c.metrics.request(operation, resp.Status, time.Since(start))
	a := answer{status: resp.Status}
	a.class, a.reason = classify(operation, resp.Status, code)
	if a.class == Stored {
		return a
	}
	if a.class == Refused && isPage(resp.Header) && resp.Status != http.StatusRequestEntityTooLarge {
		a.class, a.reason = Malformed, ReasonMalformed
	}
	a.class, a.reason = hinted(operation, resp.Header, a.class, a.reason)
	a.hopeless = operation != OperationUpload && strings.EqualFold(resp.Header.Get("X-Should-Retry"), "false")
	a.retryAfter = parseRetryAfter(resp.Header, c.cfg.Now())
	a.err = fmt.Errorf("status %d", resp.Status)
	if code != "" {
		a.err = fmt.Errorf("status %d (%s)", resp.Status, code)
	}
	return a
}

// unanswered judges a request that failed without an answer, and counts it
// unless the caller's context ended it.
func (c *Client) unanswered(ctx context.Context, operation string, start time.Time, err error) answer {
	if ctx.Err() != nil {
		return answer{class: Cancelled, err: contextError(ctx)}
	}
	c.metrics.request(operation, 0, time.Since(start))
	a := answer{class: RetryLater, reason: networkReason(err), err: errors.New(describe(err))}
	if operation == OperationUpload {
		a.class = RetrySame
	}
	return a
}

// contextError keeps both what ended a context and why.
func contextError(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, ctx.Err()) {
		return fmt.Errorf("%w: %w", ctx.Err(), cause)
	}
	return context.Cause(ctx)
}

// succeeded ends a row of failures.
func (c *Client) succeeded(i *Import, operation string, a answer) Outcome {
	*i.failures.of(operation) = 0
	return Outcome{Class: Stored, Operation: operation, Status: a.status, RequestID: i.requestID}
}

// failed counts a failure against its import and words it. A cancelled attempt
// is none.
func (c *Client) failed(i *Import, operation string, a answer) Outcome {
	out := Outcome{
		Class: a.class, Operation: operation, Status: a.status, RequestID: i.requestID,
		Err: fmt.Errorf("%s %s: %w", verbs[operation], i.name(), a.err),
	}
	if a.class == Cancelled {
		return out
	}
	failures := i.failures.of(operation)
	*failures++
	out.Reason, out.RetryAfter, out.Throttled = a.reason, a.retryAfter, a.status == http.StatusTooManyRequests
	out.Delay = c.delay(*failures, a.retryAfter)
	if a.hopeless {
		out.Delay = max(out.Delay, c.cfg.MaxBackoff)
	}
	c.metrics.retry(operation, a.reason)
	return out
}

var verbs = map[string]string{
	OperationCreate: "create upload URL for",
	OperationUpload: "upload batch of",
	OperationAsk:    "ask for the upload of",
}

// name is the namespace as errors show it: a bad one is not repeated.
func (i *Import) name() string {
	if !validNamespace(i.namespace) {
		return "an invalid namespace"
	}
	return i.namespace
}
