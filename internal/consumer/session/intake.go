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
func (in *intake) take(c *fetch.Chunk) {
	now := time.Now()
	if !in.takeIn(c, now) {
		in.memory.wait(c, now)
		return
	}
	in.memory.pending = nil
	c.Recycle()
}

// takeIn takes in what is still wanted of a chunk. It reports false where there is no
// room for it.
func (in *intake) takeIn(c *fetch.Chunk, now time.Time) bool {
	p := in.assignment.Partitions[c.Cursor.TopicPartition]
	stale := p == nil || p.Cursor != c.Cursor || c.Epoch != c.Cursor.Epoch.Load()
	switch {
	case c.CatchUp != nil:
		return in.takeCatchUp(c, p, now)
	case stale || in.Mode != assignment.Running:
	case c.Fault != nil:
		in.faulted(p, c.Fault, now)
	case c.Start != p.Ledger.Position(): // would be a mistake of the bridge, and costs neither a record nor a repeat
		in.Faults.Log(now, "a read did not go on where the last one ended; it is made again", "astray/"+p.Topic,
			"topic", p.Topic, "partition", p.Partition, "offset", c.Start, "position", p.Ledger.Position())
		in.Fetcher.Reset(p.Cursor, p.Ledger.Position(), now.Add(fetch.Backoff))
	case !in.deadLetters.Queue.Fits(c.Originals()):
		in.assignment.Await(p, assignment.AwaitsLetters)
	case !in.lines.MarksFit(c, p):
		in.assignment.Await(p, assignment.AwaitsMarks)
	case !in.memory.room(c, now):
		return false
	default:
		in.absorb(c, p, now)
	}
	return true
}

// retryPending tries the waiting chunk again, but only once its last known cost fits,
// or when no import is in flight that could free memory.
func (in *intake) retryPending(now time.Time) {
	if in.memory.pending != nil && (in.Pacer.InFlight() == 0 || in.memory.makeRoom(in.memory.pendingCost, now)) {
		in.take(in.memory.pending)
	}
}

// absorb does the bookkeeping of one chunk: every record of it ends up in a
// batch, in a node, or counted as done, and only then the position moves.
func (in *intake) absorb(c *fetch.Chunk, p *assignment.Partition, now time.Time) {
	in.fit(c, p)
	in.Metrics.Consumed(p.Topic, c.Records)
	if c.Oversized != nil {
		in.assignment.HoldRange(p, c, now)
	}
	for i := range c.Rejects {
		in.rejected(p, &c.Rejects[i], now)
	}
	for i := range c.Groups {
		in.absorbGroup(c.Groups[i].Namespace, c.Groups[i].Lines, p, now)
	}
	if c.Oversized == nil && p.Ledger.Inheriting() {
		in.compacted(p, c)
	}
	before := p.Ledger.Watermark()
	p.Ledger.Advance(c.Next)
	if p.Ledger.Watermark() > before {
		p.Touch()
	}
	in.Taste.Read(c.Bytes)
	if c.Records > 0 {
		p.LastSeen = c.LastTime
	}
	if p.Ledger.Position() >= p.Cursor.StableOffset.Load() {
		p.CaughtUp = now
	}
	p.Backoff = 0
	in.assignment.Mend(p)
	in.assignment.PauseOrResume(p)
}

// fit cuts off what a chunk has behind the last single record that the partition may
// have: it is read again when there is room.
func (in *intake) fit(c *fetch.Chunk, p *assignment.Partition) {
	room := assignment.MaxSingles - p.Ledger.Singles()
	if len(c.Rejects) <= room {
		return
	}
	for i := range c.Rejects {
		if r := &c.Rejects[i]; in.Config.PolicyFor(r.Reason) != record.Skip && !p.Ledger.RecordDone(r.Offset) {
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
func (in *intake) absorbGroup(name string, lines []fetch.Line, p *assignment.Partition, now time.Time) {
	n := in.lines.Lookup(name)
	done := 0
	for i := range lines {
		l := &lines[i]
		if p.Ledger.Done(name, l.Offset) {
			done++
			continue
		}
		if n != nil && (n.Dropping() || n.Shed[p] != nil) {
			if n.Shed[p] == nil {
				in.lines.DropFrom(n, p, l.Offset, l.Time, now)
			}
			break // the node stands for all that follow
		}
		in.lines.Add(name, p, l, 0, now)
	}
	if done > 0 {
		in.Metrics.Skipped.WithLabelValues(p.Topic, "already_imported").Add(float64(done))
	}
}

// rejected applies the policy to a record that becomes no line.
func (in *intake) rejected(p *assignment.Partition, r *fetch.Rejected, now time.Time) {
	if r.Reason == record.Operator { // perhaps of a namespace that an earlier owner could not finish
		in.Metrics.Skipped.WithLabelValues(p.Topic, "operator").Inc()
		in.Log.Info("record left out by BRIDGE_SKIP_RECORDS", "topic", p.Topic, "partition", p.Partition, "offset", r.Offset)
		return
	}
	if p.Ledger.RecordDone(r.Offset) {
		in.Metrics.Skipped.WithLabelValues(p.Topic, "already_imported").Inc()
		return
	}
	if r.Reason == record.Receipt {
		in.Metrics.Skipped.WithLabelValues(p.Topic, "receipt").Inc()
		in.Faults.Log(now, "record left out", p.Topic+"/receipt", "topic", p.Topic, "partition", p.Partition, "offset", r.Offset, "reason", "receipt", "detail", r.Detail)
		return
	}
	policy, tombstone := in.Config.PolicyFor(r.Reason), r.Reason == record.Tombstone
	if !tombstone {
		in.Metrics.Rejected.WithLabelValues(p.Topic, r.Reason.String()).Inc()
	}
	l, detail := letters.Of(r), r.Detail
	if l != nil && l.IsLetter() {
		l, detail = nil, detail+" (it is a dead letter of a bridge already, so it is held instead of dead-lettered again)"
	}
	if !tombstone || policy != record.Skip {
		in.Faults.Log(now, "record cannot be imported", p.Topic+"/"+r.Reason.String(),
			"topic", p.Topic, "partition", p.Partition, "offset", r.Offset, "reason", r.Reason.String(), "detail", detail, "policy", policy)
	}
	switch {
	case policy == record.Skip && tombstone:
		in.Metrics.Skipped.WithLabelValues(p.Topic, "tombstone").Inc()
	case policy == record.Skip:
		in.Metrics.Skipped.WithLabelValues(p.Topic, "invalid").Inc()
	case policy == record.DeadLetter && l != nil:
		l.Describe(r.Reason.String(), detail)
		in.deadLetters.Post(p, l, now)
	default:
		in.assignment.HoldRecord(p, r.Offset, r.Time, r.Reason.String()+": "+detail, now)
	}
}
