package session

import (
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// starting is what finds out where the partitions start.
func (s *Session) starting() *discovery.Starts {
	p := s.Process
	return &discovery.Starts{
		Client: p.Client, Group: p.Config.Group, Generation: s.Member.Generation, Assigned: s.Member.Assigned, Subscription: s.Member.Subscription, Recreated: s.Member.Recreated,
		ReadCommitted: p.Config.ReadCommitted, Fingerprint: p.Fingerprint, Reset: p.Config.OffsetReset, Known: p.Known, Recollections: p.Recollections,
		Refresh: s.Fetcher.Refresh, Failed: p.StartsFailed,
	}
}

// open begins to read partitions whose start is known.
func (s *Session) open(rs []discovery.Start, now time.Time) {
	ahead, passed, failed := int64(0), int64(0), 0
	for _, r := range rs {
		p := s.assignment.Partitions[r.TopicPartition]
		if p == nil || p.IsOpen() {
			continue
		}
		if r.Problem != nil {
			s.assignment.Fail(p, errors.New(s.Explain(r.Problem)), false, false)
			failed++
			continue
		}
		s.remark(&r)
		p.Acked = ledger.CommitPoint{Offset: r.Committed.Offset, Metadata: r.Committed.Metadata}
		p.Committed = r.Committed.Offset
		p.Ledger = ledger.New(r.At.Offset, r.At.Frontier)
		p.CaughtUp = now
		if r.At.Reset != "" {
			s.assignment.ReportReset(&r)
		}
		if r.Recalled || r.At.Reset != "" || r.At.Offset != r.Committed.Offset {
			p.Touch()
		}
		if r.Committed.Offset < 0 {
			p.Born = s.Member.Generation
		}
		if r.At.First {
			passed += r.At.Offset - r.Log.Begin
		}
		c := s.Fetcher.Open(p.TopicPartition, p.TopicID, r.At.Offset, r.At.Frontier.Below, r.At.Epoch, r.Leader, r.LeaderEpoch, true)
		c.Know(r.Log)
		if r.At.Held && !r.Recalled {
			// Committed unchanged: new metadata would say to the next owner that the
			// offset is of this log.
			p.AsFound = &kafka.CommitOffset{TopicPartition: r.TopicPartition, Offset: r.Committed.Offset, LeaderEpoch: r.Committed.LeaderEpoch, Metadata: r.Committed.Metadata}
		}
		if r.At.Held {
			s.assignment.HoldOut(p, r.At.Problem)
		}
		s.assignment.Opened(p, c)
		ahead += max(0, r.Log.End-r.At.Offset)
	}
	if failed == len(rs) {
		return
	}
	s.Log.Info("reading partitions", "partitions", len(rs)-failed, "records_ahead", ahead)
	if passed > 0 {
		s.Log.Warn("the group is new: records before its start are left out, as BRIDGE_KAFKA_OFFSET_RESET says", "offset_reset", s.Config.OffsetReset.String(), "records", passed)
	}
}

// remark reports what the commit's metadata lets somebody know.
func (s *Session) remark(r *discovery.Start) {
	switch r.At.Remark {
	case ledger.Rerouted:
		s.Log.Info("the settings that decide namespaces and ids have changed since the last commit", "topic", r.Topic, "partition", r.Partition)
	case ledger.MovedByOthers:
		s.Log.Info("the committed offset was moved by somebody else; it is taken as it is", "topic", r.Topic, "partition", r.Partition, "offset", r.Committed.Offset)
	case ledger.UnknownWriting:
		s.Log.Warn("commit metadata of an unknown kind is ignored; repeats are possible", "topic", r.Topic, "partition", r.Partition)
	}
}

// watching is what follows the metadata of the generation's topics.
func (s *Session) watching() *discovery.Watch {
	p := s.Process
	return &discovery.Watch{
		Client: p.Client, Selection: p.Config.Topics, Subscription: s.Member.Subscription, Stale: s.Member.Stale, Every: p.Config.MetadataRefresh,
		Relead: s.Fetcher.Relead, Failed: p.WatchFailed,
	}
}

// follow takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *Session) follow(f *discovery.Found, now time.Time) {
	s.Member.Unclear = f.Unclear
	for _, p := range s.assignment.Partitions {
		if slices.Contains(f.Unclear, p.Topic) {
			continue
		}
		same := !p.TopicID.Differs(f.IDs[p.Topic]) && int(p.Partition) < f.Parts[p.Topic]
		switch {
		case !same:
			s.assignment.Lose(p, kafka.CodeUnknownTopicID)
		default:
			s.assignment.Found(p, now)
		}
	}
	if f.Change == kafka.Unchanged {
		return
	}
	s.Log.Info("ending the generation", "reason", string(f.Change))
	s.beginDrain(assignment.ForRebalance, now)
}
