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
func (s *Attempts) Attempted(r result) {
	now := time.Now()
	n, ended := r.namespace, Attempting
	if u := r.upload; u != nil {
		ended, u.Call = u.Call, NoCall
	} else {
		n.probe = r.probe
	}
	if ended == Preparing {
		s.prepared(r, now)
	} else {
		s.Pacer.Ended(n.Namespace, r.troubled)
		if r.upload != nil {
			s.TellRepeat(r.upload, r.upload.Import.MayRepeat())
		}
		s.Requests.Note(n.Name, r.outcome.RequestID)
		if ended == Asking {
			s.answered(r, now)
		} else {
			s.judge(r, now)
		}
	}
	s.afterAttempt(r, now)
}

// prepared takes the answer to a call for a URL. A failure counts like one of the
// attempt that it would have met; the batch in front goes on.
func (s *Attempts) prepared(r result, now time.Time) {
	s.Pacer.EndedPreparing()
	switch r.outcome.Class {
	case importer.Stored:
		s.apiAccepted(r.namespace)
	case importer.Cancelled:
	default:
		s.judge(r, now)
	}
}

// judge applies what an attempt has come to.
func (s *Attempts) judge(r result, now time.Time) {
	n := r.namespace
	if c := r.outcome.Class; c == importer.Stored || c == importer.Refused || c.Retries() && r.outcome.Operation == importer.OperationUpload {
		s.apiAccepted(n)
	}
	switch r.outcome.Class {
	case importer.Stored:
		s.succeeded(r, now)
	case importer.Refused:
		s.refused(r, now)
	case importer.Missing:
		s.Pacer.Unproven(pace.Credentials)
		s.missing(r, now)
	case importer.Unauthorised:
		s.Pacer.Unproven(pace.Place)
		s.unauthorised(r, now)
	case importer.Cancelled:
		n.RestUntil(now.Add(cancelledRest))
	default:
		s.Pacer.Unproven(pace.Credentials, pace.Place)
		s.failed(r, tryAgain, now)
	}
}

// cancelledRest is the pause after an attempt that the lease has ended.
const cancelledRest = time.Second

// afterAttempt sheds the batch, if there is one left, of a namespace without room, and
// lets the namespace wait for its next turn.
func (s *Attempts) afterAttempt(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if n.Resting() && s.Mode == assignment.Running && slices.Contains(n.Uploads, u) && u.MayLeave() {
		s.shedUpload(n, u, now)
	}
	s.changed(n, now)
}

// succeeded settles what is stored.
func (s *Attempts) succeeded(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if u == nil {
		s.beginTrial(n, now)
		return
	}
	if r.tells() {
		s.cleared(n, now)
	}
	n.stores, s.LastStored = true, now
	s.Taste.Stored()
	// An import that is cut off may be stored all the same, and repeated by the
	// next owner: better not begin what would take as long as this one did.
	n.TooSlow = s.Mode == assignment.Draining && now.Add(now.Sub(r.began)).After(s.Drain.Deadline) && !s.Orphaned()
	s.imported(r, now)
}

// imported counts and logs a batch that is stored, and ends it.
func (s *Attempts) imported(r result, now time.Time) {
	n, u := r.namespace, r.upload
	s.Metrics.Stored(u.Batch, now)
	s.Log.Info("imported",
		"namespace", n.Name, "request_id", r.outcome.RequestID, "records", u.Batch.Records, "bytes", u.Batch.Bytes,
		"reason", u.Batch.Reason.String(), "attempts", u.Import.Attempts(), "duration", now.Sub(u.began).Round(time.Millisecond).String(), "offsets", offsetsOf(u.Pieces))
	s.Stored(s.file(u, r.outcome.RequestID, now))
}

// tells says whether the attempt says anything about the namespace's trouble:
// not if it was under way beside the one that failed.
func (r *result) tells() bool {
	return !r.namespace.Troubled() || r.began.After(r.namespace.Since())
}

// cleared ends a namespace's trouble.
func (s *Attempts) cleared(n *Namespace, now time.Time) {
	if n.Troubled() {
		s.Log.Info("imports of the namespace succeed again", "namespace", n.Name, "after", now.Sub(n.Since()).Round(time.Millisecond).String())
	}
	n.Clear()
	if len(n.Shed) > 0 {
		s.CatchUp.want(n)
	}
}

// settle ends an upload whose every line is stored.
func (s *Lines) settle(u *Upload) {
	s.settlePieces(u.Pieces)
	s.remove(u)
}

// settlePieces settles the nodes of what is stored.
func (s *Lines) settlePieces(pieces []piece) {
	for _, pc := range pieces {
		if !pc.takenBack() {
			s.SettleNode(pc.Partition, pc.Node)
		}
	}
}

// remove takes an upload out of its namespace and frees its memory.
func (s *Lines) remove(u *Upload) {
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
func (s *Attempts) failed(r result, message string, now time.Time) {
	n, o := r.namespace, &r.outcome
	endsTrial := n.Fail(now, pace.Failure{Delay: o.Delay, RetryAfter: o.RetryAfter, Err: o.Err, KeepsTrial: slices.ContainsFunc(n.Uploads, (*Upload).Ambiguous)})
	if o.Throttled && o.RetryAfter > 0 {
		s.Pacer.Throttle(n.Namespace, now, o.RetryAfter)
	}
	if message != "" {
		s.Faults.Log(now, message, fmt.Sprintf("import/%s/%s/%d", o.Operation, o.Reason, o.Status),
			"namespace", n.Name, "operation", o.Operation, "status", o.Status, "request_id", o.RequestID,
			"error", o.Err, "next_attempt_in", o.Delay.Round(time.Millisecond).String())
	}
	if endsTrial {
		s.Shed(n, now)
	}
}
