package imports

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/importer"
)

// While a batch uploads, the URL of the namespace's next one is asked for, so that
// uploads of one namespace follow each other without a round trip to the API
// between. It is asked only of a namespace whose imports are stored, for a batch
// that is sealed, and so will be uploaded or given up, and only with a slot that
// nobody waits for. The order stays: nothing of the next batch is sent before the
// one in front of it is done.

// mayPrepare notes a namespace of which a batch uploads and another one waits.
func (s *Lines) mayPrepare(n *Namespace) {
	if n.next(s.Config.NamespaceConcurrency) != nil {
		s.Pacer.OfferPreparing(n.Namespace)
	}
}

// prepareNext asks for URLs with the slots that are left.
func (s *Attempts) prepareNext(now time.Time) {
	for next := s.Pacer.NextPreparing(now); next != nil; next = s.Pacer.NextPreparing(now) {
		n := WorkOf(next)
		if u := n.next(s.Config.NamespaceConcurrency); u != nil {
			s.prepare(n, u)
		}
	}
}

// next returns the batch whose URL may be asked for now, nil if there is none: the
// first one that waits behind those that upload, if nobody has asked for it yet.
func (n *Namespace) next(concurrency int) *Upload {
	if !n.stores || n.Troubled() || n.TooSlow || n.InFlight() < concurrency {
		return nil
	}
	for _, u := range n.Uploads {
		switch {
		case u.Lettering:
		case u.Call == Preparing, u.Call == NoCall && u.Import != nil:
			return nil
		case u.Call == NoCall:
			return u
		}
	}
	return nil
}

// prepare asks for a batch's URL in a goroutine that ends with its result.
func (s *Attempts) prepare(n *Namespace, u *Upload) {
	u.Import = s.Importer.NewImport(n.Name, u.Batch.Body(), u.Batch.Bytes)
	u.Call = Preparing
	s.Pacer.BeganPreparing()
	s.send(s.Ctx, u.Import.Prepare, result{namespace: n, upload: u})
}

// prepared takes the answer to a call for a URL. A failure counts like one of the
// attempt that it would have met; the batch in front goes on.
func (s *Attempts) prepared(r result, now time.Time) {
	n, u := r.namespace, r.upload
	s.Pacer.EndedPreparing()
	switch r.outcome.Class {
	case importer.Stored:
		s.apiAccepted(n)
	case importer.Cancelled:
	default:
		s.judge(r, now)
	}
	if n.Resting() && s.Mode == assignment.Running && u.MayLeave() {
		s.shedUpload(n, u, now)
	}
	s.busy(n)
	s.Pacer.Enqueue(n.Namespace, now)
}

// Drop lets the batch's import count a URL that was asked for and is not used.
func (u *Upload) Drop() {
	if u.Import != nil {
		u.Import.Drop()
	}
}
