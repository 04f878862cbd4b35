package imports

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/importer"
)

// Queue makes a sealed batch wait for its import.
func (s *Lines) Queue(b *batcher.Batch, now time.Time) {
	n := s.Namespace(b.Namespace)
	m, _ := b.Tag.(*Manifest)
	u := &Upload{Namespace: n, Batch: b}
	if m != nil {
		u.Pieces = m.Pieces
	}
	s.Metrics.Flushed(b)
	n.Uploads = append(n.Uploads, u)
	s.busy(n)
	s.Pacer.Enqueue(n.Namespace, now)
	s.mayPrepare(n)
}

// maxLettered is how many refused batches of a namespace may be on their way to
// the dead-letter topic before the next one fills up to the hard bounds: should
// the topic be away for days, they must not become ever more.
const maxLettered = 16

// busy keeps age from sealing the open batch while as many imports of the
// namespace are unfinished as may be under way: it goes on filling.
func (s *Lines) busy(n *Namespace) {
	s.Batches.SetBusy(n.Name, len(n.Uploads)-min(n.Lettered, maxLettered) >= s.Config.NamespaceConcurrency)
}

// Dispatch starts attempts while there are slots and namespaces that want one.
func (s *Attempts) Dispatch(now time.Time) {
	if s.Mode == assignment.Fenced || s.receiptsFull() {
		return
	}
	for next := s.Pacer.Next(now); next != nil; next = s.Pacer.Next(now) {
		n := WorkOf(next)
		switch u := n.startable(s.Config.NamespaceConcurrency); {
		case u != nil:
			s.startUpload(n, u, now)
		case s.Mode == assignment.Running:
			s.startProbe(n)
		default:
			continue // a drain waits for nothing that it cannot store
		}
		s.Pacer.Enqueue(n.Namespace, now)
	}
	s.prepareNext(now)
}

// startUpload makes one attempt in a goroutine that ends with its result.
func (s *Attempts) startUpload(n *Namespace, u *Upload, now time.Time) {
	if u.Import == nil {
		if u.Import = n.probe; u.Import != nil {
			n.probe = nil
			u.Import.SetBody(u.Batch.Body(), u.Batch.Bytes)
		} else {
			u.Import = s.Importer.NewImport(n.Name, u.Batch.Body(), u.Batch.Bytes)
		}
	}
	if u.began.IsZero() {
		u.began = now
	}
	u.Call = Attempting
	if u.Fate == FateUnproven {
		u.Fate = FateUnasked // this attempt may store it
	}
	s.attempt(s.Ctx, n, u, u.Import.Attempt)
	s.mayPrepare(n)
}

// startProbe asks the API for an upload URL for a namespace whose lines have
// left memory.
func (s *Attempts) startProbe(n *Namespace) {
	n.probe = s.Importer.Probe(n.Name)
	s.attempt(s.Probes, n, nil, n.probe.Create)
}

func (s *Attempts) attempt(ctx context.Context, n *Namespace, u *Upload, call attemptFunc) {
	s.send(ctx, call, result{namespace: n, upload: u, troubled: s.Pacer.Began(n.Namespace)})
}

// send makes the call in a goroutine that ends with its result.
func (s *Attempts) send(ctx context.Context, call attemptFunc, r result) {
	guard, results := s.Member.Lease.Check, s.Results
	s.Tasks.Go(func() {
		r.began = time.Now()
		r.outcome = call(ctx, guard)
		results <- r
	})
}

// Attempted takes the result of an attempt, or of another call for a batch.
func (s *Attempts) Attempted(r result) {
	now := time.Now()
	n, ended := r.namespace, Attempting
	if u := r.upload; u != nil {
		ended, u.Call = u.Call, NoCall
	}
	if ended == Preparing {
		s.prepared(r, now)
		return
	}
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
	s.afterAttempt(r, now)
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
		s.failed(r, now)
	}
}

// cancelledRest is the pause after an attempt that the lease has ended.
const cancelledRest = time.Second

// afterAttempt sheds what an unsuccessful attempt of a namespace without room
// leaves behind, and lets the namespace wait for its next turn.
func (s *Attempts) afterAttempt(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if u != nil && n.Resting() && r.outcome.Class != importer.Stored && !u.Lettering && s.Mode == assignment.Running && u.MayLeave() {
		s.shedUpload(n, u, now)
	}
	s.busy(n)
	s.Pacer.Enqueue(n.Namespace, now)
	s.Pacer.Forget(n.Namespace)
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
	done := process.StoredImport{Namespace: n.Name, RequestID: r.outcome.RequestID, Records: u.Batch.Records, Bytes: u.Batch.Bytes, At: now}
	done.Receipt = s.file(u, r.outcome.RequestID, now)
	s.Stored(done)
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

// settle ends an upload whose every line is stored or dead-lettered.
func (s *Lines) settle(u *Upload) {
	s.settlePieces(u.Pieces)
	s.remove(u)
}

// settlePieces settles the nodes of what is stored or dead-lettered.
func (s *Lines) settlePieces(pieces []piece) {
	for _, pc := range pieces {
		if pc.Node.Partition() != pc.Partition.Ledger {
			continue // the partition started over meanwhile
		}
		if err := pc.Partition.Ledger.Settle(pc.Node); err != nil {
			s.Log.Error("ledger refused to settle", "topic", pc.Partition.Topic, "partition", pc.Partition.Partition, "error", err)
			continue
		}
		pc.Partition.Touch()
		s.PauseOrResume(pc.Partition)
	}
}

// remove takes an upload out of its namespace and frees its memory.
func (s *Lines) remove(u *Upload) {
	n := u.Namespace
	for i, other := range n.Uploads {
		if other == u {
			n.Uploads = append(n.Uploads[:i], n.Uploads[i+1:]...)
			break
		}
	}
	u.Drop()
	u.Pieces = nil
	u.Batch.Release()
}

// failed lets the namespace rest after an attempt that may succeed later.
func (s *Attempts) failed(r result, now time.Time) {
	n := r.namespace
	endsTrial := s.fail(r, now)
	if r.outcome.Throttled && r.outcome.RetryAfter > 0 {
		s.Pacer.Throttle(n.Namespace, now, r.outcome.RetryAfter)
	}
	s.tellFailure(r, now, "import attempt failed; it will be tried again")
	s.afterFailure(r, endsTrial, now)
}

// fail notes a failure that may pass. It reports whether the batch of a trial
// has to leave memory again.
func (s *Attempts) fail(r result, now time.Time) (endsTrial bool) {
	n, o := r.namespace, &r.outcome
	return n.Fail(now, pace.Failure{Delay: o.Delay, RetryAfter: o.RetryAfter, Err: o.Err, KeepsTrial: slices.ContainsFunc(n.Uploads, (*Upload).Ambiguous)})
}

// afterFailure lets a failed probe go, and the batch of a trial that has failed.
func (s *Attempts) afterFailure(r result, endsTrial bool, now time.Time) {
	n := r.namespace
	if r.upload == nil || endsTrial || n.State() == pace.Trial {
		n.probe = nil
	}
	if endsTrial {
		s.Shed(n, now)
	}
}

// tellFailure tells of an attempt that will be repeated, the first one for each
// operation, reason and status, and then one a minute: where many namespaces
// meet the same fault, /status names them.
func (s *Attempts) tellFailure(r result, now time.Time, message string) {
	o := &r.outcome
	s.Faults.Log(now, message, fmt.Sprintf("import/%s/%s/%d", o.Operation, o.Reason, o.Status),
		"namespace", r.namespace.Name, "operation", o.Operation, "status", o.Status, "request_id", o.RequestID,
		"error", o.Err, "next_attempt_in", o.Delay.Round(time.Millisecond).String())
}
