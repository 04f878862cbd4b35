package group

import (
	"context"
	"sync"
	"time"

	"kafka-import-bridge/internal/sleep"
)

// Generation is this process's part in one generation of the group.
type Generation struct {
	ID       int32
	MemberID string
	Assigned map[string][]int32 // partitions by topic, of the topics that Join was given
	// Counts is how many partitions each of those topics had when they were
	// assigned, as far as this process knows: newer than what Join was given.
	Counts map[string]int
	// Stale is above 0 where the group's leader did not know all of those
	// topics and partitions, and counts such assignments in a row. The
	// generation should be ended some time: Join then asks for another balance.
	Stale int
	// Lease is renewed by heartbeats. Who commits renews it too.
	Lease *Lease

	rebalance chan struct{}
	deadline  time.Time // written before rebalance is closed
	lost      chan struct{}
	err       error // written before lost is closed
}

// Rebalance is closed when the group wants its members to join again. Until
// Deadline this member still belongs to the generation and may commit in it.
func (g *Generation) Rebalance() <-chan struct{} { return g.rebalance }

// Deadline is when the group stops waiting for this member. It is known once
// Rebalance is closed.
func (g *Generation) Deadline() time.Time {
	<-g.rebalance
	return g.deadline
}

// Lost is closed when the coordinator has put the member out of the generation:
// the partitions may be another's already.
func (g *Generation) Lost() <-chan struct{} { return g.lost }

// Err returns why the generation was lost, once Lost is closed: ErrFenced if
// another process has taken over the name, else a Code.
func (g *Generation) Err() error {
	<-g.lost
	return g.err
}

// heart sends the heartbeats of one generation, on a goroutine of its own, until
// it is cancelled or the generation is lost. It goes on while the group
// rebalances: a drain may take longer than a session timeout.
type heart struct {
	*Member
	generation *Generation
	acked      time.Time // when the last call was sent that found the generation in force
	rebalance  sync.Once // closes the channel of that name
	troubled   bool      // Trouble was last called with a failure
	cancel     context.CancelFunc
	done       chan struct{} // closed when run returns
}

func (h *heart) run(ctx context.Context) {
	defer close(h.done)
	rest := time.Duration(0) // the first one proves what the answers to join and sync no longer do
	for sleep.For(ctx, rest) == nil {
		c := h.state.next()
		a := h.ask(ctx, c)
		if ctx.Err() != nil {
			return
		}
		h.report(c, h.state.answered(c, a))
		switch h.state.state {
		case belongs, rebalancing:
			if c == beat {
				h.heard()
			}
		case fenced:
			h.lost(ErrFenced)
			return
		default:
			h.lost(a.err)
			return
		}
		if rest = h.state.rest(); c == beat && rest == 0 {
			rest = time.Until(h.sent.Add(h.cfg.HeartbeatInterval))
		}
	}
}

// report passes on a failure, and the end of a row of failures.
func (h *heart) report(c call, err error) {
	if h.cfg.Trouble == nil || err == nil && (!h.troubled || c != beat) {
		return
	}
	h.troubled = err != nil
	h.cfg.Trouble(err)
}

// heard takes the answer to a heartbeat of a generation that is in force.
func (h *heart) heard() {
	g := h.generation
	switch {
	case h.state.failures > 0:
	case h.state.state == belongs:
		h.acked = h.sent
		g.Lease.Renew(h.sent)
	default:
		g.Lease.Renew(h.sent)
		h.rebalance.Do(func() {
			g.deadline = h.acked.Add(h.cfg.RebalanceTimeout)
			g.Lease.Limit(g.deadline)
			close(g.rebalance)
		})
	}
}

// lost ends a generation that the coordinator has taken from us.
func (h *heart) lost(err error) {
	g := h.generation
	g.Lease.End()
	g.err = err
	close(g.lost)
}
