package importer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"kafka-import-bridge/internal/http1"
)

const (
	// answerPatience times Config.ProgressTimeout is how long the answer may
	// take once the body is out: to give up then is costlier than before, since
	// the batch may be stored.
	answerPatience = 4

	// A URL is given up after so many PUTs in a row that got no answer at all:
	// stores that refuse a URL often just cut the connection, so that a reset
	// may hide a 403. Where the batch may be stored, an answer that no store
	// gives counts like none: it says nothing of the batch, and one proxy's
	// redirect is no reason to store it twice.
	//
	// A store keeps nothing of a body that did not arrive whole, so where no whole
	// body was ever sent the switch is free, and comes early. Where one was, the
	// same URL is tried much longer: there the condition shows what is stored,
	// while the API, asked before the switch, may not know yet.
	lostBeforeNewURL          = 3
	lostBeforeNewURLAmbiguous = 8

	// So many PUTs in a row that reached nobody and another URL is asked for: a
	// store that is down stays at its address, but this one may never have been
	// right. Not where a whole body was sent: it may be stored under this URL.
	unreachedBeforeNewURL = 25
)

// put makes one PUT to the import's URL and settles what it means for the URL.
func (c *Client) put(ctx context.Context, i *Import, guard func() error) Outcome {
	if i.size <= 0 {
		return c.failed(i, OperationUpload, answer{class: Cancelled, err: errNoBody})
	}
	if err := ask(guard); err != nil {
		return c.failed(i, OperationUpload, answer{class: Cancelled, err: err})
	}
	p := try{store: c.stores.at(i.url.link.Host), conditional: c.conditional(i), repeat: i.url.ambiguous}
	i.url.sent = true
	a, t := c.exchange(ctx, i, &p, guard)
	c.judgeCondition(i, &p, &a)
	unclear := t.Body && (a.status == 0 || a.status >= 500 || a.class == Malformed && a.status <= 299)
	if p.repeat && !p.conditional && (unclear || a.class == Stored) || p.repeat && a.class == Stored && !p.proven && !i.url.denied {
		i.mayRepeat = true
	}
	if a.class == Stored {
		i.url.ambiguous = false
		return c.succeeded(i, OperationUpload, a)
	}
	i.url.ambiguous = i.url.ambiguous || unclear
	if a.class == Refused && p.repeat && p.proven { // else it was asked before the PUT
		if where, told := c.whereIs(ctx, i, guard); where == arrived {
			return c.hasArrived(i, told)
		}
	}
	i.url.countLost(&a, t)
	out := c.failed(i, OperationUpload, a)
	if a.class == RetryNew || a.class == Malformed && !i.url.ambiguous {
		c.giveUpURL(i)
	}
	return out
}

// countLost turns RetrySame into RetryNew after too many PUTs without answer,
// and Malformed where the URL was kept for what may be stored under it. PUTs that
// reached nobody, because the store is down, say little about the URL; an answer
// of the store, even a bad one, proves that the URL is heard.
func (u *uploadURL) countLost(a *answer, t http1.Sent) {
	unclear := a.class == Malformed && u.ambiguous
	switch {
	case unclear, a.class == RetrySame && a.status == 0 && t.Header:
		u.lost, u.unreached = u.lost+1, 0
	case a.status != 0:
		u.lost, u.unreached = 0, 0
	case a.class == RetrySame:
		u.unreached++
	}
	if a.class == RetrySame && u.unreached >= unreachedBeforeNewURL && !u.ambiguous {
		a.class = RetryNew
		a.err = fmt.Errorf("%d PUTs in a row reached nobody, giving up this upload URL: %w", u.unreached, a.err)
		return
	}
	limit := lostBeforeNewURL
	if u.ambiguous {
		limit = lostBeforeNewURLAmbiguous
	}
	if (a.class == RetrySame || unclear) && u.lost >= limit {
		a.class = RetryNew
		a.err = fmt.Errorf("no usable answer to %d PUTs in a row, giving up this upload URL: %w", u.lost, a.err)
	}
}

// exchange sends the body and reads the answer. When it returns nothing reads
// the import's blocks any more.
func (c *Client) exchange(ctx context.Context, i *Import, p *try, guard func() error) (answer, http1.Sent) {
	start := time.Now()
	r := c.uploadRequest(i, p, start)
	var refused error // by the guard
	r.Before = func() error {
		refused = ask(guard)
		return refused
	}
	resp, sent, err := c.uploads.Do(ctx, r)
	switch {
	case err == nil:
		return c.uploadAnswer(start, resp, p), sent
	case refused != nil:
		return answer{class: Cancelled, err: refused}, sent
	}
	p.store.noteAnswer(false, sent.Header) // silence may hide a refusal
	return c.unanswered(ctx, OperationUpload, start, err), sent
}

// uploadAnswer judges the store's answer. Of a 2xx only the header counts: the
// batch is stored, whatever follows, unless that is a page.
func (c *Client) uploadAnswer(start time.Time, resp *http1.Response, p *try) answer {
	defer drain(resp)
	code := ""
	if resp.Status >= 400 {
		code = parseStoreCode(readSoon(resp, maxAnswerBytes))
	}
	a := c.answered(OperationUpload, start, resp, code)
	p.store.noteAnswer(resp.Status < 400 || resp.Status == http.StatusPreconditionFailed, true)
	switch {
	case a.class == Stored && !resp.Whole:
		// Whoever says so, it cannot be the store: bytes of the batch are still here.
		a.malformed(errors.New("it came before the whole body was sent"))
	case a.class == Stored && isPage(resp.Header) && len(readSoon(resp, 1)) > 0:
		// A proxy's notice, for people at a browser. A store's 2xx has no text.
		a.malformed(errors.New("it is a page of HTML, as a proxy makes it and no store"))
	case resp.Status == http.StatusExpectationFailed && p.asked:
		p.store.noExpect.Store(true)
		a.class, a.reason = RetrySame, ReasonServerError
	}
	return a
}

// textTime is how long the text of a store's answer may take.
const textTime = 2 * time.Second

// readSoon reads the beginning of an answer's body, as far as it comes within textTime.
func readSoon(resp *http1.Response, most int64) []byte {
	resp.Limit(textTime)
	text, _ := io.ReadAll(io.LimitReader(resp, most)) // what came before an error may do
	return text
}

// uploadRequest builds the PUT: nothing but what the URL was signed for, apart from the
// condition of a repeat; and a question first where the body may be refused, so that it
// is not pushed through.
func (c *Client) uploadRequest(i *Import, p *try, now time.Time) *http1.Request {
	header := append(make([]http1.Field, 0, 3), contentJSON, c.userAgent)
	if p.conditional {
		header = append(header, http1.Field{Name: "If-None-Match", Value: "*"})
	}
	p.asked = p.store.expects(i.size)
	return &http1.Request{
		Method: http.MethodPut, URL: i.url.link, Header: header, Body: i.body, Size: i.size, Ask: p.asked,
		Until: now.Add(c.cfg.UploadTimeout), Progress: c.cfg.ProgressTimeout, Silence: answerPatience * c.cfg.ProgressTimeout,
	}
}

// ask calls a guard; nil never objects.
func ask(guard func() error) error {
	if guard == nil {
		return nil
	}
	return guard()
}
