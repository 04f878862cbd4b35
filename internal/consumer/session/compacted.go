package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
)

// lookInterval is how long after it was held a record is looked for in the log, and
// the least time between two looks at one partition. The whole process makes one look
// in maxSleep at most.
const lookInterval = 5 * time.Minute

// lookForCompacted picks a partition whose held records are looked for: compaction
// removes them, and tells nobody.
func (s *catchUpReads) lookForCompacted(now time.Time) {
	for _, p := range s.Partitions {
		switch {
		case p.HeldCount == 0 || !p.Live() || p.IsHeld():
			p.LookAt = time.Time{}
		case p.LookAt.IsZero():
			p.LookAt = now.Add(lookInterval)
		case s.CatchUp.Look == nil && !now.Before(p.LookAt):
			p.LookAt = now.Add(lookInterval)
			if node := p.NextHeld(); node != nil {
				s.CatchUp.Look = &imports.CatchUpTask{Partition: p, CatchUpJob: &fetch.CatchUpJob{Cursor: p.Cursor, From: node.First, Presence: true}}
			}
		}
	}
}

// takeLook returns the look that is due, nil if there is none.
func (s *catchUpReads) takeLook() *imports.CatchUpTask {
	look := s.CatchUp.Look
	if s.CatchUp.Look = nil; look == nil || s.Mode != assignment.Running || !look.Partition.Live() {
		return nil
	}
	return look
}

// takePresence lets a partition go on without the held records that a chunk should
// have shown, and reports them.
func (s *catchUpReads) takePresence(c *fetch.Chunk, p *assignment.Partition) {
	if c.Oversized != nil {
		return
	}
	records, first := 0, int64(-1)
	for node := range p.Ledger.All {
		if node.First >= c.Next {
			break
		}
		if node.Kind != ledger.HeldRecord || node.First < c.Start || node.Last > node.First || c.Has(node.First) {
			continue
		}
		if records++; first < 0 {
			first = node.First
		}
		s.ReleaseHeld(p, node)
	}
	p.LookFrom = c.Next
	if records > 0 {
		s.TellCompacted(p, first, records)
		s.PauseOrResume(p)
	}
}

// compacted reports records that an earlier owner held and that a chunk should
// have brought: compaction, or an aborted transaction, has taken them away.
func (s *catchUpReads) compacted(p *assignment.Partition, c *fetch.Chunk) {
	records, first := 0, int64(-1)
	for _, o := range p.Ledger.OwedRecords(c.Next) {
		if c.Has(o) {
			continue
		}
		if records++; first < 0 {
			first = o
		}
	}
	if records > 0 {
		s.TellCompacted(p, first, records)
	}
}
