package imports

import (
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/importer"
)

// Attempted takes the result of an attempt, or of another call for a batch.
func (a *Attempts) Attempted(r result) {
	now := time.Now()
	n, ended := r.namespace, Attempting
	if u := r.upload; u != nil {
		ended, u.Call = u.Call, NoCall
	} else {
		n.probe = r.probe
	}
	if ended == Preparing {
		a.prepared(r, now)
	} else {
		a.Pacer.Ended(n.Namespace, r.troubled)
		if r.upload != nil {
			a.lines.ReportRepeat(r.upload, r.upload.Import.MayRepeat())
		}
		a.Requests.Note(n.Name, r.outcome.RequestID)
		if ended == Asking {
			a.answered(r, now)
		} else {
			a.judge(r, now)
		}
	}
	a.afterAttempt(r, now)
}

// prepared takes the answer to a call for a URL. A failure counts like one of the
// attempt that it would have met; the batch in front goes on. If that one has left memory
// meanwhile, this one must not overtake it, and follows.
func (a *Attempts) prepared(r result, now time.Time) {
	n, u := r.namespace, r.upload
	a.Pacer.EndedPreparing()
	switch r.outcome.Class {
	case importer.Stored:
		a.apiAccepted(n)
	case importer.Cancelled:
	default:
		a.judge(r, now)
	}
	if n.Dropping() && slices.Contains(n.Uploads, u) {
		a.lines.shedUpload(n, u, now)
	}
}

// judge applies what an attempt has come to.
func (a *Attempts) judge(r result, now time.Time) {
	n := r.namespace
	if c := r.outcome.Class; c == importer.Stored || c == importer.Refused || c.Retries() && r.outcome.Operation == importer.OperationUpload {
		a.apiAccepted(n)
	}
	switch r.outcome.Class {
	case importer.Stored:
		a.succeeded(r, now)
	case importer.Refused:
		a.refused(r, now)
	case importer.Missing:
		a.Pacer.Unproven(pace.Credentials)
		a.missing(r, now)
	case importer.Unauthorised:
		a.Pacer.Unproven(pace.Place)
		a.unauthorised(r, now)
	case importer.Cancelled:
		n.RestUntil(now.Add(cancelledRest))
	default:
		a.Pacer.Unproven(pace.Credentials, pace.Place)
		a.failed(r, tryAgain, now)
	}
}

// cancelledRest is the pause after an attempt that the lease has ended.
const cancelledRest = time.Second

// afterAttempt sheds the batch, if there is one left, of a namespace without room, and
// lets the namespace wait for its next turn.
func (a *Attempts) afterAttempt(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if n.Resting() && a.Mode == assignment.Running && slices.Contains(n.Uploads, u) && u.MayLeave() {
		a.lines.shedUpload(n, u, now)
	}
	a.lines.changed(n, now)
}

// An upload URL takes one or two KiB that no budget counts. Where very many namespaces are
// known each might keep one: after an outage of the API, and while the store is away.
const (
	// mostProbed is up to how many namespaces the URL that a probe has brought is kept
	// for the next batch.
	mostProbed = 256

	// mostFailed is up to how many namespaces a batch that the store has not taken keeps
	// its URL for its next attempt.
	mostFailed = 4096
)

// succeeded settles what is stored.
func (a *Attempts) succeeded(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if u == nil {
		if a.Pacer.Len() > mostProbed {
			n.probe.Drop()
			n.probe = nil
		}
		a.lines.beginTrial(n)
		return
	}
	if r.conclusive() {
		a.cleared(n, now)
	}
	n.stores, a.LastStored = true, now
	a.Taste.Stored()
	// An import that is cut off may be stored all the same, and repeated by the
	// next owner: better not begin what would take as long as this one did.
	n.TooSlow = a.Mode == assignment.Draining && now.Add(now.Sub(r.began)).After(a.Drain.Deadline) && !a.Orphaned()
	a.imported(r, now)
}

// imported counts and logs a batch that is stored, and ends it.
func (a *Attempts) imported(r result, now time.Time) {
	n, u := r.namespace, r.upload
	a.Metrics.Stored(u.Batch, now)
	a.Log.Info("imported",
		"namespace", n.Name, "request_id", r.outcome.RequestID, "records", u.Batch.Records, "bytes", u.Batch.Bytes,
		"reason", u.Batch.Reason.String(), "attempts", u.Import.Attempts(), "duration", now.Sub(u.began).Round(time.Millisecond).String(), "offsets", offsetsOf(u.Pieces))
	a.Stored(a.filing.file(u, r.outcome.RequestID, now))
}

// conclusive reports whether the attempt says anything about the namespace's trouble:
// not if it was under way beside the one that failed.
func (r *result) conclusive() bool {
	return !r.namespace.Troubled() || r.began.After(r.namespace.Since())
}

// cleared ends a namespace's trouble.
func (a *Attempts) cleared(n *Namespace, now time.Time) {
	if n.Troubled() {
		a.Log.Info("imports of the namespace succeed again", "namespace", n.Name, "after", now.Sub(n.Since()).Round(time.Millisecond).String())
	}
	n.Clear()
	if len(n.Shed) > 0 {
		a.lines.CatchUp.want(n)
	}
}

// settle ends an upload whose every line is stored.
func (l *Lines) settle(u *Upload) {
	l.settlePieces(u.Pieces)
	l.remove(u)
}

// settlePieces settles the nodes of what is stored.
func (l *Lines) settlePieces(pieces []piece) {
	for _, pc := range pieces {
		if !pc.takenBack() {
			l.assignment.SettleNode(pc.Partition, pc.Node)
		}
	}
}

// remove takes an upload out of its namespace and frees its memory.
func (l *Lines) remove(u *Upload) {
	n := u.Namespace
	n.Uploads = slices.DeleteFunc(n.Uploads, func(other *Upload) bool { return other == u })
	u.Drop()
	u.Pieces = nil
	u.Batch.Release()
}

// tryAgain is the message of a failure that concerns one namespace, as far as is known.
const tryAgain = "import attempt failed; it will be tried again"

// failed lets the namespace rest after an attempt that may succeed later, and lets the
// batch of a trial go that has failed. The message is logged with
// the first attempt for each operation, reason and status, and then once a minute:
// where many namespaces meet the same fault, /status names them. "" is logged already.
func (a *Attempts) failed(r result, message string, now time.Time) {
	n, o := r.namespace, &r.outcome
	if u := r.upload; u != nil && a.Pacer.Len() > mostFailed && !u.Ambiguous() {
		u.Drop()
	}
	endsTrial := n.Fail(now, pace.Failure{Delay: o.Delay, RetryAfter: o.RetryAfter, Err: o.Err, KeepsTrial: slices.ContainsFunc(n.Uploads, (*Upload).Ambiguous)})
	if o.Throttled && o.RetryAfter > 0 {
		a.Pacer.Throttle(n.Namespace, now, o.RetryAfter)
	}
	if message != "" {
		a.Faults.Log(now, message, fmt.Sprintf("import/%s/%s/%d", o.Operation, o.Reason, o.Status),
			"namespace", n.Name, "operation", o.Operation, "status", o.Status, "request_id", o.RequestID,
			"error", o.Err, "next_attempt_in", o.Delay.Round(time.Millisecond).String())
	}
	if endsTrial {
		a.lines.Shed(n, now)
	}
}
