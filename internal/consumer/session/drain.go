package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
)

// beginDrain stops reading, but for the records of refused batches, and flushes
// what is open. A shutdown during a rebalance, or the other way round, keeps the
// earlier deadline.
func (s *Session) beginDrain(why assignment.DrainReason, now time.Time) {
	if s.Mode == assignment.Fenced {
		return
	}
	deadline, reason := s.deadline(why, now), batcher.ReasonRebalance
	if why == assignment.ForShutdown {
		reason = batcher.ReasonShutdown
	}
	if s.Mode == assignment.Draining {
		if why == assignment.ForShutdown {
			s.Drain.Reason = why
		}
		if deadline.Before(s.Drain.Deadline) {
			s.Drain.Deadline = deadline
		}
		return
	}
	s.Mode = assignment.Draining
	s.EndProbes()
	for _, p := range s.assignment.Partitions {
		if p.IsOpen() {
			s.Fetcher.Pause(p.Cursor, true) // chunks that come all the same are dropped
		}
	}
	s.Drain = assignment.DrainState{Reason: why, Began: now, Deadline: deadline}
	s.memory.dropPending()
	for _, b := range s.lines.Batches.SealAll(reason) {
		s.lines.Queue(b, now)
	}
}

// deadline returns when a drain that begins now has to end: a stop after
// BRIDGE_SHUTDOWN_TIMEOUT, a rebalance in time for the group, and a stop too if the
// group waits for this member already.
func (s *Session) deadline(why assignment.DrainReason, now time.Time) time.Time {
	deadline := now.Add(s.Config.DrainBudget())
	if why == assignment.ForShutdown {
		deadline = now.Add(s.Config.ShutdownTimeout)
	}
	select {
	case <-s.Member.Term.Rebalance():
		since := s.Member.Term.Deadline().Add(-s.Config.RebalanceTimeout)
		if group := since.Add(s.Config.DrainBudget()); group.Before(deadline) {
			deadline = group
		}
	default:
	}
	return deadline
}

// over reports whether the loop has nothing left to do.
func (s *Session) over() bool {
	switch s.Mode {
	case assignment.Running:
		return false
	case assignment.Fenced:
		return true
	}
	now := time.Now()
	if !now.Before(s.Drain.Deadline) && !s.Orphaned() {
		return true
	}
	if s.unsettled(now) || s.commits.Schedule.InFlight() {
		return false
	}
	if s.commits.Schedule.Denied() && s.Drain.Reason == assignment.ForShutdown {
		return true // to insist until the deadline would only delay the stop
	}
	return !s.commits.Schedule.Touched()
}

// unsettled reports whether the drain waits for an import, a dead letter or a receipt. On a
// rebalance nobody waits for backoffs; what a policy holds is never waited for.
func (s *Session) unsettled(now time.Time) bool {
	if s.Pacer.InFlight() > 0 || s.lettering(now) || s.filing.Pending() {
		return true
	}
	for n := range s.lines.Namespaces() {
		if len(n.Uploads) == 0 || n.IsHeld() || n.TooSlow {
			continue
		}
		if s.Drain.Reason == assignment.ForShutdown || !s.attempts.Rests(n, now) {
			return true
		}
	}
	return false
}

// lettering reports whether the drain waits for dead letters: for those on their
// way, and for the records of refused batches, which are still being read. Else
// the next owner would produce again what is acknowledged of such a batch. A rebalance
// waits for no further try of what has failed, but for one that is under way: cut off,
// its letters may stand in the topic all the same.
func (s *Session) lettering(now time.Time) bool {
	if s.deadLetters.Queue.InFlight() {
		return true
	}
	if s.Drain.Reason != assignment.ForShutdown && (s.deadLetters.Queue.Failing() || s.lines.CatchUp.RestUntil.After(now)) {
		return false
	}
	return s.deadLetters.Queue.Pending() > 0 || slices.ContainsFunc(s.lines.CatchUp.Refused, (*imports.Refused).Readable)
}

// finish ends everything that the session has started, in the order that loses
// nothing: attempts are cancelled and awaited, what they still stored is
// settled, and a last commit says so. It reports whether something was given up that
// no policy holds.
func (s *Session) finish(stopReading func()) (unfinished bool) {
	stopReading()
	s.Cancel()
	s.rebalance, s.lost, s.stop = nil, nil, nil // the end is here
	for s.outstanding() {
		s.event()
	}
	close(s.gone)        // what follows may wait for a broker, and nobody who asks for the status shall
	s.Tasks.Wait()       // for what has reported, and what has nothing to report
	s.filing.SettleAll() // also of a fenced session: it remembers, and the receipts are written later
	if s.Mode != assignment.Fenced {
		s.commits.LastCommit()
	}
	s.commits.Remember()
	unfinished = s.giveUp()
	s.Pacer.Reset()
	s.Budget.Reset()
	return unfinished
}

// giveUp frees what was not stored. It stays uncommitted, in Kafka.
func (s *Session) giveUp() (unfinished bool) {
	lines := 0
	for n := range s.lines.Namespaces() {
		for b := range n.Sealed() {
			if !n.IsHeld() {
				unfinished = true
				lines += b.Records
			}
		}
		unfinished = unfinished || !n.IsHeld() && len(n.Shed) > 0 && n.Troubled() // else they are read back, as if for the first time
		for _, u := range n.Uploads {
			s.lines.ReportRepeat(u, u.Ambiguous())
			u.Drop()
			u.Batch.Release()
		}
		n.Uploads = nil
	}
	for _, b := range s.lines.Batches.SealAll(batcher.ReasonRebalance) {
		b.Release() // sealed only by a session that never drained
	}
	unfinished = unfinished || s.deadLetters.Queue.Pending() > 0 || s.Mode == assignment.Draining && s.commits.OwesCommit()
	if unfinished {
		s.Log.Warn("not everything could be stored in time; it stays uncommitted and will be read again where its topic still exists", "records", lines, "dead_letters", s.deadLetters.Queue.Pending())
	}
	return unfinished
}
