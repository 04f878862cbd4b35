package assignment

import (
	"context"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
)

// Mode is the stage of a session's life.
type Mode uint8

// The stages of a session's life.
const (
	Running  Mode = iota
	Draining      // no new lines are read; what is open is being stored and committed
	Fenced        // another member owns the partitions: everything is dropped
)

// Member is what the group knows this process by, for one generation.
type Member struct {
	ID                 string
	InstanceID         string // of a static member, "" for none
	Generation         int32
	Term               Term
	Lease              *group.Lease
	Stale              int // assignments in a row that left out topics or partitions, see group.Generation
	Assigned           []kafka.TopicPartition
	kafka.Subscription          // when it joined
	Recreated          []string // topics that were created anew since this process's generation before
}

// Term is how long a generation lasts, see group.Generation.
type Term interface {
	Rebalance() <-chan struct{}
	Deadline() time.Time
	Lost() <-chan struct{}
	Err() error
}

// Generation is what every owner of a session's state knows of it.
type Generation struct {
	*process.Process
	Member  Member
	Fetcher *fetch.Fetcher

	Mode            Mode
	FenceReason     error // why the partitions were taken from this member, nil if they were not
	Drain           DrainState
	CoordinatorAway bool // no coordinator could judge the last commit

	Ctx       context.Context // of everything but reading; ends with the session
	Cancel    context.CancelFunc
	Probes    context.Context // of probes; ends when the session drains
	EndProbes context.CancelFunc
	Tasks     sync.WaitGroup
}

// Enter makes the contexts of what the session starts; Cancel ends all of them.
func (g *Generation) Enter(ctx context.Context) {
	g.Ctx, g.Cancel = context.WithCancel(ctx)
	g.Probes, g.EndProbes = context.WithCancel(g.Ctx)
}

// DrainReason says why a session ends.
type DrainReason uint8

// Why a session drains.
const (
	ForRebalance DrainReason = iota // the group waits: no backoff is waited for
	ForShutdown                     // retries go on until the deadline
)

// LeavePatience is how long each step of leaving may take, so that a stop stays
// within the grace that orchestrators give beyond the shutdown timeout.
const LeavePatience = 3 * time.Second

// DrainState is the loop's knowledge of its own end.
type DrainState struct {
	Reason   DrainReason
	Began    time.Time
	Deadline time.Time
}

// Fence ends the session's right to its partitions: another member has them.
// Nothing of them is stored or committed any more.
func (g *Generation) Fence(why error) {
	if g.Mode == Fenced {
		return
	}
	g.FenceReason = why
	g.Metrics.Commits.WithLabelValues("fenced").Inc()
	g.Log.Warn("this member was put out of the group; what was under way is dropped", "member_id", g.Member.ID,
		"generation", g.Member.Generation, "error", why)
	g.Member.Lease.End()
	g.Cancel()
	g.Mode = Fenced
}

// Orphaned says that there is no coordinator to expel this member. What is done
// but not committed would be sent again by whoever reads it next, so the drain
// goes on until the group can be asked, unless the process is to stop.
func (g *Generation) Orphaned() bool {
	return g.CoordinatorAway && g.Drain.Reason != ForShutdown
}

// CommitPatience is how long a call about commits may take. A stop does not wait
// much beyond its deadline for brokers that answer nothing: whoever manages the
// process would kill it.
func (g *Generation) CommitPatience(now time.Time) time.Duration {
	if g.Mode != Draining || g.Drain.Reason != ForShutdown {
		return g.Config.CallTimeout()
	}
	return min(g.Config.CallTimeout(), g.Drain.Deadline.Add(LeavePatience).Sub(now))
}

// MetadataOf is what every commit of the partition carries beside the frontier.
func (g *Generation) MetadataOf(p *Partition) ledger.Metadata {
	return ledger.Metadata{TopicID: ledger.Identity(p.TopicID, g.Member.Cluster), Fingerprint: g.Fingerprint, Born: p.Born}
}
