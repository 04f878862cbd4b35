package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// lookForRemoved looks at partitions that wait for a person: what retention removes
// of what they owe is met by no read.
func (s *catchUpReads) lookForRemoved(now time.Time) {
	for _, p := range s.Partitions {
		if p.Live() && !p.IsHeld() && p.Cursor.LogStart.Load() > p.Ledger.Watermark() {
			s.removed(p, now)
		}
	}
}

// removed lets a partition go on without what it owed below the log start, and
// reports it. Lines in memory are imported all the same.
func (s *catchUpReads) removed(p *assignment.Partition, now time.Time) {
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
			n := s.Namespace(node.Namespace)
			s.moveMark(n, p, start, now)
			s.Pacer.Forget(n.Namespace)
		} else {
			s.release(p, node, start)
		}
	}
	if first < 0 {
		return
	}
	s.Metrics.OffsetResets.WithLabelValues(p.Topic, "below_log_start").Inc()
	s.Metrics.Lost.WithLabelValues(p.Topic).Add(float64(records))
	s.Log.Error("records were removed by Kafka before they could be imported", "topic", p.Topic, "partition", p.Partition,
		"from", first, "to", start, "held_records", records, "held_namespaces", namespaces, "remedy", assignment.RemovedRemedy)
	s.PauseOrResume(p)
}

// release ends what is held below start of a record or a range.
func (s *catchUpReads) release(p *assignment.Partition, node *ledger.Node, start int64) {
	if node.Last >= start {
		s.ShiftNode(p, node, start)
		return
	}
	s.ReleaseHeld(p, node)
}

// moveMark moves the place from which a namespace's dropped lines are read again,
// as what lies before it has been read or is gone. At the position nothing of the
// namespace is dropped any more.
func (s *catchUpReads) moveMark(n *imports.Namespace, p *assignment.Partition, to int64, now time.Time) {
	mark := n.Shed[p]
	if to < p.Ledger.Position() {
		s.ShiftNode(p, mark, to)
		return
	}
	s.DropNode(p, mark)
	s.Unmark(n, p)
	if n.State() == pace.Trial && len(n.Shed) == 0 && len(n.Uploads) == 0 {
		s.endOfTrialRead(n, now)
	}
}
