package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// committer tells the group what is done.
type committer struct {
	*assigned
	commits.Schedule
	done    chan commitResult
	widenAt time.Time // when a partition may be given more room for metadata, zero if none waits
	againAt time.Time // when commits of a denied topic are tried again, zero if none waits
}

type commitResult struct {
	sent    time.Time
	commit  kafka.Commit
	results []kafka.CommitResult
	err     error
}

func newCommitter(a *assigned) *committer {
	return &committer{assigned: a, done: make(chan commitResult, 1)}
}

// commit sends what has changed.
func (s *committer) commit(now time.Time) {
	if !s.Ready(now) || s.mode == fenced {
		return
	}
	s.restate(now)
	s.widen(now)
	s.permit(now)
	if !s.Touched() {
		return
	}
	s.Take()
	commit := kafka.Commit{Group: s.Config.Group, Generation: s.member.Generation, MemberID: s.member.ID, InstanceID: s.member.InstanceID}
	size := 0
	for _, p := range s.partitions {
		if !p.open() || p.lost || !p.dirty || p.denied.Rests(now) {
			continue
		}
		if s.unproven(p) {
			if s.mode == running { // a drain reads nothing that could prove it
				s.Touch()
			}
			continue
		}
		if size >= commits.BytesPerSecond || len(commit.Offsets) >= commits.MaxPartitions {
			s.Touch() // the rest goes with the next one
			break
		}
		commit.Offsets = append(commit.Offsets, s.commitOf(p))
		size += len(commit.Offsets[len(commit.Offsets)-1].Metadata)
	}
	if len(commit.Offsets) == 0 {
		return
	}
	s.Sent(now, size)
	patience := s.commitPatience(now)
	ctx, client, done, ids := context.WithoutCancel(s.ctx), s.Client, s.done, s.bare(&commit)
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		sent, results, err := client.CommitSame(ctx, commit, ids)
		if err != nil {
			sent = commit
		}
		done <- commitResult{now, sent, results, err} // has room for one
	})
}

// restate lets everything be committed again, where a commit without an answer may
// still be applied.
func (s *committer) restate(now time.Time) {
	if !s.Restate(now, s.Config.SessionTimeout/3) {
		return
	}
	for _, p := range s.partitions {
		if p.open() && !p.lost {
			p.touch()
		}
	}
}

// commitOf is what would be committed for a partition now.
func (s *committer) commitOf(p *partition) kafka.CommitOffset {
	p.dirty = false
	if p.asFound != nil {
		p.sent = p.acked
		return *p.asFound
	}
	text, omitted := p.ledger.Encode(s.metadataOf(p), p.metadata.Size())
	p.omitted = omitted
	p.sent = ledger.CommitPoint{Offset: p.ledger.Watermark(), Metadata: text}
	return kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: p.ledger.Watermark(), LeaderEpoch: s.fetcher.EpochOf(p.cursor), Metadata: text}
}

// committed takes the answer to a commit.
func (s *committer) committed(r commitResult) {
	now := time.Now()
	s.Answered()
	if r.err != nil {
		s.commitFailed(r, r.err, now)
		return
	}
	acked, retry := 0, error(nil)
	for i, res := range r.results {
		p := s.partitions[res.TopicPartition]
		if p == nil {
			continue
		}
		switch {
		case res.Code == kafka.CodeOK:
			acked++
			s.partitionCommitted(p, &r.commit.Offsets[i])
		case res.Code.Fenced():
			s.fence(res.Code)
			return
		case res.Code == kafka.CodeTopicDenied:
			s.deny(p, res.Code, now)
		case res.Code == kafka.CodeMetadataTooLarge:
			s.narrow(p, len(r.commit.Offsets[i].Metadata), now)
		case res.Code.TopicGone():
			s.lose(p, res.Code, now)
		default:
			p.touch()
			retry = res.Code
		}
	}
	if acked > 0 {
		s.away = false
		s.Acked()
		s.member.Lease.Renew(r.sent)
		s.NoteCredentials(nil)
		s.Metrics.Commit("ok")
	}
	if retry != nil {
		s.commitFailed(commitResult{}, retry, now) // touched above
	}
}

// partitionCommitted notes an acknowledged offset.
func (s *committer) partitionCommitted(p *partition, o *kafka.CommitOffset) {
	p.denied = commits.Denial{}
	p.committed, p.acked = o.Offset, ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}
}

// commitFailed lets the same be committed again soon. Without an answer the
// commit may have been applied, or be applied later still.
func (s *committer) commitFailed(r commitResult, err error, now time.Time) {
	var code kafka.Code
	if errors.As(err, &code) && code.Fenced() {
		s.fence(code)
		return
	}
	for _, o := range r.commit.Offsets {
		if p := s.partitions[o.TopicPartition]; p != nil {
			p.touch()
		}
	}
	answered := errors.As(err, &code)
	s.away = !answered || code.CoordinatorAway()
	s.Failed(answered, answered && code.Denied(), s.Explain(err), now)
	s.Metrics.Commit("error")
	s.Metrics.KafkaFailed("commit")
	s.NoteCredentials(err)
	s.Faults.Log(now, "commit failed; it will be sent again", "commit/"+s.Failure(), "error", s.Failure())
}

// fence ends the session's right to its partitions: another member has them.
// Nothing of them is stored or committed any more.
func (s *base) fence(why error) {
	if s.mode == fenced {
		return
	}
	s.fencedBy = why
	s.Metrics.Commit("fenced")
	s.Log.Warn("this member was put out of the group; what was under way is dropped", "member_id", s.member.ID,
		"generation", s.member.Generation, "error", why)
	s.member.Lease.End()
	s.cancel()
	s.mode = fenced
}

func sortedPartitions(m map[kafka.TopicPartition]*partition) []*partition {
	out := make([]*partition, 0, len(m))
	for _, p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *partition) int { return a.Compare(b.TopicPartition) })
	return out
}

// narrow writes less beside a partition's offset after a refusal.
func (s *committer) narrow(p *partition, refused int, now time.Time) {
	p.metadata.Narrow(refused, now)
	s.widenBy(p.metadata.WidenAt())
	p.touch()
	s.Faults.Log(now, "broker refuses commit metadata of this size: less is written, and a crash may repeat more", "metadata-size",
		"topic", p.Topic, "partition", p.Partition, "characters", refused, "remedy", "set offset.metadata.max.bytes of the brokers to at least 4096")
}

// widen offers brokers that have refused metadata more of it after a while.
func (s *committer) widen(now time.Time) {
	if s.widenAt.IsZero() || now.Before(s.widenAt) {
		return
	}
	s.widenAt = time.Time{}
	for _, p := range s.partitions {
		if p.metadata.Widen(now) && p.open() {
			p.touch()
		}
		s.widenBy(p.metadata.WidenAt())
	}
}

func (s *committer) widenBy(at time.Time) {
	if !at.IsZero() && (s.widenAt.IsZero() || at.Before(s.widenAt)) {
		s.widenAt = at
	}
}
