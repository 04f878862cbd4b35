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

// create asks for an upload URL. A refused key is read again, and if it is
// another one by now the call is repeated once, at once.
func (c *Client) create(ctx context.Context, i *Import, guard func() error) Outcome {
	target, err := c.createURL(i.namespace)
	if err != nil {
		return c.failed(i, OperationCreate, answer{class: Refused, err: err})
	}
	key := c.cfg.Key.Value()
	out := c.post(ctx, i, target, key, guard)
	if out.class == Unauthorised {
		_, err := c.cfg.Key.Reload()
		// Another attempt may have reloaded it first: compare with what was sent.
		if now := c.cfg.Key.Value(); now != key {
			out = c.post(ctx, i, target, now, guard)
		} else if err != nil {
			out.err = fmt.Errorf("%w; reload key: %w", out.err, err)
		}
	}
	if out.class == Stored {
		return c.succeeded(i, OperationCreate, out)
	}
	return c.failed(i, OperationCreate, out)
}

// createURL returns the address of the create call. Valid namespaces need no
// escaping; others never get into a path.
func (c *Client) createURL(namespace string) (*url.URL, error) {
	if !validNamespace(namespace) {
		return nil, errors.New("namespace is not made of letters, digits, _ and -")
	}
	u := *c.cfg.BaseURL
	u.Path = strings.TrimSuffix(u.Path, "/") + strings.ReplaceAll(c.cfg.Path, namespaceMark, namespace)
	return &u, nil
}

func validNamespace(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return s != ""
}

// post makes one create call and keeps the URL that it brings.
func (c *Client) post(ctx context.Context, i *Import, target *url.URL, key string, guard func() error) answer {
	if err := ask(guard); err != nil {
		return answer{class: Cancelled, err: err}
	}
	attempt, cancel := context.WithTimeoutCause(ctx, c.cfg.CreateTimeout, errTooLong)
	defer cancel()
	start := time.Now()
	resp, err := c.transport.RoundTrip(c.createRequest(attempt, target, key))
	if err != nil {
		return c.unanswered(ctx, attempt, OperationCreate, start, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer drain(resp.Body, cancel)
		return c.answered(OperationCreate, start, resp, "")
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	if attempt.Err() != nil {
		return c.unanswered(ctx, attempt, OperationCreate, start, err)
	}
	a := c.answered(OperationCreate, start, resp, "")
	g, malformed := parseGrant(text, c.cfg.AllowInsecureHTTP)
	switch {
	case err != nil && a.class == Stored:
		malformed = errors.New("answer ends early")
	case len(text) > maxAnswerBytes:
		malformed = errors.New("answer is too long")
	}
	if malformed != nil {
		a.class, a.reason, a.err = Malformed, ReasonMalformed, fmt.Errorf("status %d: %w", resp.StatusCode, malformed)
		return a
	}
	i.adopt(g, start, g.lifetime(resp.Header, c.cfg.Now()))
	return a
}

// apiHeader is what every call to the API carries, and none to the store.
func (c *Client) apiHeader(key string) http.Header {
	return http.Header{"Authorization": {"Bearer " + key}, "User-Agent": {c.cfg.UserAgent}}
}

func (c *Client) createRequest(ctx context.Context, target *url.URL, key string) *http.Request {
	header := c.apiHeader(key)
	header["Content-Type"] = []string{"application/json"}
	// Not sent, being empty: it allows the transport to repeat the call when a
	// kept connection turns out dead. An unused URL does no harm.
	header["Idempotency-Key"] = []string{}
	req := (&http.Request{
		Method:        http.MethodPost,
		URL:           target,
		Host:          target.Host,
		Header:        header,
		ContentLength: 2,
		GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("{}")), nil },
	}).WithContext(ctx)
	req.Body, _ = req.GetBody()
	return req
}

// adopt makes a granted URL the import's.
func (i *Import) adopt(g grant, issued time.Time, lifetime time.Duration) {
	i.dropURL()
	i.upload, i.requestID, i.issued, i.lifetime = g.upload, g.requestID, issued, lifetime
}
