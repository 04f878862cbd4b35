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
	kafka.Subscription // when it joined
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
func (s *Generation) Enter(ctx context.Context) {
	s.Ctx, s.Cancel = context.WithCancel(ctx)
	s.Probes, s.EndProbes = context.WithCancel(s.Ctx)
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
func (s *Generation) Fence(why error) {
	if s.Mode == Fenced {
		return
	}
	s.FenceReason = why
	s.Metrics.Commits.WithLabelValues("fenced").Inc()
	s.Log.Warn("this member was put out of the group; what was under way is dropped", "member_id", s.Member.ID,
		"generation", s.Member.Generation, "error", why)
	s.Member.Lease.End()
	s.Cancel()
	s.Mode = Fenced
}

// Orphaned says that there is no coordinator to expel this member. What is done
// but not committed would be sent again by whoever reads it next, so the drain
// goes on until the group can be asked, unless the process is to stop.
func (s *Generation) Orphaned() bool {
	return s.CoordinatorAway && s.Drain.Reason != ForShutdown
}

// CommitPatience is how long a call about commits may take. A stop does not wait
// much beyond its deadline for brokers that answer nothing: whoever manages the
// process would kill it.
func (s *Generation) CommitPatience(now time.Time) time.Duration {
	if s.Mode != Draining || s.Drain.Reason != ForShutdown {
		return s.Config.CallTimeout()
	}
	return min(s.Config.CallTimeout(), s.Drain.Deadline.Add(LeavePatience).Sub(now))
}

// MetadataOf is what every commit of the partition carries beside the frontier.
func (s *Generation) MetadataOf(p *Partition) ledger.Metadata {
	return ledger.Metadata{TopicID: ledger.Identity(p.TopicID, s.Member.Cluster), Fingerprint: s.Fingerprint, Born: p.Born}
}
