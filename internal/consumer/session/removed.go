package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// removedRemedy goes with what Kafka has removed before it was imported.
const removedRemedy = "the topic's retention must be longer than an outage lasts, or a held record or namespace"

// lookForRemoved looks at partitions that wait for a person: what retention removes
// of what they owe is met by no read.
func (s *catchUpReads) lookForRemoved(now time.Time) {
	for _, p := range s.partitions {
		if p.open() && !p.lost && !p.heldOut && p.cursor.LogStart.Load() > p.ledger.Watermark() {
			s.removed(p, now)
		}
	}
}

// removed lets a partition go on without what it owed below the log start, and
// reports it. Lines in memory are imported all the same.
func (s *catchUpReads) removed(p *partition, now time.Time) {
	start, first := min(p.cursor.LogStart.Load(), p.ledger.Position()), int64(-1)
	records, namespaces := int64(0), 0
	for node := range p.ledger.All {
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
			n := s.namespace(node.Namespace)
			s.moveMark(n, p, start, now)
			s.Pacer.Forget(n.Namespace)
		} else {
			s.release(p, node, start)
		}
	}
	if first < 0 {
		return
	}
	s.Metrics.OffsetReset(p.Topic, "below_log_start")
	s.Metrics.Lost(p.Topic).Add(float64(records))
	s.Log.Error("records were removed by Kafka before they could be imported", "topic", p.Topic, "partition", p.Partition,
		"from", first, "to", start, "held_records", records, "held_namespaces", namespaces, "remedy", removedRemedy)
	s.pauseHeld(p)
}

// release ends what is held below start of a record or a range.
func (s *catchUpReads) release(p *partition, node *ledger.Node, start int64) {
	if node.Last >= start {
		s.shiftNode(p, node, start)
		return
	}
	s.releaseHeld(p, node)
}

// releaseHeld ends the node of a held record or range.
func (s *assigned) releaseHeld(p *partition, node *ledger.Node) {
	p.heldCount--
	delete(p.ranges, node.Last)
	if p.firstHeld.offset == node.First {
		p.firstHeld = heldRecord{}
	}
	s.settleNode(p, node)
}

// moveMark moves the place from which a namespace's dropped lines are read again,
// as what lies before it has been read or is gone. At the position nothing of the
// namespace is dropped any more.
func (s *catchUpReads) moveMark(n *namespace, p *partition, to int64, now time.Time) {
	mark := n.shed[p]
	if to < p.ledger.Position() {
		s.shiftNode(p, mark, to)
		return
	}
	s.dropNode(p, mark)
	s.unmark(n, p)
	if n.State() == pace.Trial && len(n.shed) == 0 && len(n.uploads) == 0 {
		s.endOfTrialRead(n, now)
	}
}
