package importer

import (
	"net/url"
	"time"
)

// An Import is one batch on its way to the store: its bytes, the upload URL
// that is kept between attempts, and what happened so far. It is not safe for
// concurrent use: one attempt at a time.
type Import struct {
	namespace string
	body      [][]byte // owned by the caller; read only during Attempt
	size      int64    // the sum of the body's lengths

	// The current upload URL. All of it is cleared by dropURL.
	upload    *url.URL // nil: the next attempt asks for one
	requestID string
	issued    time.Time     // on the monotonic clock
	lifetime  time.Duration // counted from issued
	sent      bool          // a PUT to this URL was begun
	ambiguous bool          // a complete body went to this URL, its fate unknown
	lost      int           // consecutive PUTs to this URL without an answer of the store
	unreached int           // consecutive PUTs to this URL that no connection took

	mayRepeat      bool // a URL was given up while ambiguous
	attempts       int
	createFailures int // consecutive
	uploadFailures int // consecutive, over all URLs
}

// NewImport makes an import of size bytes for a namespace. The importer reads
// body, whose blocks' lengths add up to size, during Attempt only; the caller
// must not change it before the import has come to its end, since a retry has
// to send the same bytes.
func (c *Client) NewImport(namespace string, body [][]byte, size int64) *Import {
	return &Import{namespace: namespace, body: body, size: size}
}

// Probe makes an import without body, good for Create only until SetBody.
func (c *Client) Probe(namespace string) *Import {
	return &Import{namespace: namespace}
}

// SetBody gives a probe its body, so that the URL which it obtained serves the
// first batch. A URL that other bytes may have reached is dropped.
func (i *Import) SetBody(body [][]byte, size int64) {
	if i.sent {
		i.dropURL()
	}
	i.body, i.size = body, size
}

// Namespace returns the import's namespace.
func (i *Import) Namespace() string { return i.namespace }

// RequestID returns the id of the last upload URL, "" before the first. It
// outlives the URL, for logs.
func (i *Import) RequestID() string { return i.requestID }

// Attempts returns how often Attempt or Create was called for this import.
func (i *Import) Attempts() int { return i.attempts }

// Ambiguous says whether this import may already have been stored under its
// current URL: a complete body was sent, and no answer told its fate.
func (i *Import) Ambiguous() bool { return i.ambiguous }

// MayRepeat says whether a URL was given up while it was ambiguous, so that
// this import may end up stored twice.
func (i *Import) MayRepeat() bool { return i.mayRepeat }

// usable says whether the import's URL can still be uploaded to.
func (i *Import) usable() bool {
	return i.upload != nil && time.Since(i.issued) < i.lifetime
}

// dropURL makes the next attempt ask for a new URL. If a complete body may lie
// under the old one this is what can store a batch twice, so every caller has
// to be sure that the old URL is of no use.
func (i *Import) dropURL() {
	i.mayRepeat = i.mayRepeat || i.ambiguous
	i.upload, i.issued, i.lifetime = nil, time.Time{}, 0
	i.sent, i.ambiguous, i.lost, i.unreached = false, false, 0, 0
}
