package session

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/process"
)

// Session is the loop of one generation, with the owners of its state: see owners.go.
type Session struct {
	*assignment.Generation
	assignment  *assignment.Assignment
	commits     *assignment.Committer
	lines       *imports.Lines
	filing      *imports.Filing
	deadLetters *imports.DeadLetters
	attempts    *imports.Attempts
	memory      *memory
	intake      *intake
	view        *view
	events
	lookAt time.Time     // not before then it is looked around again
	gone   chan struct{} // closed when the loop takes no more questions
}

// New prepares the session of a generation. It starts nothing.
func New(p *process.Process, m assignment.Member) *Session {
	p.Metrics.Subscribed(slices.AppendSeq(slices.Clone(p.Config.Topics.Topics), maps.Keys(m.Parts)))
	s := newSession(&assignment.Generation{Process: p, Member: m}, batcher.New(p.Config.Batch, p.Pool))
	for _, tp := range m.Assigned {
		s.assignment.Partitions[tp] = assignment.NewPartition(tp, m.IDs[tp.Topic], &s.commits.Schedule)
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
	s.memory.countMemoryPause(now)
	s.attempts.Dispatch(now) // before anything that takes time: a slot may have become free
	if s.Mode == assignment.Running {
		s.lines.ResumeMarked()
		s.intake.retryPending(now)
		s.memory.expire(now)
		s.lookAround(now)
		s.assignment.CountHeldPauses(now)
	}
	s.intake.nextCatchUp(now)
	s.memory.grantLarge(now)
	s.Pacer.Wake(now)
	s.attempts.Dispatch(now)
	s.attempts.AskBeforeEnd(now)
	s.deadLetters.Send(now)
	s.filing.FileLater(now)
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
		if t, ok := s.lines.Batches.NextDeadline(); ok {
			consider(t)
		}
		if s.memory.pending != nil {
			consider(s.lines.ReliefAt)
			consider(s.Taste.RenewAt())
		}
	}
	consider(s.lines.CatchUp.RestUntil)
	consider(s.Pacer.NextWake(now))
	consider(s.commits.Schedule.Due())
	consider(s.deadLetters.Queue.Due())
	if s.Mode == assignment.Draining {
		consider(s.Drain.Deadline)
		if s.filing.Pending() {
			consider(now.Add(imports.ReceiptPoll))
		}
	}
	return at
}

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
	if s.memory.pending != nil {
		in = nil // nil blocks its case: nothing more is taken
	}
	select {
	case c := <-in:
		s.intake.take(c)
	case r := <-s.attempts.Results:
		s.attempts.Attempted(r)
	case r := <-s.commits.Done:
		s.commits.Answer(r)
	case ls := <-s.deadLetters.Acks:
		s.deadLetters.Answered(ls)
	case f := <-s.filing.Filed:
		s.filing.Receipted(f)
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
	return s.Pacer.InFlight() > 0 || s.commits.Schedule.InFlight() || s.deadLetters.Queue.InFlight()
}

// maxDecoders bounds the decoders on large machines: each keeps some MiB, and the loop
// could not take in what more of them make.
const maxDecoders = 8

// decoders returns how many decoders there are.
func decoders() int { return min(runtime.GOMAXPROCS(0), maxDecoders) }

// startReading starts everything that reads from Kafka and returns what stops
// it again, which may be called twice.
func (s *Session) startReading() (stop func()) {
	ctx, cancel := context.WithCancel(s.Ctx)
	wake := make(chan struct{}, 1)
	refresh := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	cfg := s.Config.Reading(s.Metrics.KafkaFailed, s.throttled)
	cfg.Decoded, cfg.Distrusted = s.Decoded, s.distrusted
	newDecoder := func() *fetch.Decoder { return fetch.NewDecoder(&cfg, s.Mapper, s.Inflated, s.chunks) }
	s.Fetcher = fetch.New(&cfg, s.Client, s.Fetched, decoders(), refresh)
	s.lines.CatchUp.Reader = fetch.NewCatchUpReader(s.Fetcher, newDecoder())
	var wg sync.WaitGroup
	wg.Go(func() { s.Fetcher.Run(ctx) })
	for _, in := range s.Fetcher.Work {
		d := newDecoder()
		wg.Go(func() { d.Run(ctx, in) })
	}
	wg.Go(func() { s.lines.CatchUp.Reader.Run(ctx) })
	starts, watch := s.starting(), s.watching()
	wg.Go(func() { starts.Run(ctx, s.starts) })
	wg.Go(func() { watch.Run(ctx, wake, s.found) })
	wg.Go(func() { s.Fetcher.Survey(ctx, s.Config.MetadataRefresh, s.SurveyFailed) })
	return func() {
		cancel()
		wg.Wait()
		s.discard()
	}
}

// discard gives back what was read and will not be looked at.
func (s *Session) discard() {
	s.memory.dropPending()
	for len(s.chunks) > 0 { // nobody sends any more
		(<-s.chunks).Recycle()
	}
	s.Fetcher.Discard()
}
