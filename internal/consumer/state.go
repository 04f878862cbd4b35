package consumer

import (
	"cmp"
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

// Ready returns nil while this process is a member of the group, also during
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

// IsMember implements report.Source. It reports whether the process is a member of the
// group, as far as it knows: also while it drains, but not once the coordinator has been
// away for longer than the group waits for a member.
func (c *Consumer) IsMember() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	s := c.state.session
	return c.state.member && (s == nil || !s.Away())
}

// stuckAfter is how long the loop may stand still before restarting helps.
const stuckAfter = time.Minute

// Healthy returns nil while the loop turns or waits for a known outside cause.
func (c *Consumer) Healthy() error {
	if since := c.process.Pulse.Since(time.Now()); since > stuckAfter {
		return fmt.Errorf("session loop has not turned for %s", since.Round(time.Second))
	}
	return nil
}

// Status returns what /status shows, of which the loop of a running session knows most. It
// fails when the loop does not answer before ctx ends.
func (c *Consumer) Status(ctx context.Context) (*report.Status, error) { return c.Snapshot(ctx, true) }

// Snapshot implements report.Source. Without detail it lists the held namespaces
// only, which is all that a scrape needs of what may be very many.
func (c *Consumer) Snapshot(ctx context.Context, detail bool) (*report.Status, error) {
	st := c.base()
	s := c.state.current()
	if s == nil {
		return st, nil
	}
	answered, err := s.Describe(ctx, st, detail)
	switch {
	case err != nil:
		return nil, err
	case !answered: // it has ended meanwhile
		return c.base(), nil
	}
	return st, nil
}

// base returns the part of the status that is known without the loop.
func (c *Consumer) base() *report.Status {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	st := &report.Status{StartedAt: c.state.started, State: c.state.name, Partitions: []report.PartitionStatus{}, Namespaces: []report.NamespaceStatus{}}
	if st.State == "" {
		st.State = report.Waiting
	}
	if text := cmp.Or(c.state.kafkaError, c.state.unheard); text != "" {
		st.KafkaError = &text
	}
	if c.process.Config.Schemas != nil {
		if trouble := c.process.Config.Schemas.Trouble(); trouble != nil {
			text := trouble.Error()
			st.RegistryError = &text
		}
	}
	st.Group = report.GroupStatus{ID: c.process.Config.Group, MemberID: c.state.memberID, Generation: c.state.generation, State: groupState(c.state.name)}
	st.Buffer = report.BufferStatus{Bytes: c.process.Lent(), LimitBytes: c.process.Config.BufferMaxBytes}
	st.Totals = c.process.Metrics.Totals()
	st.Gauges.UploadLimit = c.process.Config.UploadConcurrency
	return st
}

func groupState(name string) string {
	switch name {
	case report.Running:
		return "stable"
	case report.Draining:
		return "draining"
	case report.Joining:
		return "joining"
	}
	return "none"
}
