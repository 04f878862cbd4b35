package consumer

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// state is what health, readiness and the status page ask for while no session
// answers. Safe for concurrent use.
type state struct {
	started time.Time
	session atomic.Pointer[session]

	mu         sync.Mutex
	name       string
	memberID   string
	generation int32
	member     bool
	stopping   bool
	kafkaError string
}

// The names of the process's states in /status.
const (
	stateWaiting  = "waiting_for_kafka"
	stateJoining  = "joining"
	stateRunning  = "running"
	stateDraining = "draining"
	stateStopped  = "stopped"
)

func (s *state) outside(err string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.kafkaError, s.member = stateWaiting, err, false
}

func (s *state) joining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name != stateWaiting {
		s.name = stateJoining
	}
}

func (s *state) joined(memberID string, generation int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.kafkaError, s.member = stateRunning, "", true
	s.memberID, s.generation = memberID, generation
}

func (s *state) lastMember() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memberID
}

func (s *state) begin(ss *session) { s.session.Store(ss) }
func (s *state) end(ss *session)   { s.session.CompareAndSwap(ss, nil) }

func (s *state) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	s.name = stateDraining
}

func (s *state) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping, s.member, s.name = true, false, stateStopped
}

// Ready is nil while this process is a member of the group, also during
// rebalances and without any partition.
func (c *Consumer) Ready() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	switch {
	case c.state.stopping:
		return errors.New("stopping")
	case !c.state.member && c.state.kafkaError != "":
		return errors.New(c.state.kafkaError)
	case !c.state.member:
		return errors.New("not a member of the group yet")
	}
	if s := c.state.session.Load(); s != nil && s.lost.Load() {
		return errors.New("the group's coordinator cannot be reached")
	}
	return nil
}

// IsMember implements report.Source: it reports whether the process is, as far as it knows, a member of the
// group: also while it drains, but not once the coordinator has been away for
// longer than the group waits for a member.
func (c *Consumer) IsMember() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	s := c.state.session.Load()
	return c.state.member && (s == nil || !s.lost.Load())
}

// stuckAfter is how long the loop may stand still before restarting helps.
const stuckAfter = time.Minute

// Healthy is nil while the loop turns or waits for a known outside cause.
func (c *Consumer) Healthy() error {
	if since := c.pulse.since(time.Now()); since > stuckAfter {
		return fmt.Errorf("session loop has not turned for %s", since.Round(time.Second))
	}
	return nil
}

// pulse is when the loop last turned, on the monotonic clock: a wall clock that
// is set neither makes a good loop look stuck nor hides a stuck one. Safe for
// concurrent use.
type pulse struct {
	base time.Time
	at   atomic.Int64 // nanoseconds after base, 0 before the first beat
}

func newPulse(now time.Time) *pulse { return &pulse{base: now} }

func (p *pulse) beat(now time.Time) { p.at.Store(max(1, int64(now.Sub(p.base)))) }

// since is how long ago the last beat was, 0 before the first one.
func (p *pulse) since(now time.Time) time.Duration {
	at := p.at.Load()
	if at == 0 {
		return 0
	}
	return now.Sub(p.base) - time.Duration(at)
}
