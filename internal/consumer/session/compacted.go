package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
)

// lookInterval is how long after it was held a record is looked for in the log, and
// the least time between two looks at one partition. The whole process makes one look
// in maxSleep at most.
const lookInterval = 5 * time.Minute

// lookForCompacted picks a partition whose held records are looked for: compaction
// removes them, and tells nobody.
func (s *catchUpReads) lookForCompacted(now time.Time) {
	for _, p := range s.partitions {
		switch {
		case p.heldCount == 0 || !p.open() || p.lost || p.heldOut:
			p.lookAt = time.Time{}
		case p.lookAt.IsZero():
			p.lookAt = now.Add(lookInterval)
		case s.catchUp.look == nil && !now.Before(p.lookAt):
			p.lookAt = now.Add(lookInterval)
			if node := p.nextHeld(); node != nil {
				s.catchUp.look = &catchUpTask{partition: p, CatchUpJob: &fetch.CatchUpJob{Cursor: p.cursor, From: node.First, Presence: true}}
			}
		}
	}
}

// nextHeld returns the first held record that has not been looked for in this round,
// nil if there are ranges only. What a range holds cannot be read.
func (p *partition) nextHeld() (next *ledger.Node) {
	for node := range p.ledger.All {
		if node.Kind != ledger.HeldRecord || node.Last > node.First {
			continue
		}
		if next == nil || node.First >= p.lookFrom {
			next = node
		}
		if node.First >= p.lookFrom {
			break
		}
	}
	return next
}

// takeLook returns the look that is due, nil if there is none.
func (s *catchUpReads) takeLook() *catchUpTask {
	look := s.catchUp.look
	if s.catchUp.look = nil; look == nil || s.mode != running || look.partition.lost {
		return nil
	}
	return look
}

// takePresence lets a partition go on without the held records that a chunk should
// have shown, and reports them.
func (s *catchUpReads) takePresence(c *fetch.Chunk, p *partition) {
	if c.Oversized != nil {
		return
	}
	records, first := 0, int64(-1)
	for node := range p.ledger.All {
		if node.First >= c.Next {
			break
		}
		if node.Kind != ledger.HeldRecord || node.First < c.Start || node.Last > node.First || c.Has(node.First) {
			continue
		}
		if records++; first < 0 {
			first = node.First
		}
		s.releaseHeld(p, node)
	}
	p.lookFrom = c.Next
	if records > 0 {
		s.tellCompacted(p, first, records)
		s.pauseHeld(p)
	}
}

// compacted reports records that an earlier owner held and that a chunk should
// have brought: compaction, or an aborted transaction, has taken them away.
func (s *catchUpReads) compacted(p *partition, c *fetch.Chunk) {
	records, first := 0, int64(-1)
	for _, o := range p.ledger.OwedRecords(c.Next) {
		if c.Has(o) {
			continue
		}
		if records++; first < 0 {
			first = o
		}
	}
	if records > 0 {
		s.tellCompacted(p, first, records)
	}
}

func (s *assigned) tellCompacted(p *partition, first int64, records int) {
	s.Metrics.Lost(p.Topic).Add(float64(records))
	s.Log.Error("held records are not in the log any more: compaction has removed them", "topic", p.Topic, "partition", p.Partition,
		"first_offset", first, "records", records, "remedy", removedRemedy)
}
