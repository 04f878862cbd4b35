package consumer

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// attemptFunc is one of the two calls of an Import.
type attemptFunc = func(ctx context.Context, guard func() error) Outcome

// shed drops a namespace's lines from memory. Per partition a node stays at the
// first dropped one; from there a catch-up read takes them again. Batches whose
// attempt is under way follow when it ends.
func (s *session) shed(n *namespace, now time.Time) {
	s.shedMost(n, now, func(*upload) bool { return true })
}

// shedMost drops the open batch and those sealed ones that may go.
func (s *session) shedMost(n *namespace, now time.Time, mayGo func(*upload) bool) {
	n.GiveWay()
	n.probe = nil
	for i := len(n.uploads) - 1; i >= 0; i-- {
		if u := n.uploads[i]; !u.flying && !u.lettering && mayGo(u) {
			s.shedUpload(n, u, now)
		}
	}
	if b, ok := s.batches.Drop(n.Name); ok {
		if m, ok := b.Tag.(*manifest); ok {
			s.shedPieces(n, m.pieces, now)
		}
		b.Release()
	}
	s.busy(n)
}

func (s *session) shedUpload(n *namespace, u *upload, now time.Time) {
	s.shedPieces(n, u.pieces, now)
	s.remove(u)
}

// shedPieces turns a batch's nodes into the namespace's shed nodes, of which
// each partition keeps the first.
func (s *session) shedPieces(n *namespace, pieces []piece, now time.Time) {
	for _, pc := range pieces {
		p, node := pc.partition, pc.node
		if node.Partition() != p.ledger {
			continue // the partition started over meanwhile
		}
		first, timestamp := node.First, node.Timestamp
		mark := n.shed[p]
		switch {
		case mark == nil && !node.Single:
			p.ledger.Become(node, ledger.Shed)
			n.mark(p, node)
			continue
		case mark == nil:
			n.mark(p, s.tracked(p.ledger.Track(ledger.Shed, n.Name, first, timestamp, now)))
		case first < mark.First:
			moved := s.tracked(p.ledger.Track(ledger.Shed, n.Name, first, timestamp, now))
			s.dropNode(p, mark)
			n.mark(p, moved)
		}
		s.dropNode(p, node)
	}
}

// mark remembers where a namespace's dropped lines begin in a partition.
func (n *namespace) mark(p *partition, node *ledger.Node) {
	if node == nil {
		return
	}
	if n.shed == nil {
		n.shed = map[*partition]*ledger.Node{}
	}
	n.shed[p] = node
}

// dropFrom marks the first line of a namespace that is dropped on reading.
func (s *session) dropFrom(n *namespace, p *partition, offset, timestamp int64, now time.Time) {
	n.mark(p, s.tracked(p.ledger.Track(ledger.Shed, n.Name, offset, timestamp, now)))
}

// settleNode ends a node whose lines are done.
func (s *session) settleNode(p *partition, node *ledger.Node) {
	s.ended(p, p.ledger.Settle(node))
}

// dropNode ends a node whose lines other nodes stand for.
func (s *session) dropNode(p *partition, node *ledger.Node) {
	s.ended(p, p.ledger.Drop(node))
}

// shiftNode moves the start of a node to first: the lines before it are done, or
// other nodes stand for them.
func (s *session) shiftNode(p *partition, node *ledger.Node, first int64) {
	if err := p.ledger.Shift(node, first, node.Timestamp); err != nil {
		s.log.Error("ledger refused to shift", "topic", p.Topic, "partition", p.Partition, "error", err)
	}
	p.touch()
}

// ended tells of a mistake in this package, or lets the partition be committed.
func (s *session) ended(p *partition, err error) {
	if err != nil {
		s.log.Error("ledger refused to settle", "topic", p.Topic, "partition", p.Partition, "error", err)
		return
	}
	p.touch()
}

// relieve makes room by shedding the namespace in trouble that holds most,
// provided that others do succeed: where nothing can be stored, waiting is
// better than reading everything twice. It says whether it freed enough.
func (s *session) relieve(need int64, now time.Time) bool {
	for need > 0 {
		worst, most := (*namespace)(nil), int64(0)
		for n := range s.namespaces() {
			if held := s.sheddable(n, now); held > most {
				worst, most = n, held
			}
		}
		if worst == nil {
			return false
		}
		s.faults.Log(now, "memory is short: lines of a namespace in trouble leave it and will be read again", "shed",
			"namespace", worst.Name, "bytes", most)
		before := s.pool.InUse()
		s.shedMost(worst, now, certain)
		s.pacer.Enqueue(worst.Namespace, now)
		freed := before - s.pool.InUse()
		if freed <= 0 {
			return false
		}
		need -= freed
	}
	return true
}

// certain says that a batch is not stored: reading it again repeats nothing.
// One that may be stays in memory, where its URL can be tried again.
func certain(u *upload) bool { return !u.flying && !u.ambiguous() }

// sheddable is what shedding the namespace would free, 0 if that is not to be
// done: nothing has been stored since it is in trouble.
func (s *session) sheddable(n *namespace, now time.Time) (bytes int64) {
	if !n.Troubled() || n.State() == pace.Trial || !s.lastStored.After(n.Since()) || s.pacer.AnyShut() {
		return 0
	}
	for _, u := range n.uploads {
		if certain(u) && !u.lettering {
			bytes += u.batch.Memory()
		}
	}
	if b, ok := s.batches.Open(n.Name); ok {
		bytes += b.Memory()
	}
	return bytes
}

// beginTrial follows a successful probe: one batch is read back and tried.
func (s *session) beginTrial(n *namespace, now time.Time) {
	if n.Probed(n.Dropped()) {
		s.catchUp.want(n)
	}
}

// holdReason is the label of what refused a namespace.
func holdReason(o Outcome) string { return fmt.Sprintf("%s_%d", o.Operation, o.Status) }

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
