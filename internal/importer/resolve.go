package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// askTime bounds one question: an upload may wait for it.
	askTime = 10 * time.Second

	// asksInVain is how many questions in a row may stay without an answer before
	// an import is sent under a new URL, or without a condition. Before the former
	// there is one more, once the API has given that URL and so is known to answer.
	asksInVain = 3
)

// arrival is the API's answer about an upload that may have arrived.
type arrival uint8

const (
	unanswered arrival = iota // it cannot say now, or the question was cancelled
	unproven                  // it knows of no upload yet, which proves nothing
	unaskable                 // it will not say: no such call, or not to this key
	arrived
)

// Resolve asks the API whether the import has arrived, where that is not known:
// see [Import.Ambiguous]. It is for a caller that is about to forget such an import,
// and it changes nothing of how the import goes on. The classes:
//
//   - Stored: it has; the import has come to its end, as after [Import.Attempt].
//   - Unproven: the API does not say so, or cannot be asked. To forget the import
//     and send its lines again may store them twice.
//   - RetryLater, Malformed: the API could not answer now. After Delay it may.
//   - Cancelled: the context or the guard ended the question.
//
// It counts as no attempt and, unlike one, never as refused credentials.
func (i *Import) Resolve(ctx context.Context, guard func() error) Outcome {
	c := i.client
	if !i.Ambiguous() {
		return i.unproven(errors.New("no whole body was sent"))
	}
	where, a := c.whereIs(ctx, i, guard)
	switch {
	case where == arrived:
		return c.hasArrived(i, a)
	case where == unanswered:
		return c.failed(i, OperationAsk, a)
	case a.err == nil:
		a.err = errors.New("it has not arrived as far as the API knows")
	}
	return i.unproven(a.err)
}

func (i *Import) unproven(err error) Outcome {
	return Outcome{
		Class: Unproven, Operation: OperationAsk, RequestID: i.requestID,
		Err: fmt.Errorf("%s %s: %w", verbs[OperationAsk], i.name(), err),
	}
}

// beforeRepeat asks about an import that may be stored, before it is sent again. done
// means that out is what the attempt has come to. It leaves the question to the
// store where that is known to honour a condition on the PUT. Without an answer
// a repeat under the same URL goes on if it can be conditional.
func (c *Client) beforeRepeat(ctx context.Context, i *Import, guard func() error) (out Outcome, done bool) {
	i.url.denied = false
	if !i.Ambiguous() || !i.doubt.open && c.stores.at(i.url.link.Host).honours() {
		return Outcome{}, false
	}
	where, a := c.whereIs(ctx, i, guard)
	switch {
	case where == arrived:
		return c.hasArrived(i, a), true
	case a.class == Cancelled:
		return c.failed(i, OperationAsk, a), true
	case where != unanswered:
		i.failures.ask, i.url.denied = 0, where == unproven
		i.sendAgain()
		return Outcome{}, false
	case i.failures.ask+1 >= asksInVain, i.doubt.open && a.status == http.StatusUnauthorized, c.conditional(i):
		i.failures.ask++
		return Outcome{}, false
	}
	return c.failed(i, OperationAsk, a), true
}

// beforeNewURL asks once more about an import whose URL was given up. The API
// has just given another one: if it does not answer this, it will not.
func (c *Client) beforeNewURL(ctx context.Context, i *Import, guard func() error) (out Outcome, done bool) {
	if !i.doubt.open {
		return Outcome{}, false
	}
	where, a := c.whereIs(ctx, i, guard)
	switch {
	case where == arrived:
		return c.hasArrived(i, a), true
	case a.class == Cancelled:
		return c.failed(i, OperationAsk, a), true
	}
	i.sendAgain()
	return Outcome{}, false
}

// hasArrived ends an import that the API has received.
func (c *Client) hasArrived(i *Import, a answer) Outcome {
	c.metrics.avoided.WithLabelValues(byAsking).Inc()
	if i.doubt.open {
		i.requestID = i.doubt.requestID
	}
	i.url, i.doubt = uploadURL{}, doubt{}
	return c.succeeded(i, OperationAsk, a)
}

// whereIs asks the API about the upload in question.
func (c *Client) whereIs(ctx context.Context, i *Import, guard func() error) (arrival, answer) {
	id := i.requestID
	if i.doubt.open {
		id = i.doubt.requestID
	}
	if wait := time.Until(i.askAfter); wait > 0 {
		return unanswered, answer{class: RetryLater, reason: ReasonThrottled, retryAfter: wait, err: errors.New("it asked for patience")}
	}
	p, a := c.inquire(ctx, OperationAsk, i.namespace, id, min(askTime, c.cfg.CreateTimeout), guard)
	if a.retryAfter > 0 {
		i.askAfter = time.Now().Add(a.retryAfter)
	}
	where := arrivalOf(p, &a)
	if where == unaskable && !c.toldMute.Swap(true) {
		c.log.Warn("the import API does not say what became of an upload whose answer was lost; such uploads are repeated as before",
			"namespace", i.namespace, "request_id", id, "status", a.status)
	}
	return where, a
}

// arrivalOf judges an answer. Only what an upload alone can bring about proves
// it. What the key may not read says nothing of what it may import.
func arrivalOf(p Progress, a *answer) arrival {
	switch {
	case a.class == Stored && (p.Status == StatusIngesting || p.Final()):
		return arrived
	case a.class == Stored:
		return unproven
	case a.class == Missing, a.class == Refused, a.status == http.StatusForbidden, a.status == http.StatusNotImplemented:
		return unaskable
	case a.class == Unauthorised:
		a.class = RetryLater
	}
	return unanswered
}
