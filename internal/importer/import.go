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

	// The current upload URL. All of it is cleared by forgetURL.
	upload    *url.URL      // nil: the next attempt asks for one
	requestID string        // outlives the URL, for logs
	issued    time.Time     // on the monotonic clock
	lifetime  time.Duration // counted from issued
	sent      bool          // a PUT to this URL was begun
	ambiguous bool          // a complete body went to this URL, its fate unknown
	plain     bool          // the store may refuse the condition: the next repeat has none
	lost      int           // consecutive PUTs to this URL without an answer of the store
	unreached int           // consecutive PUTs to this URL that no connection took

	// An ambiguous URL that was given up, and of which the API is asked before
	// the body goes to another one.
	doubtful bool
	doubtID  string    // its request id
	denied   bool      // in this attempt the API said that it knows of no upload
	askAfter time.Time // the API asked for no question before

	mayRepeat      bool // the body was, or is to be, sent again although it may be stored
	attempts       int
	createFailures int // consecutive
	uploadFailures int // consecutive, over all URLs
	askFailures    int // consecutive
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
// first batch. A URL that other bytes may have reached is dropped; what became
// of those is not this body's concern.
func (i *Import) SetBody(body [][]byte, size int64) {
	if i.sent {
		i.forgetURL()
	}
	i.doubtful, i.doubtID = false, ""
	i.body, i.size = body, size
}

// Namespace returns the import's namespace.
func (i *Import) Namespace() string { return i.namespace }

// RequestID returns the id of the last upload URL, "" before the first. It
// outlives the URL, for logs.
func (i *Import) RequestID() string { return i.requestID }

// Attempts returns how often Attempt or Create was called for this import.
func (i *Import) Attempts() int { return i.attempts }

// Ambiguous reports whether this import may already be stored: a complete body
// was sent under its current URL, or under one that was given up, and neither the
// store nor the API has told its fate.
func (i *Import) Ambiguous() bool { return i.ambiguous || i.doubtful }

// MayRepeat reports whether this import may end up stored, and evaluated, twice:
// while it was ambiguous and nobody could tell its fate, it was sent to another
// URL, or without the condition that no object is there yet.
func (i *Import) MayRepeat() bool { return i.mayRepeat }

// usable says whether the import's URL can still be uploaded to.
func (i *Import) usable() bool {
	return i.upload != nil && time.Since(i.issued) < i.lifetime
}

// giveUpURL makes the next attempt ask for a new URL. If a complete body may lie
// under the old one the API is asked about that before.
func (i *Import) giveUpURL() {
	if i.ambiguous {
		i.doubtful, i.doubtID = true, i.requestID
	}
	i.forgetURL()
}

// sendAnew lets the body go to a new URL although it may lie under the old one.
func (i *Import) sendAnew() {
	i.mayRepeat = i.mayRepeat || i.doubtful
	i.doubtful, i.doubtID = false, ""
}

// forgetURL drops the URL and all that is known about it.
func (i *Import) forgetURL() {
	i.upload, i.issued, i.lifetime = nil, time.Time{}, 0
	i.sent, i.ambiguous, i.plain, i.lost, i.unreached = false, false, false, 0, 0
}

// adopt makes a granted URL the import's.
func (i *Import) adopt(g grant, issued time.Time, lifetime time.Duration) {
	i.giveUpURL()
	i.upload, i.requestID, i.issued, i.lifetime = g.upload, g.requestID, issued, lifetime
}
