package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/record"
)

// take receives a chunk. A chunk is taken in whole or, when the budget has no
// room for it, waits as pending while nothing else is received.
func (s *intake) take(c *fetch.Chunk) {
	now := time.Now()
	if !s.takeIn(c, now) {
		s.wait(c, now)
		return
	}
	s.pending = nil
	c.Recycle()
}

// takeIn takes in what is still wanted of a chunk. It reports false where there is no
// room for it.
func (s *intake) takeIn(c *fetch.Chunk, now time.Time) bool {
	p := s.Partitions[c.Cursor.TopicPartition]
	stale := p == nil || p.Cursor != c.Cursor || c.Epoch != c.Cursor.Epoch.Load()
	switch {
	case c.CatchUp != nil:
		return s.takeCatchUp(c, p, now)
	case stale || s.Mode != assignment.Running:
	case c.Fault != nil:
		s.faulted(p, c.Fault, now)
	case c.Start != p.Ledger.Position(): // would be a mistake in this package, and costs neither a record nor a repeat
		s.Faults.Log(now, "a read did not go on where the last one ended; it is made again", "astray/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", c.Start, "position", p.Ledger.Position())
		s.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now.Add(fetch.Backoff))
	case !s.LetterQueue.Fits(c.Originals()):
		s.Await(p, assignment.AwaitsLetters)
	case !s.MarksFit(c, p):
		s.Await(p, assignment.AwaitsMarks)
	case !s.room(c, now):
		return false
	default:
		s.absorb(c, p, now)
	}
	return true
}

// retryPending tries the waiting chunk again, but only once its last known cost fits,
// or when no import is in flight that could free memory.
func (s *intake) retryPending(now time.Time) {
	if s.pending != nil && (s.Pacer.InFlight() == 0 || s.makeRoom(s.pendingCost, now)) {
		s.take(s.pending)
	}
}

// absorb does the bookkeeping of one chunk: every record of it ends up in a
// batch, in a node, or counted as done, and only then the position moves.
func (s *intake) absorb(c *fetch.Chunk, p *assignment.Partition, now time.Time) {
	s.fit(c, p)
	s.Metrics.Consumed(p.Topic, c.Records)
	if c.Oversized != nil {
		s.HoldRange(p, c, now)
	}
	for i := range c.Rejects {
		s.rejected(p, &c.Rejects[i], now)
	}
	for i := range c.Groups {
		s.absorbGroup(c.Groups[i].Namespace, c.Groups[i].Lines, p, now)
	}
	if c.Oversized == nil && p.Ledger.Inheriting() {
		s.compacted(p, c)
	}
	before := p.Ledger.Watermark()
	p.Ledger.Advance(c.Next)
	if p.Ledger.Watermark() > before {
		p.Touch()
	}
	s.Taste.Read(c.Bytes)
	if c.Records > 0 {
		p.LastSeen = c.LastTime
	}
	if p.Ledger.Position() >= p.Cursor.StableOffset.Load() {
		p.CaughtUp = now
	}
	p.Backoff = 0
	s.Mend(p)
	s.PauseOrResume(p)
}

// fit cuts off what a chunk has behind the last single record that the partition may
// have: it is read again when there is room.
func (s *intake) fit(c *fetch.Chunk, p *assignment.Partition) {
	room := assignment.MaxSingles - p.Ledger.Singles()
	if len(c.Rejects) <= room {
		return
	}
	for i := range c.Rejects {
		if r := &c.Rejects[i]; s.Config.PolicyFor(r.Reason) != record.Skip && !p.Ledger.RecordDone(r.Offset) {
			if room--; room < 0 {
				c.Cut(r.Offset)
				return
			}
		}
	}
}

// absorbGroup adds a namespace's lines of one chunk to its batches. Most
// namespaces are not known to the pacer: they have nothing to import yet, and where
// there are very many to know each of them would cost more than its lines.
func (s *intake) absorbGroup(name string, lines []fetch.Line, p *assignment.Partition, now time.Time) {
	n := s.Lookup(name)
	done := 0
	for i := range lines {
		l := &lines[i]
		if p.Ledger.Done(name, l.Offset) {
			done++
			continue
		}
		if n != nil && (n.Dropping() || n.Shed[p] != nil) {
			if n.Shed[p] == nil {
				s.DropFrom(n, p, l.Offset, l.Time, now)
			}
			break // the node stands for all that follow
		}
		s.Add(name, p, l, 0, now)
	}
	if done > 0 {
		s.Metrics.Skipped.WithLabelValues(p.Topic, "already_imported").Add(float64(done))
	}
}

// rejected applies the policy to a record that becomes no line.
func (s *intake) rejected(p *assignment.Partition, r *fetch.Rejected, now time.Time) {
	if r.Reason == record.Operator { // perhaps of a namespace that an earlier owner could not finish
		s.Metrics.Skipped.WithLabelValues(p.Topic, "operator").Inc()
		s.Log.Info("record left out by BRIDGE_SKIP_RECORDS", "topic", p.Topic, "partition", p.Partition, "offset", r.Offset)
		return
	}
	if p.Ledger.RecordDone(r.Offset) {
		s.Metrics.Skipped.WithLabelValues(p.Topic, "already_imported").Inc()
		return
	}
	if r.Reason == record.Receipt {
		s.Metrics.Skipped.WithLabelValues(p.Topic, "receipt").Inc()
		s.Faults.Log(now, "record left out", p.Topic+"/receipt", "topic", p.Topic, "partition", p.Partition, "offset", r.Offset, "reason", "receipt", "detail", r.Detail)
		return
	}
	policy, tombstone := s.Config.PolicyFor(r.Reason), r.Reason == record.Tombstone
	if !tombstone {
		s.Metrics.Rejected.WithLabelValues(p.Topic, r.Reason.String()).Inc()
	}
	l, detail := letters.Of(r), r.Detail
	if l != nil && l.IsLetter() {
		l, detail = nil, detail+" (it is a dead letter of a bridge already, so it is held instead of dead-lettered again)"
	}
	if !tombstone || policy != record.Skip {
		s.Faults.Log(now, "record cannot be imported", p.Topic+"/"+r.Reason.String(),
			"topic", p.Topic, "partition", p.Partition, "offset", r.Offset, "reason", r.Reason.String(), "detail", detail, "policy", policy)
	}
	switch {
	case policy == record.Skip && tombstone:
		s.Metrics.Skipped.WithLabelValues(p.Topic, "tombstone").Inc()
	case policy == record.Skip:
		s.Metrics.Skipped.WithLabelValues(p.Topic, "invalid").Inc()
	case policy == record.DeadLetter && l != nil:
		l.Describe(r.Reason.String(), detail)
		s.DeadLetter(p, l, now)
	default:
		s.HoldRecord(p, r.Offset, r.Time, r.Reason.String()+": "+detail, now)
	}
}
