package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/report"
)

// state serves health, readiness and the status page while no session answers. Safe for
// concurrent use.
type state struct {
	started time.Time

	mu         sync.Mutex
	name       string
	memberID   string
	generation int32
	member     bool
	stopping   bool
	kafkaError string // why the process is no member
	unheard    string // why the coordinator takes no heartbeats
	session    loop   // that runs now, or nil
}

// loop is the part of a running session that the process asks.
type loop interface {
	// Describe fills in what the loop knows, unless the session has ended.
	Describe(ctx context.Context, st *report.Status, detail bool) (answered bool, err error)
	// Away reports that the coordinator has been away for longer than the group waits
	// for a member.
	Away() bool
}

func (s *state) outside(err string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.kafkaError, s.member = report.Waiting, err, false
}

func (s *state) joining() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.name != report.Waiting {
		s.name = report.Joining
	}
}

func (s *state) joined(memberID string, generation int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.kafkaError, s.unheard, s.member = report.Running, "", "", true
	s.memberID, s.generation = memberID, generation
}

func (s *state) heartbeats(err string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unheard = err
}

// runs notes the session that runs from now on, nil for none.
func (s *state) runs(l loop) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = l
}

// current returns the session that runs, or nil.
func (s *state) current() loop {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

func (s *state) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	s.name = report.Draining
}

func (s *state) stopped() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping, s.member, s.name = true, false, report.Stopped
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
	if s := c.state.session; s != nil && s.Away() {
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
	s := c.state.session
	return c.state.member && (s == nil || !s.Away())
}

// stuckAfter is how long the loop may stand still before restarting helps.
const stuckAfter = time.Minute

// Healthy is nil while the loop turns or waits for a known outside cause.
func (c *Consumer) Healthy() error {
	if since := c.process.Pulse.Since(time.Now()); since > stuckAfter {
		return fmt.Errorf("session loop has not turned for %s", since.Round(time.Second))
	}
	return nil
}
