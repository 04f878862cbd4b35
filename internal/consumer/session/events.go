package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
)

// events are what the loop waits for, beside what its owners have under way. Whatever
// runs on another goroutine has a channel to report on, and nothing else of the session.
type events struct {
	chunks  chan *fetch.Chunk
	starts  chan []discovery.Start // partitions whose start is known
	found   chan discovery.Found   // what the cluster has by now
	queries chan func(time.Time)   // from the status page, the metrics, and what was asked of brokers
	timer   *time.Timer

	// Closed once, and nil from then on: the group waits for this member, the
	// generation is lost, the process stops.
	rebalance, lost, stop <-chan struct{}
}

// event waits for one event and takes it in.
func (s *Session) event() {
	in := s.chunks
	if s.pending != nil {
		in = nil // nil blocks its case: nothing more is taken
	}
	select {
	case c := <-in:
		s.take(c)
	case r := <-s.Results:
		s.Attempted(r)
	case r := <-s.commits.Done:
		s.commits.Answer(r)
	case ls := <-s.Acks:
		s.LettersDone(ls)
	case f := <-s.Filed:
		s.Receipted(f)
	case rs := <-s.starts:
		s.open(rs, time.Now())
	case f := <-s.found:
		s.follow(&f, time.Now())
	case ask := <-s.queries:
		ask(time.Now())
	case <-s.rebalance:
		s.rebalance = nil
		s.beginDrain(assignment.ForRebalance, time.Now())
	case <-s.lost:
		s.lost = nil
		s.Fence(s.Member.Term.Err())
	case <-s.stop:
		s.stop = nil
		s.beginDrain(assignment.ForShutdown, time.Now())
	case <-s.Fetched.Asked: // turn grants
	case <-s.Inflated.Asked:
	case <-s.timer.C:
	}
}

// outstanding reports whether something is under way that will be an event: an
// attempt, a commit, or letters.
func (s *Session) outstanding() bool {
	return s.Pacer.InFlight() > 0 || s.commits.InFlight() || s.LetterQueue.InFlight()
}
