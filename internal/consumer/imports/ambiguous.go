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
func (a *Attempts) AskAmbiguous(now time.Time, pick func(*Namespace, *Upload) bool) {
	for n := range a.lines.Namespaces() {
		for _, u := range n.Uploads {
			if u.askable(now) && pick(n, u) && a.Pacer.MayTry(now) {
				u.Call = Asking
				a.attempt(n, u, u.Import.Resolve)
			}
		}
	}
}

// answered takes what the API says of a batch. It says nothing of the
// namespace's trouble.
func (a *Attempts) answered(r result, now time.Time) {
	u := r.upload
	switch r.outcome.Class {
	case importer.Stored:
		a.imported(r, now)
		a.lines.goOn(r.namespace, now)
	case importer.Unproven:
		u.Fate = FateUnproven
	case importer.Cancelled:
		u.askAfter = now.Add(cancelledRest)
	default:
		u.Fate, u.askAfter = FateUnknown, now.Add(max(r.outcome.Delay, a.Config.MaxBackoff))
	}
	a.lines.ReliefAt = now // what it says may free memory
}

// LeaveDoubtful lets batches leave memory whose fate nobody answers, oldest
// first, as far as they hold more than half of the budget together. Their lines
// may be stored twice then, which is counted and logged. What has no trouble any more
// waits for a slot only.
func (a *Attempts) LeaveDoubtful(now time.Time) {
	var doubtful []*Upload
	held := int64(0)
	for n := range a.lines.Namespaces() {
		for _, u := range n.Uploads {
			if n.Troubled() && u.Ambiguous() && u.Fate == FateUnknown {
				doubtful = append(doubtful, u)
				held += u.Batch.Memory()
			}
		}
	}
	slices.SortFunc(doubtful, func(x, y *Upload) int {
		return cmp.Or(x.began.Compare(y.began), cmp.Compare(x.Namespace.Name, y.Namespace.Name))
	})
	for _, u := range doubtful {
		if held <= a.Budget.Limit()/2 {
			return
		}
		held -= u.Batch.Memory()
		u.Fate = FateUnproven
		a.lines.Shed(u.Namespace, now)
	}
}

// AskBeforeEnd asks about every batch that the drain is going to give up.
func (a *Attempts) AskBeforeEnd(now time.Time) {
	if a.Mode != assignment.Draining || !now.Before(a.Drain.Deadline) {
		return
	}
	a.AskAmbiguous(now, func(n *Namespace, u *Upload) bool {
		rests := a.Rests(n, now)
		return u.Fate == FateUnasked && (n.IsHeld() || n.TooSlow || rests && (a.Drain.Reason == assignment.ForRebalance || n.WakeAt().After(a.Drain.Deadline)))
	})
}

// Rests reports whether no attempt of the namespace may begin before a rest is over.
func (a *Attempts) Rests(n *Namespace, now time.Time) bool {
	return n.WakeAt().After(now) || a.Pacer.Paused(now) || a.Pacer.AnyShut()
}

// ReportRepeat counts and logs once that a batch is sent again, or leaves memory,
// although it may be stored.
func (l *Lines) ReportRepeat(u *Upload, may bool) {
	if u.mayRepeat || !may {
		return
	}
	u.mayRepeat = true
	l.Metrics.PossibleRepeats.Inc()
	l.Log.Warn("a batch may be stored twice: an upload of it got no answer, and neither the store nor the API can say whether it arrived",
		"namespace", u.Namespace.Name, "request_id", u.Import.RequestID(), "records", u.Batch.Records, "offsets", offsetsOf(u.Pieces))
}
