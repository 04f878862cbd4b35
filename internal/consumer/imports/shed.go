package imports

import (
	"fmt"
	"strconv"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// Shed drops a namespace's lines from memory. Per partition a node stays at the
// first dropped one; from there a catch-up read takes them again. Batches whose
// attempt is in flight follow when it ends. Those that may be stored stay until
// the API has been asked about them, and keep a trial going.
func (l *Lines) Shed(n *Namespace, now time.Time) {
	for i := len(n.Uploads) - 1; i >= 0; i-- {
		if u := n.Uploads[i]; u.MayLeave() {
			l.shedUpload(n, u, now)
		}
	}
	if b, ok := l.Batches.Drop(n.Name); ok {
		if m, ok := b.Tag.(*Manifest); ok {
			l.shedPieces(n, m.Pieces, now)
		}
		b.Release()
	}
	if n.GiveWay(); len(n.Uploads) == 0 {
		n.EndTrial()
	}
	l.changed(n, now)
}

func (l *Lines) shedUpload(n *Namespace, u *Upload, now time.Time) {
	l.ReportRepeat(u, u.Ambiguous())
	l.shedPieces(n, u.Pieces, now)
	l.remove(u)
}

// shedPieces turns a batch's nodes into the namespace's shed nodes, of which
// each partition keeps the first.
func (l *Lines) shedPieces(n *Namespace, pieces []piece, now time.Time) {
	for _, pc := range pieces {
		p, node := pc.Partition, pc.Node
		if pc.takenBack() {
			continue
		}
		first, timestamp := node.First, node.Timestamp
		mark := n.Shed[p]
		switch {
		case mark == nil && !node.Single:
			p.Ledger.Become(node, ledger.Shed)
			l.mark(n, p, node)
			continue
		case mark == nil:
			l.mark(n, p, l.assignment.Tracked(p.Ledger.Track(ledger.Shed, n.Name, first, timestamp, now)))
		case first < mark.First:
			moved := l.assignment.Tracked(p.Ledger.Track(ledger.Shed, n.Name, first, timestamp, now))
			l.assignment.DropNode(p, mark)
			l.mark(n, p, moved)
		}
		l.assignment.DropNode(p, node)
	}
}

// What a mark is charged to the budget: its place in the namespace's map, its
// node, and what the ledger keeps of the namespace; and once for each namespace
// what the session and the pacer keep of it. TestMark_chargesWhatItCosts compares
// them with the heap.
const (
	markBytes       = 320
	markedNamespace = 512
)

// markCost is what one more mark of n is charged; n may be nil.
func markCost(n *Namespace) int64 {
	if n == nil || len(n.Shed) == 0 {
		return markBytes + markedNamespace
	}
	return markBytes
}

// mark remembers where a namespace's dropped lines begin in a partition.
func (l *Lines) mark(n *Namespace, p *assignment.Partition, node *ledger.Node) {
	if node == nil {
		return
	}
	if n.Shed[p] == nil {
		l.Budget.Charge(budget.Marks, markCost(n))
	}
	if n.Shed == nil {
		n.Shed = map[*assignment.Partition]*ledger.Node{}
	}
	n.Shed[p] = node
}

// MoveMark moves the place from which a namespace's dropped lines are read again, as
// what lies before it has been read or is gone. At the position nothing of the
// namespace is dropped any more.
func (l *Lines) MoveMark(n *Namespace, p *assignment.Partition, to int64, now time.Time) {
	mark := n.Shed[p]
	if to < p.Ledger.Position() {
		l.assignment.ShiftNode(p, mark, to)
		return
	}
	l.assignment.DropNode(p, mark)
	l.Unmark(n, p, now)
}

// Unmark forgets where a namespace's dropped lines begin in a partition: there are none
// any more. In a trial, once there are none in any partition, what was read of them is
// tried; where it was nothing, the next batch shows whether it is stored.
func (l *Lines) Unmark(n *Namespace, p *assignment.Partition, now time.Time) {
	if n.Shed[p] == nil {
		return
	}
	delete(n.Shed, p)
	l.Budget.Charge(budget.Marks, -markCost(n))
	if len(n.Shed) == 0 {
		l.goOn(n, now)
	}
	l.changed(n, now)
}

// goOn lets a trial go on that has no batch to try: what is still dropped is read back,
// or what has been read is tried. Where that is nothing, the next batch shows whether it
// is stored.
func (l *Lines) goOn(n *Namespace, now time.Time) {
	if n.State() != pace.Trial || len(n.Uploads) > 0 {
		return
	}
	if n.Dropped() {
		l.CatchUp.want(n)
	} else if b, ok := l.Batches.SealNamespace(n.Name, batcher.ReasonAge); ok {
		l.Queue(b, now)
	} else {
		n.CaughtUp()
	}
}

// MarksFit reports whether the lines of the chunk that have to be dropped could
// be remembered.
func (l *Lines) MarksFit(c *fetch.Chunk, p *assignment.Partition) bool {
	var cost int64
	for i := range c.Groups {
		if n := l.Lookup(c.Groups[i].Namespace); n != nil && n.Dropping() && n.Shed[p] == nil {
			cost += markCost(n)
		}
	}
	return cost == 0 || l.Budget.Fits(budget.Marks, cost)
}

// ResumeMarked lets partitions be read on that await memory for marks, once half
// of it is free.
func (l *Lines) ResumeMarked() {
	if l.Budget.Held(budget.Marks) <= l.Budget.Ceiling(budget.Marks)/2 {
		l.assignment.Resume(assignment.AwaitsMarks)
	}
}

// DropFrom marks the first line of a namespace that is dropped on reading.
func (l *Lines) DropFrom(n *Namespace, p *assignment.Partition, offset, timestamp int64, now time.Time) {
	l.mark(n, p, l.assignment.Tracked(p.Ledger.Track(ledger.Shed, n.Name, offset, timestamp, now)))
	l.changed(n, now)
}

// beginTrial follows a successful probe: one batch is read back and tried.
func (l *Lines) beginTrial(n *Namespace) {
	if n.Probed(n.Dropped()) {
		l.CatchUp.want(n)
	}
}

// offsetsOf lists a batch's share of each partition for the log, so that the
// log alone reconciles Kafka with the import requests.
func offsetsOf(pieces []piece) string {
	const most = 64
	b := make([]byte, 0, 128) // of a small batch, on the stack
	for i, pc := range pieces {
		if i == most {
			b = fmt.Appendf(b, " and %d more", len(pieces)-most)
			break
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, pc.Partition.Topic...), '/')
		b = append(strconv.AppendInt(b, int64(pc.Partition.Partition), 10), '@')
		b = append(strconv.AppendInt(b, pc.Node.First, 10), '-')
		b = strconv.AppendInt(b, pc.Node.Last, 10)
	}
	return string(b)
}
