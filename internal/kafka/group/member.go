package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Cluster is the part of a client that a member needs.
type Cluster interface {
	// Ask sends a request to a broker, or to any if it is -1, and reads its answer,
	// which it waits for until ctx ends.
	Ask(ctx context.Context, broker int32, r wire.Request, answer wire.Response) error
	// Partitions returns how many partitions each of the topics has, without
	// those of which that cannot be known. It must create no topic.
	Partitions(ctx context.Context, topics []string) (map[string]int, error)
}

// Settings say who a member is and how patient its group is with it. All fields but
// InstanceID are required.
type Settings struct {
	Group string // the name of the group
	// InstanceID makes the member static (KIP-345). It must be unique in the
	// group. Empty: a dynamic member.
	InstanceID        string
	SessionTimeout    time.Duration // how long the group waits for a silent member
	RebalanceTimeout  time.Duration // also of others: how long a join may take
	HeartbeatInterval time.Duration // between two heartbeats
}

// Config is how a process takes part in its group. All fields are required but
// where a comment says otherwise.
type Config struct {
	Settings
	// CallTimeout bounds each call but join and sync, which wait for others.
	CallTimeout time.Duration
	// Trouble is called with each failure of a heartbeat, and with nil once one
	// is acknowledged again, on the goroutine of the heartbeats. It must return
	// soon. nil: nobody hears of them.
	Trouble func(error)
}

// Member is this process's membership in a group over all generations. Its
// methods are called by one goroutine at a time.
type Member struct {
	cfg     Config
	cluster Cluster
	state   *membership
	sent    time.Time // when the latest call was sent
	heart   *heart    // owns state while it beats; nil while nothing does
}

// New returns a member that has not joined yet. It starts nothing.
func New(cfg Config, cluster Cluster) *Member {
	return &Member{cfg: cfg, cluster: cluster, state: newMembership(cfg.InstanceID)}
}

// Join makes the process a member of the next generation and starts its
// heartbeats, which go on until the next call of Join, Pause or Leave. counts is
// how many partitions each of the topics has. What was done in the generation
// before must be committed: with this call it ends.
//
// An error says why it is not a member yet; Join is then called again, and goes
// on where it was after a rest. ErrFenced is for good. Join returns soon after
// ctx ends.
func (m *Member) Join(ctx context.Context, topics []string, counts map[string]int) (*Generation, error) {
	m.Pause()
	m.state.subscribe(topics, counts)
	for m.state.state != belongs {
		if err := sleep.For(ctx, m.state.rest()); err != nil {
			return nil, err
		}
		c := m.state.next()
		a := m.ask(ctx, c)
		if _, refused := errors.AsType[kafka.Code](a.err); ctx.Err() != nil && a.err != nil && !refused {
			return nil, ctx.Err()
		}
		err := m.state.answered(c, a) // also at the end: Leave has to know the member id
		if m.state.state == fenced {
			return nil, ErrFenced
		}
		if err != nil {
			return nil, err
		}
	}
	return m.begin(), nil
}

// begin starts the heartbeats of the generation that was joined.
func (m *Member) begin() *Generation {
	s := m.state
	g := &Generation{
		ID: s.generation, MemberID: s.memberID, Assigned: s.assigned.Partitions, Counts: s.counts, Stale: max(0, s.stale-2),
		Lease: NewLease(m.cfg.SessionTimeout, m.sent), rebalance: make(chan struct{}), lost: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.heart = &heart{Member: m, generation: g, acked: m.sent, cancel: cancel, done: make(chan struct{})}
	go m.heart.run(ctx)
	return g
}

// Pause stops the heartbeats. The group keeps the member for a session timeout.
func (m *Member) Pause() {
	if m.heart == nil {
		return
	}
	m.heart.cancel()
	<-m.heart.done
	m.heart = nil
}

// Leave takes the process out of the group, if it may be in it, so that the
// others do not wait for the session timeout. It tries until ctx ends. The member
// can join again.
func (m *Member) Leave(ctx context.Context) error {
	m.Pause()
	for m.state.mayBelong() {
		c := leave
		if m.state.coordinator == unknown {
			c = findCoordinator
		}
		err := m.state.answered(c, m.ask(ctx, c))
		if code, ok := errors.AsType[kafka.Code](err); ok && c == leave && m.state.coordinator != unknown {
			return fmt.Errorf("group %s: %w", m.cfg.Group, code)
		}
		if sleep.For(ctx, m.state.rest()) != nil {
			return fmt.Errorf("leave group %s: %w", m.cfg.Group, cmp.Or(err, ctx.Err()))
		}
	}
	return nil
}
