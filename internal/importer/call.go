package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"kafka-import-bridge/internal/http1"
)

// A reply is the API's answer to one call. header and text are set for 2xx only.
type reply struct {
	answer
	header http1.Header
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
	start := time.Now()
	r := c.apiRequest(operation, target, key)
	r.Until = start.Add(patience)
	resp, _, err := c.api.Do(ctx, r)
	if err != nil {
		return reply{answer: c.unanswered(ctx, operation, start, err)}
	}
	if resp.Status < 200 || resp.Status > 299 {
		defer drain(resp)
		return reply{answer: c.answered(operation, start, resp, "")}
	}
	defer resp.Close()
	text, err := readAnswer(resp)
	if ctx.Err() != nil || errors.Is(err, http1.ErrTooLong) {
		return reply{answer: c.unanswered(ctx, operation, start, err)}
	}
	told := reply{c.answered(operation, start, resp, ""), resp.Header, text}
	switch {
	case err != nil:
		told.malformed(errors.New("answer ends early"))
	case len(text) > maxAnswerBytes:
		told.malformed(errors.New("answer is too long"))
	}
	return told
}

// readAnswer reads an answer's body, and one byte more of one that is too long.
func readAnswer(resp *http1.Response) ([]byte, error) {
	if n := resp.Length; n >= 0 && n <= maxAnswerBytes {
		text := make([]byte, n)
		_, err := io.ReadFull(resp, text)
		return text, err
	}
	return io.ReadAll(io.LimitReader(resp, maxAnswerBytes+1))
}

// malformed makes an answer one that the API does not document.
func (a *answer) malformed(err error) {
	a.class, a.reason, a.err = Malformed, ReasonMalformed, fmt.Errorf("status %d: %w", a.status, err)
}

// unreadable makes a reply malformed whose text is not what was expected. Its header may
// say more of why than the text.
func (r *reply) unreadable(err error) {
	switch {
	case isPage(r.header):
		err = errors.New("it is a page of HTML, as a proxy makes it, and not the API's JSON")
	case r.header.Get("Content-Encoding") != "":
		err = errors.New("it is compressed, though the bridge asks for what is not")
	}
	r.malformed(err)
}

// Lines of headers that do not change.
var (
	contentJSON = http1.Field{Name: "Content-Type", Value: "application/json"}

	// A server may compress what it sends to a client that does not say so (RFC 9110,
	// section 12.5.3), and nothing here is ever inflated.
	uncompressed = http1.Field{Name: "Accept-Encoding", Value: "identity"}
)

// createBody is the body of the create call.
var createBody = [][]byte{[]byte("{}")}

// apiRequest builds a request to the API: POST for the create call, GET for all
// others. What the bridge sets itself wins over the user's headers. It may be
// repeated: an unused URL does no harm.
func (c *Client) apiRequest(operation string, target *url.URL, key string) *http1.Request {
	custom := c.cfg.Headers()
	header := append(make([]http1.Field, 0, len(custom)+4), c.userAgent, http1.Field{Name: "Authorization", Value: "Bearer " + key}, uncompressed)
	r := &http1.Request{Method: http.MethodGet, URL: target, Repeatable: true}
	if operation == OperationCreate {
		r.Method, r.Body, r.Size = http.MethodPost, createBody, int64(len(createBody[0]))
		header = append(header, contentJSON)
	}
	ours := header
	for name, values := range custom {
		if slices.ContainsFunc(ours, func(f http1.Field) bool { return f.Name == name }) {
			continue
		}
		for _, value := range values {
			header = append(header, http1.Field{Name: name, Value: value})
		}
	}
	r.Header = header
	return r
}
