package importer

import (
	"net/url"
	"time"
)

// An Import is one batch on its way to the store: its bytes, the upload URL
// that is kept between attempts, and what happened so far. It is not safe for
// concurrent use: one attempt at a time.
type Import struct {
	client    *Client // makes its calls
	namespace string
	body      [][]byte // owned by the caller; read only during Attempt
	size      int64    // the sum of the body's lengths

	url       uploadURL
	requestID string // of the last URL; outlives it, for logs
	doubt     doubt
	askAfter  time.Time // the API asked for no question before

	mayRepeat bool // the body was, or is to be, sent again although it may be stored
	attempts  int
	failures  failures
}

// uploadURL is an import's current upload URL and what was seen of it. The zero
// value makes the next attempt ask for one.
type uploadURL struct {
	link      *url.URL
	issued    time.Time     // on the monotonic clock
	lifetime  time.Duration // counted from issued
	sent      bool          // a PUT to it was begun
	ambiguous bool          // a complete body went to it, its fate unknown
	plain     bool          // its store may refuse the condition: the next repeat has none
	lost      int           // consecutive PUTs without an answer of the store
	unreached int           // consecutive PUTs that no connection took
	denied    bool          // in this attempt the API said that it knows of no upload
}

// usable reports whether the URL is there and can still be uploaded to.
func (u *uploadURL) usable() bool { return u.link != nil && time.Since(u.issued) < u.lifetime }

// doubt remembers an ambiguous URL that was given up: the API is asked about it before
// the body goes to another one.
type doubt struct {
	open      bool
	requestID string
}

// failures counts the consecutive failures of each operation, over all URLs.
type failures struct{ create, upload, ask int }

// of is the count of an operation.
func (f *failures) of(operation string) *int {
	switch operation {
	case OperationUpload:
		return &f.upload
	case OperationAsk:
		return &f.ask
	}
	return &f.create
}

// NewImport makes an import of size bytes for a namespace. The importer reads
// body, whose blocks' lengths add up to size, during Attempt only; the caller
// must not change it before the import has come to its end, since a retry has
// to send the same bytes. A nil body makes a probe, good for Create only until
// SetBody.
func (c *Client) NewImport(namespace string, body [][]byte, size int64) *Import {
	return &Import{client: c, namespace: namespace, body: body, size: size}
}

// SetBody gives a probe its body, so that the URL which it obtained serves the
// first batch. A URL that other bytes may have reached is dropped; what became
// of those is not this body's concern.
func (i *Import) SetBody(body [][]byte, size int64) {
	if i.url.sent {
		i.url = uploadURL{}
	}
	i.doubt = doubt{}
	i.body, i.size = body, size
}

// RequestID returns the id of the last upload URL, "" before the first. It
// outlives the URL, for logs.
func (i *Import) RequestID() string { return i.requestID }

// Attempts returns how often Attempt was called for this import.
func (i *Import) Attempts() int { return i.attempts }

// Ambiguous reports whether this import may already be stored: a complete body
// was sent under its current URL, or under one that was given up, and neither the
// store nor the API has said what became of it.
func (i *Import) Ambiguous() bool { return i.url.ambiguous || i.doubt.open }

// MayRepeat reports whether this import may end up stored, and evaluated, twice:
// while it was ambiguous and nobody could say what became of it, it was sent to another
// URL, or without the condition that no object is there yet.
func (i *Import) MayRepeat() bool { return i.mayRepeat }

// giveUpURL makes the next attempt ask for a new URL. If a complete body may lie
// under the old one the API is asked about that before.
func (i *Import) giveUpURL() {
	if i.url.ambiguous {
		i.doubt.open, i.doubt.requestID = true, i.requestID
	}
	i.url = uploadURL{}
}

// sendAgain lets the body go to a new URL although it may lie under the old one.
func (i *Import) sendAgain() {
	i.mayRepeat = i.mayRepeat || i.doubt.open
	i.doubt.open = false
}

// adopt makes a granted URL the import's, in place of one that was given up.
func (i *Import) adopt(g grant, issued time.Time, lifetime time.Duration) {
	i.url, i.requestID = uploadURL{link: g.upload, issued: issued, lifetime: lifetime}, g.requestID
}
