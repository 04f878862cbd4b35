package importer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
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
	unclear := t.whole && (a.status == 0 || a.status >= 500)
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

// traces says how far a PUT got, beside its answer.
type traces struct {
	reached bool // its header was written to a connection
	whole   bool // its whole body was handed over before an answer came
}

// countLost turns RetrySame into RetryNew after too many PUTs without answer,
// and Malformed where the URL was kept for what may be stored under it. PUTs that
// reached nobody, because the store is down, say little about the URL; an answer
// of the store, even a bad one, proves that the URL is heard.
func (u *uploadURL) countLost(a *answer, t traces) {
	unclear := a.class == Malformed && u.ambiguous
	switch {
	case unclear, a.class == RetrySame && a.status == 0 && t.reached:
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
func (c *Client) exchange(ctx context.Context, i *Import, p *try, guard func() error) (answer, traces) {
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // closes the connection, unless it is idle again
	limit := time.AfterFunc(c.cfg.UploadTimeout, func() { cancel(errTooLong) })
	stall := time.AfterFunc(c.cfg.ProgressTimeout, func() { cancel(errStalled) })
	b := &body{blocks: i.body, size: i.size, guard: guard, moved: func(whole bool) {
		patience := c.cfg.ProgressTimeout
		if whole {
			patience *= answerPatience
		}
		stall.Reset(patience)
	}}
	defer b.shut()

	var way trip
	start := time.Now()
	resp, err := c.uploads.RoundTrip(c.uploadRequest(way.traced(attempt), i, p, b)) //nolint:bodyclose // uploadAnswer drains and closes it
	limit.Stop()
	stall.Stop()
	if err != nil {
		b.shut()
	}
	whole, guardErr := b.state()
	t := traces{reached: way.reached.Load(), whole: whole}
	switch {
	case err == nil:
		defer c.uploads.leave(&way, resp.StatusCode)
		return c.uploadAnswer(start, resp, p.store, whole, func() { cancel(errTooLong) }), t
	case guardErr != nil:
		return answer{class: Cancelled, err: guardErr}, t
	}
	p.store.noteAnswer(false, t.reached) // silence may hide a refusal
	return c.unanswered(ctx, attempt, OperationUpload, start, err), t
}

// uploadAnswer judges the store's answer. Of a 2xx only the header counts: the
// batch is stored, whatever follows. stop ends the reading.
func (c *Client) uploadAnswer(start time.Time, resp *http.Response, s *store, whole bool, stop func()) answer {
	defer drain(resp.Body, stop)
	code := ""
	if resp.StatusCode >= 400 {
		code = readStoreCode(resp.Body, stop)
	}
	a := c.answered(OperationUpload, start, resp, code)
	s.noteAnswer(resp.StatusCode < 400 || resp.StatusCode == http.StatusPreconditionFailed, true)
	switch {
	case a.class == Stored && !whole:
		// Whoever says so, it cannot be the store: bytes of the batch are still here.
		a.class, a.reason = Malformed, ReasonMalformed
		a.err = fmt.Errorf("status %d before the whole body was sent", resp.StatusCode)
	case resp.StatusCode == http.StatusExpectationFailed && resp.Request.Header.Get("Expect") != "":
		s.noExpect.Store(true)
		a.class, a.reason = RetrySame, ReasonServerError
	}
	return a
}

// codeTime is how long the text of a store's error may take.
const codeTime = 2 * time.Second

// readStoreCode reads an error's code, if it comes soon.
func readStoreCode(answer io.Reader, stop func()) string {
	hurry := time.AfterFunc(codeTime, stop)
	defer hurry.Stop()
	text, _ := io.ReadAll(io.LimitReader(answer, maxAnswerBytes)) // what came before an error may do
	return parseStoreCode(text)
}

// uploadRequest builds the PUT: the exact length, never chunked; nothing but
// what the URL was signed for, apart from the condition of a repeat; and a
// question first where the body may be refused, so that it is not pushed through.
func (c *Client) uploadRequest(ctx context.Context, i *Import, p *try, b *body) *http.Request {
	header := make(http.Header, 4)
	header["Content-Type"], header["User-Agent"] = valueJSON, c.userAgent
	if p.store.expects(i.size) {
		header["Expect"] = valueContinue
	}
	if p.conditional {
		header["If-None-Match"] = valueAny
	}
	return (&http.Request{
		Method:        http.MethodPut,
		ProtoMajor:    1, // the transport waits for 100 Continue of 1.1 only
		ProtoMinor:    1,
		URL:           i.url.link,
		Host:          i.url.link.Host,
		Header:        header,
		ContentLength: i.size,
		Body:          b.reader(),
		GetBody:       func() (io.ReadCloser, error) { return b.reader(), nil },
	}).WithContext(ctx)
}
