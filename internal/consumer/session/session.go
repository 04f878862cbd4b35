package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
)

// mode is the stage of a session's life.
type mode uint8

const (
	running  mode = iota
	draining      // no new lines are read; what is open is being stored and committed
	fenced        // another member owns the partitions: everything is dropped
)

// Session is one generation of the group: it owns the partitions, the open
// batches and the ledgers, and one goroutine, run, is the only one that touches
// them.
//
//	fetcher goroutines --work--> decoders --chunk--> run --attempt--> importer
//	                                                  ^  <--result--
//	                                                  |--commit--> Kafka
//
// Everything that may block happens in goroutines that report back on a
// channel. All of them have ended when run returns.
type Session struct {
	*Process
	member     Member
	partitions map[kafka.TopicPartition]*partition
	batches    *batcher.Batcher
	fetcher    *fetch.Fetcher
	catchUp    catchUps

	events
	gone chan struct{} // closed when Run returns

	pending *fetch.Chunk // waits for room in the budget
	// pendingCost is what it would be charged, as it was last found.
	pendingCost int64
	commits     committer
	letter      letterState
	mode        mode
	fencedBy    error // why the partitions were taken from this member, nil if they were not
	drain       drainState
	pausedAt    time.Time // since when fetching waits for memory, as far as it is not counted
	lookout     lookout
	reliefAt    time.Time // not before then another namespace is looked for to shed
	// Partitions that pauseHeld has paused, and until when that is counted.
	pausedPartitions int
	pausesCounted    time.Time

	ctx       context.Context // of everything but reading; ends with the session
	cancel    context.CancelFunc
	probes    context.Context // of probes; ends when the session drains
	endProbes context.CancelFunc
	wg        sync.WaitGroup
}

// Member is what the group knows this process by, for one generation.
type Member struct {
	ID                 string
	InstanceID         string // of a static member, "" for none
	Generation         int32
	Term               Term
	Lease              *group.Lease
	Stale              int // assignments in a row that left out topics or partitions, see group.Generation
	Assigned           []kafka.TopicPartition
	kafka.Subscription // when it joined
}

// Term is how long a generation lasts, see group.Generation.
type Term interface {
	Rebalance() <-chan struct{}
	Deadline() time.Time
	Lost() <-chan struct{}
	Err() error
}

// result is what an attempt has come to.
type result struct {
	namespace *namespace
	upload    *upload // nil for a probe
	outcome   Outcome
	troubled  bool
	began     time.Time
}

func New(r *Process, m Member) *Session {
	r.metrics.Subscribed(slices.AppendSeq(slices.Clone(r.cfg.Topics), maps.Keys(m.Parts)))
	s := &Session{
		Process:    r,
		member:     m,
		partitions: make(map[kafka.TopicPartition]*partition, len(m.Assigned)),
		batches:    batcher.New(r.cfg.Batch, r.pool),
		events:     newEvents(r.cfg.UploadConcurrency),
		gone:       make(chan struct{}),
		commits:    newCommitter(),
	}
	for _, tp := range m.Assigned {
		s.partitions[tp] = &partition{TopicPartition: tp, committed: -1, topicID: m.IDs[tp.Topic], metadata: room{size: metadataRoom}, touched: &s.commits.touched}
	}
	return s
}

// FencedBy returns, once Run has returned, why the partitions were taken from this
// member, or nil if they were not.
func (s *Session) FencedBy() error { return s.fencedBy }

// Away reports that no heartbeat and no commit was acknowledged for a whole lease.
// Any goroutine may ask.
func (s *Session) Away() bool { return s.member.Lease.Check() != nil }

// enter makes the contexts of what the session starts; cancel ends all of them.
func (s *Session) enter(ctx context.Context) {
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.probes, s.endProbes = context.WithCancel(s.ctx)
}

// Run works until the group rebalances, stop is closed, or the subscription has
// to change; then it drains. It stops at once where the generation is lost. When
// it returns nothing of the session is running and what could be committed is.
// unfinished says that something was given up that no policy holds.
func (s *Session) Run(stop <-chan struct{}) (unfinished bool) {
	defer close(s.gone)
	s.enter(context.Background())
	defer s.cancel()
	reading := s.startReading()
	defer reading()
	s.rebalance, s.lost, s.stop = s.member.Term.Rebalance(), s.member.Term.Lost(), stop
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
	if s.mode == running {
		s.resumeMarked()
		s.retryPending(now)
		s.expire(now)
		s.lookAround(now)
		s.countHeldPauses(now)
	}
	s.nextCatchUp(now)
	s.grantLarge(now)
	s.pacer.Wake(now)
	s.dispatch(now)
	s.drain.asking = s.askBeforeEnd(now)
	s.sendLetters(now)
	s.commit(now)
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
	if s.mode == running {
		if t, ok := s.batches.NextDeadline(); ok {
			consider(t)
		}
		if s.pending != nil {
			consider(s.reliefAt)
			consider(s.taste.RenewAt())
		}
	}
	consider(s.catchUp.restUntil)
	consider(s.pacer.NextWake(now))
	consider(s.commits.due())
	if len(s.letter.queue) > 0 && len(s.letter.flying) == 0 {
		consider(s.letter.restTil)
	}
	if s.mode == draining {
		consider(s.drain.deadline)
	}
	return at
}
