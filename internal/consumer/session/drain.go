package session

import (
	"context"
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/ledger"
)

// drainReason says why a session ends.
type drainReason uint8

const (
	drainRebalance drainReason = iota // the group waits: no backoff is waited for
	drainShutdown                     // retries go on until the deadline
)

// LeavePatience is how long each step of leaving may take, so that a stop stays
// within the grace that orchestrators give beyond the shutdown timeout.
const LeavePatience = 3 * time.Second

// drainState is the loop's knowledge of its own end.
type drainState struct {
	reason   drainReason
	began    time.Time
	deadline time.Time
	asking   bool // questions about ambiguous batches are awaited
}

// beginDrain stops reading, but for the records of refused batches, and flushes
// what is open. A shutdown during a rebalance, or the other way round, keeps the
// earlier deadline.
func (s *Session) beginDrain(why drainReason, now time.Time) {
	if s.mode == fenced {
		return
	}
	budget, reason := s.Config.DrainBudget(), batcher.ReasonRebalance
	if why == drainShutdown {
		budget, reason = min(budget, s.Config.ShutdownTimeout), batcher.ReasonShutdown
	}
	deadline := s.waitedSince(now).Add(budget)
	if s.mode == draining {
		if why == drainShutdown {
			s.drain.reason = why
		}
		if deadline.Before(s.drain.deadline) {
			s.drain.deadline = deadline
		}
		return
	}
	s.mode = draining
	s.endProbes()
	for _, p := range s.partitions {
		if p.open() {
			s.fetcher.Pause(p.cursor, true) // chunks that come all the same are dropped
		}
	}
	s.drain = drainState{reason: why, began: now, deadline: deadline}
	if s.pending != nil {
		s.pending.Recycle()
		s.pending = nil
	}
	for _, b := range s.batches.SealAll(reason) {
		s.queue(b, now)
	}
}

// waitedSince is since when the group may have waited for this member, or now if
// it does not.
func (s *Session) waitedSince(now time.Time) time.Time {
	select {
	case <-s.member.Term.Rebalance():
		return s.member.Term.Deadline().Add(-s.Config.RebalanceTimeout)
	default:
		return now
	}
}

// over reports whether the loop has nothing left to do.
func (s *Session) over() bool {
	switch s.mode {
	case running:
		return false
	case fenced:
		return true
	}
	now := time.Now()
	if !now.Before(s.drain.deadline) && !s.orphaned() {
		return true
	}
	if s.unsettled(now) || s.commits.InFlight() {
		return false
	}
	if s.commits.Denied() && s.drain.reason == drainShutdown {
		return true // to insist until the deadline would only delay the stop
	}
	return !s.commits.Touched()
}

// orphaned says that there is no coordinator to expel this member. What is done
// but not committed would be sent again by whoever reads it next, so the drain
// goes on until the group can be asked, unless the process is to stop.
func (s *base) orphaned() bool {
	return s.away && s.drain.reason != drainShutdown
}

// unsettled reports whether the drain waits for an import, a dead letter or a receipt. On a
// rebalance nobody waits for backoffs; what a policy holds is never waited for.
func (s *Session) unsettled(now time.Time) bool {
	if s.Pacer.InFlight() > 0 || s.drain.asking || s.lettering(now) || len(s.receipt.open) > 0 {
		return true
	}
	for n := range s.namespaces() {
		if len(n.uploads) == n.lettered || n.IsHeld() || n.tooSlow {
			continue
		}
		if s.drain.reason == drainShutdown {
			return true
		}
		waits := n.WakeAt().After(now) || s.Pacer.Paused(now) || s.Pacer.AnyShut()
		if !waits {
			return true
		}
	}
	return false
}

// lettering reports whether the drain waits for dead letters: for those on their
// way, and for the records of refused batches, which are still being read. Else
// the next owner would produce again what is acknowledged of such a batch.
func (s *Session) lettering(now time.Time) bool {
	if s.drain.reason != drainShutdown && (s.letter.Failing() || s.catchUp.restUntil.After(now)) {
		return false
	}
	return s.letter.Pending() > 0 || slices.ContainsFunc(s.catchUp.uploads, (*upload).readable)
}

// finish ends everything that the session has started, in the order that loses
// nothing: attempts are cancelled and awaited, what they still stored is
// settled, and a last commit tells. It says whether something was given up that
// no policy holds.
func (s *Session) finish(stopReading func()) (unfinished bool) {
	stopReading()
	s.cancel()
	s.rebalance, s.lost, s.stop = nil, nil, nil // the end is here
	for s.outstanding() {
		s.event()
	}
	s.wg.Wait() // for what has reported, and what has nothing to report
	if s.mode != fenced {
		s.settleFiled()
		s.commits.lastCommit()
	}
	s.commits.remember()
	unfinished = s.giveUp()
	s.Pacer.Reset()
	s.Budget.Reset()
	return unfinished
}

// lastCommit commits what has changed since the last acknowledged commit, and
// makes sure that a commit without an answer does not overtake it.
func (s *committer) lastCommit() {
	for range 3 {
		if s.commitPatience(time.Now()) <= 0 {
			return
		}
		if !s.Touched() && !s.Unsure() {
			return
		}
		s.Hurry()
		s.commit(time.Now())
		if s.InFlight() {
			s.committed(<-s.done)
		}
		if s.mode == fenced {
			return
		}
		if s.Unsure() && s.readBack() {
			s.Certain()
		}
	}
}

// commitPatience is how long a call about commits may take. A stop does not wait
// much beyond its deadline for brokers that answer nothing: whoever manages the
// process would kill it.
func (s *base) commitPatience(now time.Time) time.Duration {
	if s.mode != draining || s.drain.reason != drainShutdown {
		return s.Config.CallTimeout()
	}
	return min(s.Config.CallTimeout(), s.drain.deadline.Add(LeavePatience).Sub(now))
}

// readBack compares what the group has committed with what was acknowledged:
// a commit that timed out on one connection may be applied after a later one on
// another. What differs is committed again: also where only the metadata does, as
// behind something held all progress is in it.
func (s *committer) readBack() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.commitPatience(time.Now()))
	defer cancel()
	topics := map[string][]int32{}
	for tp, p := range s.partitions {
		if p.open() && !p.lost && p.committed >= 0 {
			topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
		}
	}
	if len(topics) == 0 {
		return true
	}
	offsets, err := s.Client.FetchOffsets(ctx, s.Config.Group, topics)
	if err != nil {
		return false
	}
	same := true
	for tp, o := range offsets {
		if o.Err != nil {
			continue // of a topic that may not be described any more
		}
		if p := s.partitions[tp]; p != nil && p.acked != (ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}) {
			p.touch()
			same = false
		}
	}
	return same
}

// owesCommit reports whether something is done that the group does not know of. A
// start from which nothing was read need not be committed, unless the next owner of a
// new group could start elsewhere.
func (s *committer) owesCommit() bool {
	for _, p := range s.partitions {
		if !p.open() || p.lost || p.heldOut {
			continue
		}
		unread := p.committed < 0 && p.ledger.Position() <= p.cursor.LogStart.Load() && !s.Config.OffsetReset.Skips()
		if text, _ := p.ledger.Encode(s.metadataOf(p), p.metadata.Size()); !unread && p.acked != (ledger.CommitPoint{Offset: p.ledger.Watermark(), Metadata: text}) {
			return true
		}
	}
	return false
}

// giveUp frees what was not stored. It stays uncommitted, in Kafka.
func (s *Session) giveUp() (unfinished bool) {
	lines := 0
	for n := range s.namespaces() {
		if !n.IsHeld() && (len(n.uploads) > 0 || len(n.shed) > 0) {
			unfinished = true
		}
		for _, u := range n.uploads {
			if !n.IsHeld() {
				lines += u.batch.Records
			}
			s.tellRepeat(u, u.ambiguous())
			u.drop()
			u.batch.Release()
		}
		n.uploads = nil
	}
	for _, b := range s.batches.SealAll(batcher.ReasonRebalance) {
		b.Release() // sealed only by a session that never drained
	}
	unfinished = unfinished || s.letter.Pending() > 0 || s.mode == draining && (s.commits.Touched() || !s.commits.againAt.IsZero()) && s.commits.owesCommit()
	if unfinished {
		s.Log.Warn("not everything could be stored in time; it stays uncommitted and will be read again", "records", lines, "dead_letters", s.letter.Pending())
	}
	return unfinished
}
