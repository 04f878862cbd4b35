package assignment

import (
	"context"
	"errors"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Committer tells the group what is done.
type Committer struct {
	*Assignment
	Schedule
	Done   chan CommitResult
	wakeAt time.Time // when the rest of a partition may be over, see wake; zero if none rests
	taken  int       // offsets that the group has acknowledged
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
	return &Committer{Assignment: a, Done: make(chan CommitResult, 1)}
}

// Commit sends what has changed.
func (s *Committer) Commit(now time.Time) {
	if !s.Ready(now) || s.Mode == Fenced {
		return
	}
	s.RestateDue(now)
	s.wake(now)
	if !s.Touched() {
		return
	}
	s.touched = false // what is not in this one has to be touched again
	commit := kafka.Commit{Group: s.Config.Group, Generation: s.Member.Generation, MemberID: s.Member.ID, InstanceID: s.Member.InstanceID}
	size := 0
	for _, p := range s.Partitions {
		if !p.Live() || !p.Dirty || p.Denied.Rests(now) {
			continue
		}
		if s.unproven(p) {
			if s.awaitsProof(now) {
				s.Touch()
			}
			continue
		}
		if size >= s.Room() {
			s.Touch() // the rest goes with the next one
			break
		}
		commit.Offsets = append(commit.Offsets, s.CommitOf(p))
		size += s.sizeOf(commit.Offsets[len(commit.Offsets)-1:])
	}
	if len(commit.Offsets) == 0 {
		s.notBefore = now.Add(interval) // nothing that is new can be in one yet
		return
	}
	s.Sent(now, size)
	patience := s.CommitPatience(now)
	ctx, client, done, ids := context.WithoutCancel(s.Ctx), s.Client, s.Done, s.bare(&commit)
	s.Tasks.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		results, err := client.CommitSame(ctx, commit, ids)
		done <- CommitResult{now, commit, results, err} // has room for one
	})
}

// RestateDue lets everything be committed again, where a commit without an answer may
// still be applied.
func (s *Committer) RestateDue(now time.Time) {
	if !s.Restate(now, s.Config.SessionTimeout/3) {
		return
	}
	for _, p := range s.Partitions {
		if p.Live() {
			p.Touch()
		}
	}
}

// CommitOf is what would be committed for a partition now.
func (s *Committer) CommitOf(p *Partition) kafka.CommitOffset {
	p.Dirty = false
	if p.AsFound != nil {
		p.Sent = p.Acked
		return *p.AsFound
	}
	text, omitted := p.Ledger.Encode(s.MetadataOf(p), p.Metadata.Size())
	p.Omitted = omitted
	p.Sent = ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text}
	return kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: p.Ledger.Watermark(), LeaderEpoch: s.Fetcher.EpochOf(p.Cursor), Metadata: text}
}

// Answer takes the answer to a commit.
func (s *Committer) Answer(r CommitResult) {
	now := time.Now()
	s.inFlight = false
	if r.Err != nil {
		s.commitFailed(r, r.Err, now)
		return
	}
	acked, large, retry := 0, false, error(nil)
	for _, res := range r.Results {
		p := s.Partitions[res.TopicPartition]
		switch {
		case res.Code == kafka.CodeOK:
			acked++
			s.partitionCommitted(p, &res.CommitOffset)
		case res.Code.Fenced():
			s.Fence(res.Code)
			return
		case res.Code == kafka.CodeTopicDenied:
			s.deny(p, now)
		case res.Code == kafka.CodeMetadataTooLarge:
			s.narrow(p, len(res.Metadata), now)
		case res.Code.TopicGone():
			s.Lose(p, res.Code)
		case res.Code == kafka.CodeCommitTooLarge, res.Code == kafka.CodeUnknown: // which Kafka 4 says of it
			large = true
			fallthrough
		default:
			p.Touch()
			retry = res.Code
		}
	}
	if acked > 0 {
		s.CoordinatorAway = false
		s.Acked()
		s.Member.Lease.Renew(r.Sent)
		s.NoteCredentials(nil)
		s.Metrics.Commits.WithLabelValues("ok").Inc()
	}
	if s.taken += acked; large {
		s.shrink(r.Commit.Offsets, retry, now)
	}
	if retry != nil {
		s.commitFailed(CommitResult{}, retry, now) // touched above
	}
}

// partitionCommitted notes an acknowledged offset.
func (s *Committer) partitionCommitted(p *Partition, o *kafka.CommitOffset) {
	p.Denied = Denial{}
	p.Committed, p.Acked = o.Offset, ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}
}

// commitFailed lets the same be committed again soon. Without an answer the
// commit may have been applied, or be applied later still.
func (s *Committer) commitFailed(r CommitResult, err error, now time.Time) {
	var code kafka.Code
	if errors.As(err, &code) && code.Fenced() {
		s.Fence(code)
		return
	}
	for _, o := range r.Commit.Offsets {
		s.Partitions[o.TopicPartition].Touch()
	}
	answered := errors.As(err, &code)
	s.CoordinatorAway = !answered || code.CoordinatorAway()
	s.Failed(answered, answered && code.Denied(), s.Explain(err), now)
	s.Metrics.Commits.WithLabelValues("error").Inc()
	s.Metrics.KafkaFailed("commit")
	s.NoteCredentials(err)
	s.Faults.Log(now, "commit failed; it will be sent again", "commit/"+s.Failure(), "error", s.Failure())
}

// unproven reports whether nothing tells the partition's topic from one that may have
// been created in its place meanwhile: its brokers know no ids, and no answer has
// shown yet that the log is the one that was read.
func (s *Committer) unproven(p *Partition) bool {
	return p.TopicID == (wire.UUID{}) && s.Fetcher.Standing(p.Cursor).Doubted
}

// proofPatience is how long a drain waits for the answer of a leader that proves that
// a topic without an id is the one that was read.
const proofPatience = 5 * time.Second

// awaitsProof reports whether what is unproven may still be proven in time.
func (s *Committer) awaitsProof(now time.Time) bool {
	return s.Mode == Running || now.Before(s.Drain.Began.Add(proofPatience))
}

// bare lists the topics of the offsets that are committed without metadata, where a
// coordinator takes none: the next owner cannot tell of which topic they are. It
// returns the ids that the topics must still have.
func (s *Committer) bare(commit *kafka.Commit) map[string]wire.UUID {
	ids := map[string]wire.UUID{}
	for _, o := range commit.Offsets {
		if p := s.Partitions[o.TopicPartition]; o.Metadata == "" && p.TopicID != (wire.UUID{}) {
			ids[o.Topic] = p.TopicID
		}
	}
	return ids
}
