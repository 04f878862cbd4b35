package consumer

import (
	"context"
	"fmt"
	"time"

	"kafka-import-bridge/internal/batcher"
)

// queue makes a sealed batch wait for its import.
func (s *session) queue(b *batcher.Batch, now time.Time) {
	n := s.pacer.get(b.Namespace)
	m, _ := b.Tag.(*manifest)
	u := &upload{namespace: n, batch: b}
	if m != nil {
		u.pieces = m.pieces
	}
	s.metrics.flushed(b)
	n.uploads = append(n.uploads, u)
	s.busy(n)
	s.pacer.enqueue(n, now)
}

// maxLettered is how many refused batches of a namespace may be on their way to
// the dead-letter topic before the next one fills up to the hard bounds: should
// the topic be away for days, they must not become ever more.
const maxLettered = 16

// busy keeps age from sealing the open batch while as many imports of the
// namespace are unfinished as may be under way: it goes on filling.
func (s *session) busy(n *namespace) {
	s.batches.SetBusy(n.name, len(n.uploads)-min(n.lettered, maxLettered) >= s.cfg.NamespaceConcurrency)
}

// dispatch starts attempts while there are slots and namespaces that want one.
func (s *session) dispatch(now time.Time) {
	if s.mode == fenced {
		return
	}
	for n := s.pacer.next(now); n != nil; n = s.pacer.next(now) {
		switch u := n.startable(s.cfg.NamespaceConcurrency); {
		case u != nil:
			s.startUpload(n, u, now)
		case s.mode == running:
			s.startProbe(n)
		default:
			continue // a drain waits for nothing that it cannot store
		}
		s.pacer.enqueue(n, now)
	}
}

// startUpload makes one attempt in a goroutine that ends with its result.
func (s *session) startUpload(n *namespace, u *upload, now time.Time) {
	if u.imp == nil {
		if u.imp = n.probe; u.imp != nil {
			n.probe = nil
			u.imp.SetBody(u.batch.Body(), u.batch.Bytes)
		} else {
			u.imp = s.importer.NewImport(n.name, u.batch.Body(), u.batch.Bytes)
		}
		u.began = now
	}
	u.flying = true
	s.attempt(s.ctx, n, u, u.imp.Attempt)
}

// startProbe asks the API for an upload URL for a namespace whose lines have
// left memory.
func (s *session) startProbe(n *namespace) {
	n.probe = s.importer.Probe(n.name)
	s.attempt(s.probes, n, nil, n.probe.Create)
}

func (s *session) attempt(ctx context.Context, n *namespace, u *upload, call attemptFunc) {
	troubled := n.troubled()
	s.pacer.began(n)
	s.wg.Go(func() {
		began := time.Now()
		out := call(ctx, s.ownership.check)
		s.results <- result{n, u, out, troubled, began} // has room for every slot
	})
}

// attempted takes the result of an attempt.
func (s *session) attempted(r result) {
	now := time.Now()
	n := r.namespace
	s.pacer.ended(n, r.troubled)
	s.pacer.trying = false
	if u := r.upload; u != nil {
		u.flying = false
		s.tellRepeat(u)
	}
	s.pacer.requests.note(n.name, r.outcome.RequestID)
	if c := r.outcome.Class; c == Stored || c == Refused || c == Retry && r.outcome.Operation == operationUpload {
		s.credentialsAccepted(n)
	}
	switch r.outcome.Class {
	case Stored:
		s.succeeded(r, now)
	case Refused:
		s.refused(r, now)
	case Unauthorised:
		s.unauthorised(r, now)
	case Cancelled:
		n.wakeAt = now.Add(cancelledRest)
	default:
		s.failed(r, now)
	}
	s.afterAttempt(r, now)
}

const (
	operationUpload = "upload"
	// cancelledRest is the pause after an attempt that the lease has ended.
	cancelledRest = time.Second
)

// afterAttempt sheds what an unsuccessful attempt of a namespace without room
// leaves behind, and lets the namespace wait for its next turn.
func (s *session) afterAttempt(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if u != nil && n.dropping && !n.trial && r.outcome.Class != Stored && !u.lettering && s.mode == running && (n.state == held || !u.ambiguous()) {
		s.shedUpload(n, u, now)
	}
	s.busy(n)
	s.pacer.enqueue(n, now)
	s.pacer.forget(n)
}

// tellRepeat tells once of a batch that has lost the URL under which it may be
// stored already.
func (s *session) tellRepeat(u *upload) {
	if u.mayRepeat || !u.imp.MayRepeat() {
		return
	}
	u.mayRepeat = true
	s.metrics.possibleRepeats.Inc()
	s.log.Warn("a batch may be stored twice: the upload URL that may have taken it is of no use any more",
		"namespace", u.namespace.name, "request_id", u.imp.RequestID(), "records", u.batch.Records, "offsets", offsetsOf(u.pieces))
}

// succeeded settles what is stored.
func (s *session) succeeded(r result, now time.Time) {
	n, u := r.namespace, r.upload
	if u == nil {
		s.beginTrial(n, now)
		return
	}
	if r.tells() {
		s.cleared(n, now)
	}
	s.pacer.lastStored = now
	// An import that is cut off may be stored all the same, and repeated by the
	// next owner: better not begin what would take as long as this one did.
	n.tooSlow = s.mode == draining && now.Add(now.Sub(r.began)).After(s.drain.deadline) && !s.orphaned()
	s.metrics.stored(u.batch, now)
	s.log.Info("imported",
		"namespace", n.name, "request_id", r.outcome.RequestID, "records", u.batch.Records, "bytes", u.batch.Bytes,
		"reason", u.batch.Reason.String(), "attempts", u.imp.Attempts(), "duration", now.Sub(u.began).Round(time.Millisecond).String(), "offsets", offsetsOf(u.pieces))
	s.settle(u)
}

// tells says whether the attempt says anything about the namespace's trouble:
// not if it was under way beside the one that failed.
func (r *result) tells() bool {
	return !r.namespace.troubled() || r.began.After(r.namespace.since)
}

// cleared ends a namespace's trouble.
func (s *session) cleared(n *namespace, now time.Time) {
	if n.troubled() {
		s.log.Info("imports of the namespace succeed again", "namespace", n.name, "after", now.Sub(n.since).Round(time.Millisecond).String())
	}
	n.state, n.failures, n.lastError, n.holdReason, n.wakeAt = ordinary, 0, "", "", time.Time{}
	n.dropping, n.trial, n.refused = false, false, nil
	if len(n.shed) > 0 {
		s.catchUp.want(n)
	}
}

// settle ends an upload whose every line is stored or dead-lettered.
func (s *session) settle(u *upload) {
	for _, pc := range u.pieces {
		if pc.node.Partition() != pc.partition.ledger {
			continue // the partition started over meanwhile
		}
		if err := pc.partition.ledger.Settle(pc.node); err != nil {
			s.log.Error("ledger refused to settle", "topic", pc.partition.Topic, "partition", pc.partition.Partition, "error", err)
			continue
		}
		pc.partition.touch()
		s.pauseHeld(pc.partition)
	}
	s.remove(u)
}

// remove takes an upload out of its namespace and frees its memory.
func (s *session) remove(u *upload) {
	n := u.namespace
	for i, other := range n.uploads {
		if other == u {
			n.uploads = append(n.uploads[:i], n.uploads[i+1:]...)
			break
		}
	}
	u.pieces = nil
	u.batch.Release()
}

// failed lets the namespace rest after an attempt that may succeed later.
func (s *session) failed(r result, now time.Time) {
	n := r.namespace
	s.troubled(n, r, now)
	if n.state != held {
		n.state = retrying
	}
	n.wakeAt = now.Add(r.outcome.Delay)
	if r.outcome.Throttled && r.outcome.RetryAfter > 0 {
		s.pacer.throttle(n, now, r.outcome.RetryAfter)
	}
	s.tellFailure(r, now, "import attempt failed; it will be tried again")
	if r.upload == nil || n.trial {
		s.endTrial(n)
	}
}

// tellFailure tells of an attempt that will be repeated, the first one for each
// operation, reason and status, and then one a minute: where many namespaces
// meet the same fault, /status names them.
func (s *session) tellFailure(r result, now time.Time, message string) {
	o := &r.outcome
	s.faults.Log(now, message, fmt.Sprintf("import/%s/%s/%d", o.Operation, o.Reason, o.Status),
		"namespace", r.namespace.name, "operation", o.Operation, "status", o.Status, "request_id", o.RequestID,
		"error", o.Err, "next_attempt_in", o.Delay.Round(time.Millisecond).String())
}

// troubled notes a failure.
func (s *session) troubled(n *namespace, r result, now time.Time) {
	if n.failures++; n.since.IsZero() || n.state == ordinary {
		n.since = now
	}
	if r.outcome.Err != nil {
		n.lastError = r.outcome.Err.Error()
	}
}

// refused applies the policy to what the API or the store refuses for good.
func (s *session) refused(r result, now time.Time) {
	n, u, tells := r.namespace, r.upload, r.tells()
	s.troubled(n, r, now)
	if u != nil {
		s.metrics.refusedLines(u.pieces)
	}
	if s.cfg.OnRejected == DeadLetter {
		s.letterRefused(r, tells, now)
		return
	}
	if n.state != held {
		n.state, n.since = held, now
		n.holdReason = holdReason(r.outcome)
		s.log.Error("namespace held: an import was refused for good; its records wait in Kafka, the others go on",
			"namespace", n.name, "request_id", r.outcome.RequestID, "operation", r.outcome.Operation, "status", r.outcome.Status,
			"error", r.outcome.Err, "next_probe_in", s.cfg.HoldProbeInterval.String())
	}
	if u != nil {
		n.noteRefused(u.pieces)
	}
	n.wakeAt = now.Add(s.cfg.HoldProbeInterval)
	n.trial = false
	s.shed(n, now)
}
