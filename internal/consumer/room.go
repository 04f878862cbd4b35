package consumer

import "time"

// countMemoryPause adds the time that a chunk has waited for room since it was
// last called.
func (s *session) countMemoryPause(now time.Time) {
	if s.pending != nil {
		s.metrics.fetchPaused.WithLabelValues("memory").Add(now.Sub(s.pausedAt).Seconds())
		s.pausedAt = now
	}
}

// room says whether the chunk's lines fit the budget. Near it the largest
// batches are flushed; where that cannot help, namespaces in trouble are shed.
func (s *session) room(c *chunk, now time.Time) bool {
	var cost int64
	for i := range c.groups {
		g := &c.groups[i]
		lines, batches := s.batches.CostRun(g.namespace, len(g.lines), g.bytes)
		cost += lines + batches*pieceBytes
	}
	s.pendingCost = cost // if it does not fit, and waits
	if !s.makeRoom(cost, now) {
		return false
	}
	// Keep the uploads busy before memory is short.
	if s.pool.InUse() > s.share()*3/4 && s.pacer.InFlight()+s.waiting() == 0 {
		s.sealLargest(now)
	}
	return true
}

// keptIdleBytes is how much of free blocks may stand beside a budget that is
// nearly spent: blocks of one size are of no use to batches that grow by another.
const keptIdleBytes = 8 << 20

// makeRoom says whether cost bytes fit the budget, having done what can be done
// at once so that they do.
func (s *session) makeRoom(cost int64, now time.Time) bool {
	if idle := s.pool.Idle(); idle > keptIdleBytes && cost+idle > s.free() {
		s.pool.Trim()
	}
	for {
		free := s.free()
		if cost <= free {
			return true
		}
		if s.waiting() > 0 && s.pacer.InFlight() > 0 || !s.sealLargest(now) {
			return s.relieved(cost-free, now) && s.free() >= cost
		}
		s.dispatch(now)
	}
}

// reliefRest is how long a search for something to shed that found too little is
// not repeated: it looks at every namespace, and the loop may turn at each result.
const reliefRest = 100 * time.Millisecond

// relieved is relieve, at most once in a while, and not while draining: nothing
// would read the lines again.
func (s *session) relieved(need int64, now time.Time) bool {
	if now.Before(s.reliefAt) || s.mode != running {
		return false
	}
	if !s.relieve(need, now) {
		s.reliefAt = now.Add(reliefRest)
		return false
	}
	return true
}

// expire seals what is due by age while there are slots to import it. What is
// due and finds none stays open: sealed it would wait as long, and fill no more,
// so that many namespaces behind at once would make a flood of tiny imports.
func (s *session) expire(now time.Time) {
	for s.pacer.InFlight()+s.waiting() < s.cfg.UploadConcurrency {
		b, ok := s.batches.ExpireOldest(now)
		if !ok {
			return
		}
		s.queue(b, now)
	}
}

// grantLarge makes room for an answer or a batch that is larger than the share
// of the budget which reading always has.
func (s *session) grantLarge(now time.Time) {
	for _, a := range []*allowance{s.fetched, s.inflated} {
		if n := a.Wanted(); n > 0 && s.makeRoom(0, now) {
			a.grant(n)
		}
	}
}

// share is what batches may hold: all of the budget that reading does not use
// or wait for.
func (s *session) share() int64 {
	own := s.cfg.fetchAllowance()
	fetch := max(s.fetched.Used(), s.fetched.Wanted(), own) + max(s.inflated.Used(), s.inflated.Wanted(), own)
	return s.cfg.BufferMaxBytes - fetch
}

func (s *session) free() int64 { return s.share() - s.pool.InUse() - s.letter.bytes }

// waiting counts the healthy namespaces that wait for a slot.
func (s *session) waiting() int { return s.pacer.Waiting() }

func (s *session) sealLargest(now time.Time) bool {
	b, ok := s.batches.SealLargest()
	if ok {
		s.queue(b, now)
	}
	return ok
}
