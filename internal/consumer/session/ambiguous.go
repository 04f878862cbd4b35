package session

import (
	"cmp"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/importer"
	"slices"
	"time"
)

// fate says what the API has said of a batch that may be stored although no
// answer said so.
type fate uint8

const (
	fateUnasked  fate = iota
	fateUnproven      // asked: nobody says that it has arrived
	fateUnknown       // asked: there was no answer
)

// mayLeave reports whether the batch may leave memory: it is not stored, or the
// API was asked, and reading it again repeats something at worst that nobody
// could tell.
func (u *upload) mayLeave() bool {
	return u.call == none && !u.lettering && (!u.ambiguous() || u.fate == fateUnproven)
}

// askable reports whether the API may be asked now what became of the batch.
func (u *upload) askable(now time.Time) bool {
	return u.ambiguous() && !u.lettering && u.fate != fateUnproven && !u.askAfter.After(now)
}

// askAmbiguous asks the API about batches that may be stored, as long as there
// are slots: of those that pick returns true for. It reports whether any
// question is in flight or has to wait for a slot.
func (s *attempts) askAmbiguous(now time.Time, pick func(*namespace, *upload) bool) (asking bool) {
	for n := range s.namespaces() {
		for _, u := range n.uploads {
			switch {
			case u.call == question:
				asking = true
			case !u.askable(now) || !pick(n, u):
			case s.Pacer.MayTry(now):
				s.question(n, u)
				asking = true
			default:
				asking = asking || s.Pacer.InFlight() > 0
			}
		}
	}
	return asking
}

// question asks the API what became of a batch, in a goroutine that ends with its
// result.
func (s *attempts) question(n *namespace, u *upload) {
	u.call = question
	s.attempt(s.Ctx, n, u, u.imp.Resolve)
}

// answered takes what the API says of a batch. It tells nothing of the
// namespace's trouble.
func (s *attempts) answered(r result, now time.Time) {
	u := r.upload
	switch r.outcome.Class {
	case importer.Stored:
		s.imported(r, now)
	case importer.Unproven:
		u.fate = fateUnproven
	case importer.Cancelled:
		u.askAfter = now.Add(cancelledRest)
	default:
		u.fate, u.askAfter = fateUnknown, now.Add(max(r.outcome.Delay, s.Config.MaxBackoff))
	}
	s.reliefAt = now // what it says may free memory
}

// leaveDoubtful lets batches leave memory whose fate nobody answers, oldest
// first, as far as they hold more than half of the budget together. Their lines
// may be stored twice then, which is counted and logged.
func (s *attempts) leaveDoubtful(now time.Time) {
	var doubtful []*upload
	held := int64(0)
	for n := range s.namespaces() {
		for _, u := range n.uploads {
			if u.ambiguous() && u.fate == fateUnknown && !u.lettering {
				doubtful = append(doubtful, u)
				held += u.batch.Memory()
			}
		}
	}
	slices.SortFunc(doubtful, func(a, b *upload) int {
		return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.namespace.Name, b.namespace.Name))
	})
	for _, u := range doubtful {
		if held <= s.Budget.Limit()/2 {
			return
		}
		held -= u.batch.Memory()
		u.fate = fateUnproven
		s.shed(u.namespace, now)
		s.Pacer.Enqueue(u.namespace.Namespace, now)
	}
}

// askBeforeEnd asks about every batch that the drain is going to give up. It
// reports whether it waits for answers.
func (s *attempts) askBeforeEnd(now time.Time) bool {
	if s.Mode != assignment.Draining || !now.Before(s.Drain.Deadline) {
		return false
	}
	return s.askAmbiguous(now, func(n *namespace, u *upload) bool {
		rests := n.WakeAt().After(now) || s.Pacer.Paused(now) || s.Pacer.AnyShut()
		return u.fate == fateUnasked && (n.IsHeld() || n.tooSlow || rests && (s.Drain.Reason == assignment.ForRebalance || n.WakeAt().After(s.Drain.Deadline)))
	})
}

// tellRepeat counts and logs once that a batch is sent again, or leaves memory,
// although it may be stored.
func (s *imports) tellRepeat(u *upload, may bool) {
	if u.mayRepeat || !may {
		return
	}
	u.mayRepeat = true
	s.Metrics.PossibleRepeat()
	s.Log.Warn("a batch may be stored twice: an upload of it got no answer, and neither the store nor the API can say whether it arrived",
		"namespace", u.namespace.Name, "request_id", u.imp.RequestID(), "records", u.batch.Records, "offsets", offsetsOf(u.pieces))
}
