package group

import (
	"cmp"
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
		return m.sync(ctx)
	case beat:
		var a wire.HeartbeatResponse
		r := wire.HeartbeatRequest{Group: m.cfg.Group, Generation: s.generation, MemberID: s.memberID, InstanceID: s.instance}
		err := m.exchange(ctx, &r, &a, min(m.cfg.CallTimeout, m.cfg.SessionTimeout/3))
		return answer{err: cmp.Or(err, kafka.Code(a.ErrorCode).Err())}
	}
	var a wire.LeaveGroupResponse
	err := m.exchange(ctx, &wire.LeaveGroupRequest{Group: m.cfg.Group, MemberID: s.memberID, InstanceID: s.instance}, &a, m.cfg.CallTimeout)
	return answer{err: cmp.Or(err, kafka.Code(a.ErrorCode).Err())}
}

func (m *Member) find(ctx context.Context) (int32, error) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.CallTimeout)
	defer cancel()
	var a wire.FindCoordinatorResponse
	err := m.cluster.Ask(ctx, unknown, &wire.FindCoordinatorRequest{Group: m.cfg.Group}, &a)
	return a.NodeID, cmp.Or(err, kafka.Code(a.ErrorCode).Err())
}

func (m *Member) join(ctx context.Context) (a answer) {
	s := m.state
	r := wire.JoinGroupRequest{
		Group: m.cfg.Group, MemberID: s.memberID, InstanceID: s.instance, Protocol: protocolName, Metadata: s.metadata(),
		SessionTimeout: int32(m.cfg.SessionTimeout.Milliseconds()), RebalanceTimeout: int32(m.cfg.RebalanceTimeout.Milliseconds()),
	}
	if s.memberID == "" && s.instance == "" {
		// The answer brings the member id, at once. Unheard it would leave a
		// member in the group for which each rebalance waits a session timeout.
		a.err = m.exchange(context.WithoutCancel(ctx), &r, &a.joined, m.cfg.CallTimeout)
	} else {
		a.err = m.await(ctx, &r, &a.joined)
	}
	a.err = cmp.Or(a.err, kafka.Code(a.joined.ErrorCode).Err())
	return a
}

func (m *Member) sync(ctx context.Context) (a answer) {
	s := m.state
	var synced wire.SyncGroupResponse
	r := wire.SyncGroupRequest{Group: m.cfg.Group, Generation: s.generation, MemberID: s.memberID, InstanceID: s.instance, Assignments: s.shares}
	err := m.await(ctx, &r, &synced)
	if a.err = cmp.Or(err, kafka.Code(synced.ErrorCode).Err()); a.err == nil {
		a.err = a.assigned.Decode(synced.Assignment)
	}
	return a
}

// exchange asks the coordinator and waits for so long.
func (m *Member) exchange(ctx context.Context, r wire.Request, answer wire.Response, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return m.cluster.Ask(ctx, m.state.coordinator, r, answer)
}

var errCoordinatorMoved = errors.New("the group's coordinator is another broker now")

// await asks the coordinator what it answers only when the other members have
// done their part, a rebalance timeout later at most. A coordinator that is gone
// meanwhile says nothing, so the others are asked now and then who it is.
func (m *Member) await(ctx context.Context, r wire.Request, answer wire.Response) error {
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
	return m.exchange(ctx, r, answer, m.cfg.RebalanceTimeout+m.cfg.CallTimeout)
}
