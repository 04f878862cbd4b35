package importer

import "net/http"

// A try is one PUT as it is sent.
type try struct {
	store       *store
	repeat      bool // of a body that may be stored under this URL
	conditional bool // with If-None-Match: *, which is in no URL's signature
	asked       bool // before the body, whether the store takes it
	proven      bool // the store is known to honour the condition
}

// conditional reports whether the next PUT is to store only what is not there
// yet. Never the first one: what no documentation mentions must not stand in the
// way of an ordinary upload.
func (c *Client) conditional(i *Import) bool {
	return i.url.ambiguous && !i.url.plain && !c.stores.at(i.url.link.Host).refuses()
}

// judgeCondition judges an answer by the condition that the PUT had, or that
// another one had before it, and learns from it what the store makes of that.
//
// A store that does not know the header may refuse it with 501. With 400 or 403
// it may, too; or it refuses the batch or the URL. So the same PUT follows
// without the condition, once the API has been asked, and only if that one is
// stored the condition was the cause.
func (c *Client) judgeCondition(i *Import, p *try, a *answer) {
	switch {
	case p.conditional && a.status == http.StatusPreconditionFailed:
		c.metrics.avoided.WithLabelValues(byCondition).Inc()
		p.store.condition.Store(conditionHonoured)
		*a = answer{class: Stored, status: a.status}
	case p.conditional && a.status == http.StatusNotImplemented && !p.store.honours():
		c.refusesCondition(p.store, i, a.status)
		a.class, a.reason = RetrySame, ReasonServerError
	case p.conditional && (a.status == http.StatusBadRequest || a.status == http.StatusForbidden) &&
		(a.class == Refused || a.class == RetryNew) && !p.store.honours():
		i.url.plain = true
		a.class, a.reason = RetrySame, ReasonServerError
	case i.url.plain && !p.conditional && a.class == Stored:
		c.refusesCondition(p.store, i, a.status)
	}
	p.proven = p.store.honours()
}

// refusesCondition remembers a store that is to be sent no condition any more.
func (c *Client) refusesCondition(s *store, i *Import, status int) {
	if s.condition.Swap(conditionRefused) == conditionRefused {
		return
	}
	c.log.Warn("the store refuses a conditional upload; uploads whose answer was lost are repeated there without a condition, once the API has been asked",
		"store", i.url.link.Hostname(), "namespace", i.namespace, "request_id", i.requestID, "status", status)
}
