package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"kafka-import-bridge/internal/http1"
)

const (
	urlLifetime  = 12 * time.Hour // as documented, from its issue
	expiryMargin = time.Minute    // a PUT has to reach the store before the end

	maxURLBytes       = 16 << 10
	maxRequestIDBytes = 128

	drainBytes = 16 << 10
	drainTime  = 250 * time.Millisecond
)

// header is an answer's, whose names' case does not matter.
type header interface{ Get(name string) string }

// grant is the API's answer to a create call.
type grant struct {
	upload    *url.URL
	requestID string    // "" if there was none that can be shown
	expires   time.Time // zero if it did not say
}

// parseGrant reads the answer to a create call. Only the upload URL is needed;
// the other fields are taken if they make sense. Errors quote nothing.
func parseGrant(answer []byte, allowInsecure bool) (grant, error) {
	var fields struct {
		UploadURL string `json:"upload_url"`
		RequestID string `json:"requestId"`
		SnakeID   string `json:"request_id"`
		ExpiresAt string `json:"expires_at"`
	}
	if err := json.Unmarshal(answer, &fields); err != nil {
		// A field of another type is passed over, and the others are read.
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
			return grant{}, errors.New("answer is not the documented JSON")
		}
	}
	upload, err := parseUploadURL(fields.UploadURL, allowInsecure)
	if err != nil {
		return grant{}, err
	}
	expires, _ := time.Parse(time.RFC3339, fields.ExpiresAt) // zero if it is none
	return grant{upload: upload, requestID: cmp.Or(requestID(fields.RequestID), requestID(fields.SnakeID)), expires: expires}, nil
}

func parseUploadURL(text string, allowInsecure bool) (*url.URL, error) {
	if text == "" {
		return nil, errors.New("answer has no upload_url")
	}
	if len(text) > maxURLBytes {
		return nil, errors.New("check upload_url: too long")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("check upload_url: not a URL") // err quotes it
	}
	if strings.Contains(u.RawQuery, " ") {
		// It would end the request line early, and the store's 400 look like a
		// refusal of the batch.
		return nil, errors.New("check upload_url: a space in the query")
	}
	if err := checkTarget(u, allowInsecure); err != nil {
		return nil, fmt.Errorf("check upload_url: %w", err)
	}
	return u, nil
}

// requestID takes an id that can stand in a log line, else "".
func requestID(id string) string {
	if len(id) > maxRequestIDBytes {
		return ""
	}
	for _, r := range id {
		if r <= ' ' || r > '~' {
			return ""
		}
	}
	return id
}

// lifetime is how long a URL that was just issued may be used. It is taken from
// two times of the API's own clock where it says its Date, and counted on our
// monotonic one: no wall clock of ours, wrong or set meanwhile, ends a URL early
// or sends us for a new one without end. An expiry in the past says more about
// clocks than about the URL; the store will answer 403 if it is true.
func (g grant) lifetime(h header, now time.Time) time.Duration {
	life := g.expires.Sub(serverTime(h, now))
	if g.expires.IsZero() || life <= expiryMargin || life > urlLifetime {
		life = urlLifetime
	}
	return life - expiryMargin
}

// drain reads the rest of a short answer, so that its connection can be kept;
// the connection of a long or slow one is closed.
func drain(resp *http1.Response) {
	resp.Limit(drainTime)
	_, _ = io.CopyN(io.Discard, resp, drainBytes+1) // an error closes the connection, which is all there is to do
	_ = resp.Close()
}
