package session

import (
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/importer"
	"time"
)

// While a batch uploads, the URL of the namespace's next one is asked for, so that
// uploads of one namespace follow each other without a round trip to the API
// between. It is asked only of a namespace whose imports are stored, for a batch
// that is sealed, and so will be uploaded or given up, and only with a slot that
// nobody waits for. The order stays: nothing of the next batch is sent before the
// one in front of it is done.

// mayPrepare notes a namespace of which a batch uploads and another one waits.
func (s *imports) mayPrepare(n *namespace) {
	if n.next(s.Config.NamespaceConcurrency) != nil {
		s.Pacer.OfferPreparing(n.Namespace)
	}
}

// prepareNext asks for URLs with the slots that are left.
func (s *attempts) prepareNext(now time.Time) {
	for next := s.Pacer.NextPreparing(now); next != nil; next = s.Pacer.NextPreparing(now) {
		n := workOf(next)
		if u := n.next(s.Config.NamespaceConcurrency); u != nil {
			s.prepare(n, u)
		}
	}
}

// next returns the batch whose URL may be asked for now, nil if there is none: the
// first one that waits behind those that upload, if nobody has asked for it yet.
func (n *namespace) next(concurrency int) *upload {
	if !n.stores || n.Troubled() || n.tooSlow || n.InFlight() < concurrency {
		return nil
	}
	for _, u := range n.uploads {
		switch {
		case u.lettering:
		case u.call == preparation, u.call == none && u.imp != nil:
			return nil
		case u.call == none:
			return u
		}
	}
	return nil
}

// prepare asks for a batch's URL in a goroutine that ends with its result.
func (s *attempts) prepare(n *namespace, u *upload) {
	u.imp = s.Importer.NewImport(n.Name, u.batch.Body(), u.batch.Bytes)
	u.call = preparation
	s.Pacer.BeganPreparing()
	s.send(s.Ctx, u.imp.Prepare, result{namespace: n, upload: u})
}

// prepared takes the answer to a call for a URL. A failure counts like one of the
// attempt that it would have met; the batch in front goes on.
func (s *attempts) prepared(r result, now time.Time) {
	n, u := r.namespace, r.upload
	s.Pacer.EndedPreparing()
	switch r.outcome.Class {
	case importer.Stored:
		s.apiAccepted(n)
	case importer.Cancelled:
	default:
		s.judge(r, now)
	}
	if n.Resting() && s.Mode == assignment.Running && u.mayLeave() {
		s.shedUpload(n, u, now)
	}
	s.busy(n)
	s.Pacer.Enqueue(n.Namespace, now)
}

// drop lets the batch's import count a URL that was asked for and is not used.
func (u *upload) drop() {
	if u.imp != nil {
		u.imp.Drop()
	}
}
