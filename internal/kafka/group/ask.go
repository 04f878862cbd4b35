package group

import (
	"context"
	"errors"
	"sync"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// ask makes a call for the membership and waits for its answer.
func (m *Member) ask(ctx context.Context, c call) answer {
	m.sent = time.Now()
	s := m.state
	switch c {
	case findCoordinator:
		node, err := m.find(ctx)
		return answer{err: err, coordinator: node}
	case count:
		ctx, cancel := context.WithTimeout(ctx, m.cfg.CallTimeout)
		defer cancel()
		counts, err := m.cluster.Partitions(ctx, s.toCount())
		return answer{err: err, counts: counts}
	case join:
		s.tried = s.instance != ""
		return m.join(ctx)
	case syncUp:
		r := wire.SyncGroupRequest{Group: m.cfg.Group, Generation: s.generation, MemberID: s.memberID, InstanceID: s.instance, Assignments: s.shares}
		return m.sync(ctx, &r)
	case beat:
		r := wire.HeartbeatRequest{Group: m.cfg.Group, Generation: s.generation, MemberID: s.memberID, InstanceID: s.instance}
		body, err := m.exchange(ctx, &r, min(m.cfg.CallTimeout, m.cfg.SessionTimeout/3))
		var a wire.ErrorResponse
		return answer{err: firstOf(err, func() error { return a.Decode(body) }, func() error { return kafka.Code(a.ErrorCode).Err() })}
	}
	r := wire.LeaveGroupRequest{Group: m.cfg.Group, MemberID: s.memberID, InstanceID: s.instance}
	body, err := m.exchange(ctx, &r, m.cfg.CallTimeout)
	var a wire.ErrorResponse
	return answer{err: firstOf(err, func() error { return a.DecodeLeave(body) }, func() error { return kafka.Code(a.ErrorCode).Err() })}
}

func (m *Member) find(ctx context.Context) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.CallTimeout)
	defer cancel()
	body, _, err := m.cluster.Exchange(ctx, unknown, &wire.FindCoordinatorRequest{Group: m.cfg.Group}, m.cfg.CallTimeout)
	var a wire.FindCoordinatorResponse
	err = firstOf(err, func() error { return a.Decode(body) }, func() error { return kafka.Code(a.ErrorCode).Err() })
	return a.NodeID, err
}

func (m *Member) join(ctx context.Context) answer {
	s := m.state
	r := wire.JoinGroupRequest{
		Group: m.cfg.Group, MemberID: s.memberID, InstanceID: s.instance, Protocol: protocolName, Metadata: s.metadata(),
		SessionTimeout: int32(m.cfg.SessionTimeout.Milliseconds()), RebalanceTimeout: int32(m.cfg.RebalanceTimeout.Milliseconds()),
	}
	var body []byte
	var err error
	if s.memberID == "" && s.instance == "" {
		// The answer brings the member id, at once. Unheard it would leave a
		// member in the group for which each rebalance waits a session timeout.
		body, err = m.exchange(context.WithoutCancel(ctx), &r, m.cfg.CallTimeout)
	} else {
		body, err = m.await(ctx, &r)
	}
	var a answer
	a.err = firstOf(err, func() error { return a.joined.Decode(body) }, func() error { return kafka.Code(a.joined.ErrorCode).Err() })
	return a
}

func (m *Member) sync(ctx context.Context, r *wire.SyncGroupRequest) (a answer) {
	body, err := m.await(ctx, r)
	var synced wire.SyncGroupResponse
	a.err = firstOf(err,
		func() error { return synced.Decode(body) },
		func() error { return kafka.Code(synced.ErrorCode).Err() },
		func() error { return a.assigned.Decode(synced.Assignment) })
	return a
}

// exchange asks the coordinator.
func (m *Member) exchange(ctx context.Context, r wire.Request, patience time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	body, _, err := m.cluster.Exchange(ctx, m.state.coordinator, r, patience)
	return body, err
}

var errCoordinatorMoved = errors.New("the group's coordinator is another broker now")

// await asks the coordinator what it answers only when the other members have
// done their part, a rebalance timeout later at most. A coordinator that is gone
// meanwhile says nothing, so the others are asked now and then who it is.
func (m *Member) await(ctx context.Context, r wire.Request) ([]byte, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel(nil)
	watch.Go(func() { // ended by cancel
		for sleep.For(ctx, m.cfg.CallTimeout) == nil {
			if node, err := m.find(ctx); err == nil && node != m.state.coordinator {
				cancel(errCoordinatorMoved)
			}
		}
	})
	return m.exchange(ctx, r, m.cfg.RebalanceTimeout+m.cfg.CallTimeout)
}

// firstOf returns the first error of a call's steps.
func firstOf(err error, steps ...func() error) error {
	for _, step := range steps {
		if err != nil {
			return err
		}
		err = step()
	}
	return err
}
