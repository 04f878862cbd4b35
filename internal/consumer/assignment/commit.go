package assignment

import (
	"context"
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Committer tells the group what is done.
type Committer struct {
	*Generation
	Schedule   Schedule
	Done       chan CommitResult
	assignment *Assignment
	wakeAt     time.Time // when the rest of a partition may be over, see wake; zero if none rests
	taken      int       // offsets that the group has acknowledged
}

// CommitResult is what a commit has come to.
type CommitResult struct {
	Sent    time.Time
	Commit  kafka.Commit
	Results []kafka.CommitResult
	Err     error
}

// NewCommitter returns the committer of a generation's partitions. It starts nothing.
func NewCommitter(a *Assignment) *Committer {
	return &Committer{Generation: a.Generation, assignment: a, Done: make(chan CommitResult, 1)}
}

// Commit sends what has changed.
func (c *Committer) Commit(now time.Time) {
	if !c.Schedule.Ready(now) || c.Mode == Fenced {
		return
	}
	c.RestateDue(now)
	c.wake(now)
	if !c.Schedule.Touched() {
		return
	}
	c.Schedule.touched = false // what is not in this one has to be touched again
	commit := kafka.Commit{Group: c.Config.Group, Generation: c.Member.Generation, MemberID: c.Member.ID, InstanceID: c.Member.InstanceID}
	size := 0
	for _, p := range c.assignment.Partitions {
		if !p.Live() || !p.Dirty || p.Denied.Rests(now) {
			continue
		}
		if c.unproven(p) {
			if c.awaitsProof(now) {
				c.Schedule.Touch()
			}
			continue
		}
		if size >= c.Schedule.Room() {
			c.Schedule.Touch() // the rest goes with the next one
			break
		}
		commit.Offsets = append(commit.Offsets, c.CommitOf(p))
		size += c.sizeOf(commit.Offsets[len(commit.Offsets)-1:])
	}
	if len(commit.Offsets) == 0 {
		c.Schedule.notBefore = now.Add(interval) // nothing that is new can be in one yet
		return
	}
	c.Schedule.Sent(now, size)
	patience := c.CommitPatience(now)
	commit.TopicIDs = c.bare(&commit)
	ctx, client, done := context.WithoutCancel(c.Ctx), c.Client, c.Done
	c.Tasks.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		results, err := client.CommitOffsets(ctx, commit)
		done <- CommitResult{now, commit, results, err} // has room for one
	})
}

// RestateDue lets everything be committed again, where a commit without an answer may
// still be applied.
func (c *Committer) RestateDue(now time.Time) {
	if !c.Schedule.Restate(now, c.Config.SessionTimeout/3) {
		return
	}
	for _, p := range c.assignment.Partitions {
		if p.Live() {
			p.Touch()
		}
	}
}

// CommitOf is what would be committed for a partition now.
func (c *Committer) CommitOf(p *Partition) kafka.CommitOffset {
	p.Dirty = false
	if p.AsFound != nil {
		return *p.AsFound
	}
	text, omitted := p.Ledger.Encode(c.MetadataOf(p), p.Metadata.Size())
	p.Omitted = omitted
	p.sends(ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text})
	return kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: p.Ledger.Watermark(), LeaderEpoch: c.Fetcher.EpochOf(p.Cursor), Metadata: text}
}

// maxSent is how many unacknowledged commits of a partition are remembered. Those that
// follow the first ones replace each other: after an answer that is missing the later ones
// hardly reach the coordinator, before the lease ends and nothing more is done.
const maxSent = 4

// sends notes that a commit is about to be sent.
func (p *Partition) sends(point ledger.CommitPoint) {
	if slices.Contains(p.Sent, point) {
		return
	}
	if len(p.Sent) == maxSent {
		p.Sent = p.Sent[:maxSent-1]
	}
	p.Sent = append(p.Sent, point)
}

// Answer takes the answer to a commit.
func (c *Committer) Answer(r CommitResult) {
	now := time.Now()
	c.Schedule.inFlight = false
	if r.Err != nil {
		c.commitFailed(r, r.Err, now)
		return
	}
	acked, large, retry := 0, false, error(nil)
	for _, res := range r.Results {
		p := c.assignment.Partitions[res.TopicPartition]
		switch {
		case res.Code == kafka.CodeOK:
			acked++
			p.acknowledged(&res.CommitOffset)
		case res.Code.Fenced():
			c.Fence(res.Code)
			return
		case res.Code == kafka.CodeTopicDenied:
			c.deny(p, now)
		case res.Code == kafka.CodeMetadataTooLarge:
			c.narrow(p, len(res.Metadata), now)
		case res.Code.TopicGone():
			c.assignment.Lose(p, res.Code)
		case res.Code == kafka.CodeCommitTooLarge, res.Code == kafka.CodeUnknown: // which Kafka 4 says of it
			large = true
			fallthrough
		default:
			p.Touch()
			retry = res.Code
		}
	}
	if acked > 0 {
		c.CoordinatorAway = false
		c.Schedule.Acked()
		c.Member.Lease.Renew(r.Sent)
		c.NoteCredentials(nil)
		c.Metrics.Commits.WithLabelValues("ok").Inc()
	}
	if c.taken += acked; large {
		c.shrink(r.Commit.Offsets, retry, now)
	}
	if retry != nil {
		c.commitFailed(CommitResult{}, retry, now) // touched above
	}
}

// acknowledged notes a commit that the group has.
func (p *Partition) acknowledged(o *kafka.CommitOffset) {
	p.Denied = Denial{}
	p.Committed, p.Acked, p.Sent = o.Offset, ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}, nil
}

// commitFailed lets the same be committed again soon. Without an answer the
// commit may have been applied, or be applied later still.
func (c *Committer) commitFailed(r CommitResult, err error, now time.Time) {
	var code kafka.Code
	if errors.As(err, &code) && code.Fenced() {
		c.Fence(code)
		return
	}
	for _, o := range r.Commit.Offsets {
		c.assignment.Partitions[o.TopicPartition].Touch()
	}
	answered := errors.As(err, &code)
	c.CoordinatorAway = !answered || code.CoordinatorAway()
	c.Schedule.Failed(answered, answered && code.Denied(), c.Explain(err), now)
	c.Metrics.Commits.WithLabelValues("error").Inc()
	c.Metrics.KafkaFailed("commit")
	c.NoteCredentials(err)
	c.Faults.Log(now, "commit failed; it will be sent again", "commit/"+c.Schedule.Failure(), "error", c.Schedule.Failure())
}

// unproven reports whether nothing tells the partition's topic from one that may have
// been created in its place meanwhile: its brokers know no ids, and no answer has
// shown yet that the log is the one that was read.
func (c *Committer) unproven(p *Partition) bool {
	return p.TopicID == (wire.UUID{}) && c.Fetcher.Standing(p.Cursor).Doubted
}

// proofPatience is how long a drain waits for the answer of a leader that proves that
// a topic without an id is the one that was read.
const proofPatience = 5 * time.Second

// awaitsProof reports whether what is unproven may still be proven in time.
func (c *Committer) awaitsProof(now time.Time) bool {
	return c.Mode == Running || now.Before(c.Drain.Began.Add(proofPatience))
}

// bare lists the topics of the offsets that are committed without metadata, where a
// coordinator takes none: the next owner cannot tell of which topic they are. It
// returns the ids that the topics must still have.
func (c *Committer) bare(commit *kafka.Commit) map[string]wire.UUID {
	ids := map[string]wire.UUID{}
	for _, o := range commit.Offsets {
		if p := c.assignment.Partitions[o.TopicPartition]; o.Metadata == "" && p.TopicID != (wire.UUID{}) {
			ids[o.Topic] = p.TopicID
		}
	}
	return ids
}
