package imports

import (
	"cmp"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/importer"
)

// Fate says what the API has said of a batch that may be stored although no
// answer said so.
type Fate uint8

// The fates of a batch that may be stored.
const (
	FateUnasked  Fate = iota
	FateUnproven      // asked: nobody says that it has arrived
	FateUnknown       // asked: there was no answer
)

// MayLeave reports whether the batch may leave memory: it is not stored, or the
// API was asked, and reading it again repeats something at worst that nobody
// could tell.
func (u *Upload) MayLeave() bool {
	return u.Call == NoCall && (!u.Ambiguous() || u.Fate == FateUnproven)
}

// askable reports whether the API may be asked now what became of the batch.
func (u *Upload) askable(now time.Time) bool {
	return u.Ambiguous() && u.Fate != FateUnproven && !u.askAfter.After(now)
}

// AskAmbiguous asks the API about batches that may be stored, as long as there
// are slots: about those that pick returns true for.
func (s *Attempts) AskAmbiguous(now time.Time, pick func(*Namespace, *Upload) bool) {
	for n := range s.Namespaces() {
		for _, u := range n.Uploads {
			if u.askable(now) && pick(n, u) && s.Pacer.MayTry(now) {
				u.Call = Asking
				s.attempt(n, u, u.Import.Resolve)
			}
		}
	}
}

// answered takes what the API says of a batch. It tells nothing of the
// namespace's trouble.
func (s *Attempts) answered(r result, now time.Time) {
	u := r.upload
	switch r.outcome.Class {
	case importer.Stored:
		s.imported(r, now)
	case importer.Unproven:
		u.Fate = FateUnproven
	case importer.Cancelled:
		u.askAfter = now.Add(cancelledRest)
	default:
		u.Fate, u.askAfter = FateUnknown, now.Add(max(r.outcome.Delay, s.Config.MaxBackoff))
	}
	s.ReliefAt = now // what it says may free memory
}

// LeaveDoubtful lets batches leave memory whose fate nobody answers, oldest
// first, as far as they hold more than half of the budget together. Their lines
// may be stored twice then, which is counted and logged.
func (s *Attempts) LeaveDoubtful(now time.Time) {
	var doubtful []*Upload
	held := int64(0)
	for n := range s.Namespaces() {
		for _, u := range n.Uploads {
			if u.Ambiguous() && u.Fate == FateUnknown {
				doubtful = append(doubtful, u)
				held += u.Batch.Memory()
			}
		}
	}
	slices.SortFunc(doubtful, func(a, b *Upload) int {
		return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.Namespace.Name, b.Namespace.Name))
	})
	for _, u := range doubtful {
		if held <= s.Budget.Limit()/2 {
			return
		}
		held -= u.Batch.Memory()
		u.Fate = FateUnproven
		s.Shed(u.Namespace, now)
	}
}

// AskBeforeEnd asks about every batch that the drain is going to give up.
func (s *Attempts) AskBeforeEnd(now time.Time) {
	if s.Mode != assignment.Draining || !now.Before(s.Drain.Deadline) {
		return
	}
	s.AskAmbiguous(now, func(n *Namespace, u *Upload) bool {
		rests := s.Rests(n, now)
		return u.Fate == FateUnasked && (n.IsHeld() || n.TooSlow || rests && (s.Drain.Reason == assignment.ForRebalance || n.WakeAt().After(s.Drain.Deadline)))
	})
}

// Rests reports whether no attempt of the namespace may begin before a rest is over.
func (s *Attempts) Rests(n *Namespace, now time.Time) bool {
	return n.WakeAt().After(now) || s.Pacer.Paused(now) || s.Pacer.AnyShut()
}

// TellRepeat counts and logs once that a batch is sent again, or leaves memory,
// although it may be stored.
func (s *Lines) TellRepeat(u *Upload, may bool) {
	if u.mayRepeat || !may {
		return
	}
	u.mayRepeat = true
	s.Metrics.PossibleRepeats.Inc()
	s.Log.Warn("a batch may be stored twice: an upload of it got no answer, and neither the store nor the API can say whether it arrived",
		"namespace", u.Namespace.Name, "request_id", u.Import.RequestID(), "records", u.Batch.Records, "offsets", offsetsOf(u.Pieces))
}
