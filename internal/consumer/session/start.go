package session

import (
	"errors"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// starting is what finds out where the partitions start.
func (s *Session) starting() *discovery.Starts {
	p := s.Process
	return &discovery.Starts{
		Client: p.Client, Group: p.Config.Group, Generation: s.member.Generation, Assigned: s.member.Assigned, Subscription: s.member.Subscription,
		ReadCommitted: p.Config.ReadCommitted, Fingerprint: p.Fingerprint, Reset: p.Config.OffsetReset, Known: p.Known, Recollections: p.Recollections,
		Refresh: s.fetcher.Refresh, Failed: p.StartsFailed,
	}
}

// open begins to read partitions whose start is known.
func (s *Session) open(rs []discovery.Start, now time.Time) {
	ahead, passed, failed := int64(0), int64(0), 0
	for _, r := range rs {
		p := s.partitions[r.TopicPartition]
		if p == nil || p.open() {
			continue
		}
		if p.failure = nil; r.Problem != nil {
			p.failure, p.failing = errors.New(s.Explain(r.Problem)), now
			failed++
			continue
		}
		s.remark(&r)
		p.committed, p.acked = r.Committed.Offset, ledger.CommitPoint{Offset: r.Committed.Offset, Metadata: r.Committed.Metadata}
		p.ledger = ledger.New(r.At.Offset, r.At.Frontier)
		p.caughtUp = now
		if r.At.Reset != "" {
			s.tellReset(&r)
			p.touch()
		}
		if r.Recalled || r.At.Offset != r.Committed.Offset {
			p.touch()
		}
		if r.At.First {
			p.born = s.member.Generation
			passed += r.At.Offset - r.Log.Begin
			p.touch()
		}
		p.cursor = s.fetcher.Open(p.TopicPartition, p.topicID, r.At.Offset, r.At.Epoch, r.Leader, r.LeaderEpoch, r.At.Held || s.mode != running)
		p.cursor.Know(r.Log)
		if r.At.Held && !r.Recalled {
			// Committed unchanged: new metadata would say to the next owner that the
			// offset is of this log.
			p.asFound = &kafka.CommitOffset{TopicPartition: r.TopicPartition, Offset: r.Committed.Offset, LeaderEpoch: r.ReadEpoch, Metadata: r.Committed.Metadata}
		}
		if r.At.Held {
			s.holdOut(p, r.At.Problem, now)
		}
		ahead += max(0, r.Log.End-r.At.Offset)
	}
	if failed == len(rs) {
		return
	}
	s.Log.Info("reading partitions", "partitions", len(rs)-failed, "records_ahead", ahead)
	if passed > 0 {
		s.Log.Warn("the group is new: records before its start are left out, as BRIDGE_KAFKA_OFFSET_RESET says", "records", passed)
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

func (s *assigned) tellReset(r *discovery.Start) {
	s.Metrics.OffsetReset(r.Topic, r.At.Reset)
	if r.At.Reset == "below_log_start" {
		s.Metrics.Lost(r.Topic).Add(float64(r.At.Gap))
	}
	s.Log.Error("committed offset is not in the log; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.At.Reset, "committed_offset", r.Committed.Offset, "start_offset", r.At.Offset, "gap", r.At.Gap, "namespaces_behind", r.At.Behind)
}

// holdOut keeps a partition from being read until somebody decides.
func (s *assigned) holdOut(p *partition, err error, now time.Time) {
	p.heldOut, p.failure, p.failing = true, err, now
	s.fetcher.Pause(p.cursor, true)
	s.Log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}
