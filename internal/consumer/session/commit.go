package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// Limits of the commits of one session, so that they stay a small share of what
// a coordinator can take.
const (
	commitInterval        = 100 * time.Millisecond // at most ten a second
	commitBytesPerSecond  = 1 << 20                // of metadata
	metadataRoom          = ledger.MaxMetadata
	commitRetry           = 250 * time.Millisecond
	commitPartitionsAtOne = 2000
	// commitDoubt is how long after its time a commit without an answer may
	// still be applied, over a later one that was sent on another connection.
	commitDoubt = 10 * time.Minute
	// deniedRetry is how long one that was not permitted is not repeated.
	deniedRetry = 2 * time.Second
	// After a rest of at least this, at most that, a broker that has refused
	// metadata is offered twice as much again.
	minRoomRest = 5 * time.Minute
	maxRoomRest = time.Hour
)

// commits tells the group what is done. One is in flight at most.
type commits struct {
	*assigned
	done      chan commitResult
	flying    bool
	touched   bool // a partition has something new
	notBefore time.Time
	unsure    bool      // one got no answer: it may still be applied
	unsureAt  time.Time // when that was last noticed
	restateAt time.Time // when everything is committed again because of it
	denied    bool      // the last one was not permitted
	failure   string    // of the last one, for people; "" once one is acknowledged
	widenAt   time.Time // when a partition may be given more room for metadata, zero if none waits
}

type commitResult struct {
	sent    time.Time
	commit  kafka.Commit
	results []kafka.CommitResult
	err     error
}

func newCommits(a *assigned) *commits { return &commits{assigned: a, done: make(chan commitResult, 1)} }

// due is when the next commit can go out, zero if none is needed.
func (c *commits) due() time.Time {
	switch {
	case c.flying:
		return time.Time{}
	case c.touched:
		return c.notBefore
	case c.unsure:
		return c.restateAt
	}
	return time.Time{}
}

// commit sends what has changed.
func (s *commits) commit(now time.Time) {
	c := s
	if c.flying || c.notBefore.After(now) || s.mode == fenced {
		return
	}
	s.restate(now)
	s.widen(now)
	if !c.touched {
		return
	}
	c.touched = false
	commit := kafka.Commit{Group: s.cfg.Group, Generation: s.member.Generation, MemberID: s.member.ID, InstanceID: s.member.InstanceID}
	size := 0
	for _, p := range s.partitions {
		if !p.open() || p.lost || !p.dirty {
			continue
		}
		if s.unproven(p) {
			c.touched = c.touched || s.mode == running // a drain reads nothing that could prove it
			continue
		}
		if size >= commitBytesPerSecond || len(commit.Offsets) >= commitPartitionsAtOne {
			c.touched = true // the rest goes with the next one
			break
		}
		commit.Offsets = append(commit.Offsets, s.commitOf(p))
		size += len(commit.Offsets[len(commit.Offsets)-1].Metadata)
	}
	if len(commit.Offsets) == 0 {
		return
	}
	c.flying = true
	patience := s.commitPatience(now)
	c.notBefore = now.Add(max(commitInterval, time.Second*time.Duration(size)/commitBytesPerSecond))
	ctx, client, done, ids := context.WithoutCancel(s.ctx), s.client, c.done, s.bare(&commit)
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		sent, results, err := commitSame(ctx, client, commit, ids)
		if err != nil {
			sent = commit
		}
		done <- commitResult{now, sent, results, err} // has room for one
	})
}

// restate commits everything again now and then for a while after a commit has
// got no answer: should that one be applied late, it does not stand for long.
func (s *commits) restate(now time.Time) {
	c := s
	if !c.unsure || now.Before(c.restateAt) || now.Sub(c.unsureAt) > commitDoubt {
		return
	}
	c.restateAt = now.Add(s.cfg.SessionTimeout / 3)
	for _, p := range s.partitions {
		if p.open() && !p.lost {
			p.touch()
		}
	}
}

// commitOf is what would be committed for a partition now.
func (s *commits) commitOf(p *partition) kafka.CommitOffset {
	p.dirty = false
	if p.asFound != nil {
		p.sent = p.acked
		return *p.asFound
	}
	text, omitted := p.ledger.Encode(s.metadataOf(p), p.metadata.size)
	p.omitted = omitted
	p.sent = ledger.CommitPoint{Offset: p.ledger.Watermark(), Metadata: text}
	return kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: p.ledger.Watermark(), LeaderEpoch: s.fetcher.EpochOf(p.cursor), Metadata: text}
}

// committed takes the answer to a commit.
func (s *commits) committed(r commitResult) {
	now := time.Now()
	c := s
	c.flying = false
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
		s.away, c.denied, c.failure = false, false, ""
		s.member.Lease.Renew(r.sent)
		s.NoteCredentials(nil)
		s.metrics.Commit("ok")
	}
	if retry != nil {
		s.commitFailed(commitResult{}, retry, now) // touched above
	}
}

// partitionCommitted notes an acknowledged offset.
func (s *commits) partitionCommitted(p *partition, o *kafka.CommitOffset) {
	p.committed, p.acked = o.Offset, ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}
}

// commitFailed lets the same be committed again soon. Without an answer the
// commit may have been applied, or be applied later still.
func (s *commits) commitFailed(r commitResult, err error, now time.Time) {
	c := s
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
	if !answered {
		c.unsure, c.unsureAt = true, now
	}
	s.away, c.denied = !answered || code.CoordinatorAway(), answered && code.Denied()
	c.notBefore = now.Add(commitRetry)
	if c.denied {
		c.notBefore = now.Add(deniedRetry)
	}
	s.metrics.Commit("error")
	s.metrics.KafkaFailed("commit")
	s.NoteCredentials(err)
	c.failure = s.Explain(err)
	s.Faults.Log(now, "commit failed; it will be sent again", "commit/"+c.failure, "error", c.failure)
}

// fence ends the session's right to its partitions: another member has them.
// Nothing of them is stored or committed any more.
func (s *base) fence(why error) {
	if s.mode == fenced {
		return
	}
	s.fencedBy = why
	s.metrics.Commit("fenced")
	s.log.Warn("this member was put out of the group; what was under way is dropped", "member_id", s.member.ID,
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
