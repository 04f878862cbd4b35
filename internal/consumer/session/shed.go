package session

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/importer"
)

// attemptFunc is one of the two calls of an Import.
type attemptFunc = func(ctx context.Context, guard func() error) importer.Outcome

// shed drops a namespace's lines from memory. Per partition a node stays at the
// first dropped one; from there a catch-up read takes them again. Batches whose
// attempt is in flight follow when it ends. Those that may be stored stay until
// the API has been asked about them, and keep a trial going.
func (s *imports) shed(n *namespace, now time.Time) {
	n.probe = nil
	for i := len(n.uploads) - 1; i >= 0; i-- {
		if u := n.uploads[i]; u.mayLeave() {
			s.shedUpload(n, u, now)
		}
	}
	if b, ok := s.batches.Drop(n.Name); ok {
		if m, ok := b.Tag.(*manifest); ok {
			s.shedPieces(n, m.pieces, now)
		}
		b.Release()
	}
	if n.State() != pace.Trial {
		n.GiveWay()
	} else if len(n.uploads) == 0 {
		n.EndTrial()
	}
	s.busy(n)
}

func (s *imports) shedUpload(n *namespace, u *upload, now time.Time) {
	s.tellRepeat(u, u.ambiguous())
	s.shedPieces(n, u.pieces, now)
	s.remove(u)
}

// shedPieces turns a batch's nodes into the namespace's shed nodes, of which
// each partition keeps the first.
func (s *imports) shedPieces(n *namespace, pieces []piece, now time.Time) {
	for _, pc := range pieces {
		p, node := pc.partition, pc.node
		if node.Partition() != p.Ledger {
			continue // the partition started over meanwhile
		}
		first, timestamp := node.First, node.Timestamp
		mark := n.shed[p]
		switch {
		case mark == nil && !node.Single:
			p.Ledger.Become(node, ledger.Shed)
			s.mark(n, p, node)
			continue
		case mark == nil:
			s.mark(n, p, s.Tracked(p.Ledger.Track(ledger.Shed, n.Name, first, timestamp, now)))
		case first < mark.First:
			moved := s.Tracked(p.Ledger.Track(ledger.Shed, n.Name, first, timestamp, now))
			s.DropNode(p, mark)
			s.mark(n, p, moved)
		}
		s.DropNode(p, node)
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
func markCost(n *namespace) int64 {
	if n == nil || len(n.shed) == 0 {
		return markBytes + markedNamespace
	}
	return markBytes
}

// mark remembers where a namespace's dropped lines begin in a partition.
func (s *imports) mark(n *namespace, p *assignment.Partition, node *ledger.Node) {
	if node == nil {
		return
	}
	if n.shed[p] == nil {
		s.Budget.Charge(budget.Marks, markCost(n))
	}
	if n.shed == nil {
		n.shed = map[*assignment.Partition]*ledger.Node{}
	}
	n.shed[p] = node
}

// unmark forgets where a namespace's dropped lines begin in a partition: there
// are none any more.
func (s *imports) unmark(n *namespace, p *assignment.Partition) {
	if n.shed[p] != nil {
		delete(n.shed, p)
		s.Budget.Charge(budget.Marks, -markCost(n))
	}
}

// marksFit reports whether the lines of the chunk that have to be dropped could
// be remembered.
func (s *imports) marksFit(c *fetch.Chunk, p *assignment.Partition) bool {
	var cost int64
	for i := range c.Groups {
		if n := s.lookup(c.Groups[i].Namespace); n != nil && n.Dropping() && n.shed[p] == nil {
			cost += markCost(n)
		}
	}
	return cost == 0 || s.Budget.Fits(budget.Marks, cost)
}

// resumeMarked lets partitions be read on that await memory for marks, once half
// of it is free.
func (s *imports) resumeMarked() {
	if s.Budget.Held(budget.Marks) <= s.Budget.Ceiling(budget.Marks)/2 {
		s.Resume(assignment.AwaitsMarks)
	}
}

// dropFrom marks the first line of a namespace that is dropped on reading.
func (s *imports) dropFrom(n *namespace, p *assignment.Partition, offset, timestamp int64, now time.Time) {
	s.mark(n, p, s.Tracked(p.Ledger.Track(ledger.Shed, n.Name, offset, timestamp, now)))
}

// beginTrial follows a successful probe: one batch is read back and tried.
func (s *imports) beginTrial(n *namespace, now time.Time) {
	if n.Probed(n.Dropped()) {
		s.catchUp.want(n)
	}
}

// HoldReason is the label of what refused a namespace.
func holdReason(o importer.Outcome) string { return fmt.Sprintf("%s_%d", o.Operation, o.Status) }

// offsetsOf lists a batch's share of each partition for the log, so that the
// log alone reconciles Kafka with the import requests.
func offsetsOf(pieces []piece) string {
	const most = 64
	var b []byte
	for i, pc := range pieces {
		if i == most {
			b = fmt.Appendf(b, " and %d more", len(pieces)-most)
			break
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(append(b, pc.partition.Topic...), '/')
		b = append(strconv.AppendInt(b, int64(pc.partition.Partition), 10), '@')
		b = append(strconv.AppendInt(b, pc.node.First, 10), '-')
		b = strconv.AppendInt(b, pc.node.Last, 10)
	}
	return string(b)
}
