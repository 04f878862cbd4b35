package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A reply is the API's answer to one call. header and text are set for 2xx only.
type reply struct {
	answer
	header http.Header
	text   []byte
}

// call makes one call to the API with the key, and once more if that is refused
// and reading the credentials again brings others. send makes one request with a
// key.
func (c *Client) call(send func(key string) reply) reply {
	key := c.cfg.Key.Value()
	r := send(key)
	if r.class != Unauthorised {
		return r
	}
	changed, err := c.cfg.Key.Reload()
	// Another attempt may have reloaded it first: compare with what was sent.
	if now := c.cfg.Key.Value(); changed || now != key {
		return send(now)
	}
	if err != nil {
		r.err = fmt.Errorf("%w; reload credentials: %w", r.err, err)
	}
	return r
}

// request sends one request to the API and reads its answer within the time.
func (c *Client) request(ctx context.Context, operation string, target *url.URL, key string, patience time.Duration, guard func() error) reply {
	if err := ask(guard); err != nil {
		return reply{answer: answer{class: Cancelled, err: err}}
	}
	attempt, cancel := context.WithTimeoutCause(ctx, patience, errTooLong)
	defer cancel()
	var t trip
	start := time.Now()
	resp, err := c.api.RoundTrip(c.apiRequest(t.traced(attempt), operation, target, key))
	if err != nil {
		return reply{answer: c.unanswered(ctx, attempt, operation, start, err)}
	}
	defer c.api.leave(&t, resp.StatusCode)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer drain(resp.Body, cancel)
		return reply{answer: c.answered(operation, start, resp, "")}
	}
	defer resp.Body.Close()
	text, err := readAnswer(resp)
	if attempt.Err() != nil {
		return reply{answer: c.unanswered(ctx, attempt, operation, start, err)}
	}
	r := reply{c.answered(operation, start, resp, ""), resp.Header, text}
	switch {
	case err != nil:
		r.malformed(errors.New("answer ends early"))
	case len(text) > maxAnswerBytes:
		r.malformed(errors.New("answer is too long"))
	}
	return r
}

// readAnswer reads an answer's body, and one byte more of one that is too long.
func readAnswer(resp *http.Response) ([]byte, error) {
	if n := resp.ContentLength; n >= 0 && n <= maxAnswerBytes {
		text := make([]byte, n)
		_, err := io.ReadFull(resp.Body, text)
		return text, err
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
}

// malformed makes an answer one that the API does not document.
func (a *answer) malformed(err error) {
	a.class, a.reason, a.err = Malformed, ReasonMalformed, fmt.Errorf("status %d: %w", a.status, err)
}

// The values of headers that never change are shared by all requests.
var (
	valueJSON     = []string{"application/json"}
	valueContinue = []string{"100-continue"}
	valueAny      = []string{"*"}
	valueNone     = []string{}
)

// createBody is the body of the create call.
const createBody = "{}"

func createReader() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(createBody)), nil }

// apiRequest builds a request to the API: POST for the create call, GET for all
// others. What the bridge sets itself wins over the user's headers.
func (c *Client) apiRequest(ctx context.Context, operation string, target *url.URL, key string) *http.Request {
	custom := c.cfg.Headers()
	header := make(http.Header, len(custom)+4)
	for name, values := range custom {
		header[name] = values
	}
	header["Authorization"] = []string{"Bearer " + key}
	header["User-Agent"] = c.userAgent
	req := &http.Request{Method: http.MethodGet, URL: target, Host: target.Host, Header: header}
	if operation == OperationCreate {
		req.Method, req.ContentLength, req.GetBody = http.MethodPost, int64(len(createBody)), createReader
		req.Body, _ = createReader() // never fails
		header["Content-Type"] = valueJSON
		// Not sent, being empty: it allows the transport to repeat the call when
		// a kept connection turns out dead. An unused URL does no harm.
		header["Idempotency-Key"] = valueNone
	}
	return req.WithContext(ctx)
}
