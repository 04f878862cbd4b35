package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
)

// What is owed may be gone: retention removes the beginning of a log, compaction single
// records of it.

// lookForRemoved looks at a partition that may wait for a person: what retention
// removes of what it owes is met by no read.
func (in *intake) lookForRemoved(p *assignment.Partition, now time.Time) {
	if p.Live() && !p.IsHeld() && p.Cursor.LogStart.Load() > p.Ledger.Watermark() {
		in.removed(p, now)
	}
}

// removed lets a partition go on without what it owed below the log start, and
// reports it. Lines in memory are imported all the same.
func (in *intake) removed(p *assignment.Partition, now time.Time) {
	start, first := min(p.Cursor.LogStart.Load(), p.Ledger.Position()), int64(-1)
	records, namespaces := int64(0), 0
	for node := range p.Ledger.All {
		if node.First >= start {
			break
		}
		switch node.Kind {
		case ledger.HeldRecord:
			records += min(node.Last+1, start) - node.First
		case ledger.Shed:
			namespaces++
		default:
			continue
		}
		if first < 0 {
			first = node.First
		}
		if node.Kind == ledger.Shed {
			in.lines.MoveMark(in.lines.Namespace(node.Namespace), p, start, now)
		} else {
			in.release(p, node, start)
		}
	}
	if first < 0 {
		return
	}
	in.Metrics.OffsetResets.WithLabelValues(p.Topic, "below_log_start").Inc()
	in.Metrics.Lost.WithLabelValues(p.Topic).Add(float64(records))
	in.Log.Error("records were removed by Kafka before they could be imported", "topic", p.Topic, "partition", p.Partition,
		"from", first, "to", start, "held_records", records, "held_namespaces", namespaces, "remedy", assignment.RemovedRemedy)
}

// release ends what is held below start of a record or a range.
func (in *intake) release(p *assignment.Partition, node *ledger.Node, start int64) {
	if node.Last >= start {
		in.assignment.ShiftNode(p, node, start)
		return
	}
	in.assignment.ReleaseHeld(p, node)
}

// lookInterval is how long after it was held a record is looked for in the log, and
// the least time between two looks at one partition. The whole process makes one look
// in maxSleep at most.
const lookInterval = 5 * time.Minute

// lookForCompacted may pick the partition to look for its held records: compaction
// removes them, and tells nobody.
func (in *intake) lookForCompacted(p *assignment.Partition, now time.Time) {
	switch {
	case !p.Live() || p.IsHeld() || p.Ledger.Held() == 0:
		p.LookAt = time.Time{}
	case p.LookAt.IsZero():
		p.LookAt = now.Add(lookInterval)
	case in.lines.CatchUp.Look == nil && !now.Before(p.LookAt):
		p.LookAt = now.Add(lookInterval)
		if node := p.NextHeld(); node != nil {
			in.lines.CatchUp.Look = &imports.CatchUpTask{Partition: p, CatchUpJob: &fetch.CatchUpJob{Cursor: p.Cursor, From: node.First, Presence: true}}
		}
	}
}

// takeLook returns the look that is due, nil if there is none.
func (in *intake) takeLook() *imports.CatchUpTask {
	look := in.lines.CatchUp.Look
	if in.lines.CatchUp.Look = nil; look == nil || in.Mode != assignment.Running || !look.Partition.Live() {
		return nil
	}
	return look
}

// takePresence lets a partition go on without the held records that a chunk should
// have shown, and reports them.
func (in *intake) takePresence(c *fetch.Chunk, p *assignment.Partition) {
	if c.Oversized != nil {
		return
	}
	var gone []*ledger.Node
	for node := range p.Ledger.All {
		if node.First >= c.Next {
			break
		}
		if node.Kind != ledger.HeldRecord || node.First < c.Start || node.Last > node.First || c.Has(node.First) {
			continue
		}
		gone = append(gone, node)
		in.assignment.ReleaseHeld(p, node)
	}
	p.LookFrom = c.Next
	if len(gone) > 0 {
		in.assignment.ReportCompacted(p, gone[0].First, len(gone))
	}
}

// compacted reports records that an earlier owner held and that a chunk should
// have brought: compaction, or an aborted transaction, has taken them away.
func (in *intake) compacted(p *assignment.Partition, c *fetch.Chunk) {
	if gone := slices.DeleteFunc(p.Ledger.OwedRecords(c.Next), c.Has); len(gone) > 0 {
		in.assignment.ReportCompacted(p, gone[0], len(gone))
	}
}
