package session

import (
	"context"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/process"
)

// Session is the loop of one generation, and on the way down to the partitions every
// owner of its state.
type Session struct {
	intake  // and in it the owners below, see owners.go
	commits *assignment.Committer
	lookAt  time.Time     // not before then it is looked around again
	unclear []string      // topics of which the brokers say nothing
	gone    chan struct{} // closed when the loop takes no more questions
}

// New prepares the session of a generation. It starts nothing.
func New(p *process.Process, m assignment.Member) *Session {
	p.Metrics.Subscribed(slices.AppendSeq(slices.Clone(p.Config.Topics.Topics), maps.Keys(m.Parts)))
	s := stack(&assignment.Generation{Process: p, Member: m}, batcher.New(p.Config.Batch, p.Pool))
	s.unclear = m.Unclear
	for _, tp := range m.Assigned {
		s.Partitions[tp] = assignment.NewPartition(tp, m.IDs[tp.Topic], &s.commits.Schedule)
	}
	return s
}

// FencedBy returns, once Run has returned, why the partitions were taken from this
// member, or nil if they were not.
func (s *Session) FencedBy() error { return s.FenceReason }

// Away reports that no heartbeat and no commit was acknowledged for a whole lease.
// Any goroutine may ask.
func (s *Session) Away() bool { return s.Member.Lease.Check() != nil }

// Run works until the group rebalances, stop is closed, or the subscription has
// to change; then it drains. It stops at once where the generation is lost. When
// it returns nothing of the session is running and what could be committed is.
// unfinished says that something was given up that no policy holds.
func (s *Session) Run(stop <-chan struct{}) (unfinished bool) {
	s.Enter(context.Background())
	defer s.Cancel()
	reading := s.startReading()
	defer reading()
	s.rebalance, s.lost, s.stop = s.Member.Term.Rebalance(), s.Member.Term.Lost(), stop
	defer s.timer.Stop()
	for !s.over() {
		s.event()
		s.turn(time.Now())
	}
	return s.finish(reading)
}

// turn does what has become possible, whatever the event was, and arms the
// timer for what becomes possible by the clock alone.
func (s *Session) turn(now time.Time) {
	s.Pulse.Beat(now)
	s.countMemoryPause(now)
	s.Dispatch(now) // before anything that takes time: a slot may have become free
	if s.Mode == assignment.Running {
		s.ResumeMarked()
		s.retryPending(now)
		s.expire(now)
		s.lookAround(now)
		s.CountHeldPauses(now)
	}
	s.nextCatchUp(now)
	s.grantLarge(now)
	s.Pacer.Wake(now)
	s.Dispatch(now)
	s.Drain.Asking = s.AskBeforeEnd(now)
	s.SendLetters(now)
	s.FileLater(now)
	s.commits.Commit(now)
	s.timer.Reset(max(0, s.nextEvent(now).Sub(now)))
}

// maxSleep is how long the loop rests at most: /healthz wants to see it turn.
const maxSleep = 5 * time.Second

// nextEvent is when turn has something to do at the latest.
func (s *Session) nextEvent(now time.Time) time.Time {
	at := now.Add(maxSleep)
	// What is due already has been seen to by this turn, or waits for an event.
	consider := func(t time.Time) {
		if t.After(now) && t.Before(at) {
			at = t
		}
	}
	if s.Mode == assignment.Running {
		if t, ok := s.Batches.NextDeadline(); ok {
			consider(t)
		}
		if s.pending != nil {
			consider(s.ReliefAt)
			consider(s.Taste.RenewAt())
		}
	}
	consider(s.CatchUp.RestUntil)
	consider(s.Pacer.NextWake(now))
	consider(s.commits.Due())
	consider(s.LetterQueue.Due())
	if s.Mode == assignment.Draining {
		consider(s.Drain.Deadline)
		if s.AwaitsReceipts() {
			consider(now.Add(imports.ReceiptPoll))
		}
	}
	return at
}
