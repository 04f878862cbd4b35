package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
)

// countMemoryPause adds the time that a chunk has waited for room since it was
// last called.
func (s *memory) countMemoryPause(now time.Time) {
	if s.pending != nil {
		s.Metrics.FetchPaused.WithLabelValues("memory").Add(now.Sub(s.pausedAt).Seconds())
		s.pausedAt = now
	}
}

// room says whether the chunk's lines fit the budget. Near it the largest
// batches are flushed; where that cannot help, namespaces in trouble are shed.
func (s *memory) room(c *fetch.Chunk, now time.Time) bool {
	var cost int64
	for i := range c.Groups {
		g := &c.Groups[i]
		lines, batches := s.Batches.CostRun(g.Namespace, len(g.Lines), g.Bytes)
		cost += lines + batches*imports.PieceBytes
	}
	_, letters := c.Originals()
	cost += letters
	s.pendingCost = cost // if it does not fit, and waits
	if !s.Taste.Allows(now) || !s.makeRoom(cost, now) {
		return false
	}
	// Keep the uploads busy before memory is short.
	if s.Pool.InUse() > s.Budget.Share()*3/4 && s.Pacer.InFlight()+s.Waiting() == 0 {
		s.sealLargest(now)
	}
	return true
}

// keptIdleBytes is how much of free blocks may stand beside a budget that is
// nearly spent: blocks of one size are of no use to batches that grow by another.
const keptIdleBytes = 8 << 20

// makeRoom says whether cost bytes fit the budget, having done what can be done
// at once so that they do.
func (s *memory) makeRoom(cost int64, now time.Time) bool {
	if idle := s.Pool.Idle(); idle > keptIdleBytes && cost+idle > s.Budget.Free() {
		s.Pool.Trim()
	}
	for {
		free := s.Budget.Free()
		if cost <= free {
			return true
		}
		if s.Waiting() > 0 && s.Pacer.InFlight() > 0 || !s.sealLargest(now) {
			return s.relieved(cost-free, now) && s.Budget.Free() >= cost
		}
		s.Dispatch(now)
	}
}

// expire seals what is due by age while there are slots to import it. Due batches
// without a free slot stay open: sealing them would not send them sooner, and would
// send them smaller.
func (s *memory) expire(now time.Time) {
	for s.Pacer.InFlight()+s.Waiting() < s.Config.UploadConcurrency {
		b, ok := s.Batches.ExpireOldest(now)
		if !ok {
			return
		}
		s.Queue(b, now)
	}
}

// grantLarge makes room for an answer or a batch that is larger than the share
// of the budget which reading always has.
func (s *memory) grantLarge(now time.Time) {
	for _, a := range []*fetch.Allowance{s.Fetched, s.Inflated} {
		if n := a.Wanted(); n > 0 && s.makeRoom(0, now) {
			a.Grant(n)
		}
	}
}

func (s *memory) sealLargest(now time.Time) bool {
	b, ok := s.Batches.SealLargest()
	if ok {
		s.Queue(b, now)
	}
	return ok
}
