package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// start decides where a partition starts.
func (s *Session) start(tp kafka.TopicPartition, c kafka.Committed, log kafka.Range, fresh bool) resolved {
	out := resolved{TopicPartition: tp, committed: c, log: log}
	c, out.recalled = s.recall(tp, c)
	out.at = ledger.Resume(ledger.Committed(c), ledger.Log(log), ledger.Reader{
		Identity: ledger.Identity(s.member.IDs[tp.Topic], s.member.Cluster), Fingerprint: s.fingerprint,
		Reset: s.cfg.OffsetReset, Fresh: fresh,
	})
	out.readEpoch = c.LeaderEpoch
	if out.at.Held {
		out.at.Offset = out.committed.Offset
	}
	switch out.at.Remark {
	case ledger.Rerouted:
		s.log.Info("the settings that decide namespaces and ids have changed since the last commit", "topic", tp.Topic, "partition", tp.Partition)
	case ledger.MovedByOthers:
		s.log.Info("the committed offset was moved by somebody else; it is taken as it is", "topic", tp.Topic, "partition", tp.Partition, "offset", c.Offset)
	case ledger.UnknownWriting:
		s.log.Warn("commit metadata of an unknown kind is ignored; repeats are possible", "topic", tp.Topic, "partition", tp.Partition)
	}
	return out
}

// resolved begins to read partitions whose start is known.
func (s *Session) resolved(rs []resolved) {
	now := time.Now()
	ahead, passed := int64(0), int64(0)
	for _, r := range rs {
		p := s.partitions[r.TopicPartition]
		if p == nil || p.open() {
			continue
		}
		p.committed, p.acked = r.committed.Offset, mark{r.committed.Offset, r.committed.Metadata}
		p.ledger = ledger.New(r.at.Offset, r.at.Frontier)
		p.caughtUp = now
		if r.at.Reset != "" {
			s.tellReset(r)
			p.touch()
		}
		if r.recalled || r.at.Offset != r.committed.Offset {
			p.touch()
		}
		if r.at.First {
			p.born = s.member.Generation
			passed += r.at.Offset - r.log.Begin
			p.touch()
		}
		p.cursor = s.fetcher.Open(p.TopicPartition, p.topicID, r.at.Offset, r.at.Epoch, r.leader, r.epoch, r.at.Held || s.mode != running)
		p.cursor.Know(r.log)
		if r.at.Held && !r.recalled {
			// To commit it as this log's would hide from the next owner that it is not.
			p.asFound = &kafka.CommitOffset{TopicPartition: r.TopicPartition, Offset: r.committed.Offset, LeaderEpoch: r.readEpoch, Metadata: r.committed.Metadata}
		}
		if r.at.Held {
			s.holdOut(p, r.at.Problem, now)
		}
		ahead += max(0, r.log.End-r.at.Offset)
	}
	s.log.Info("reading partitions", "partitions", len(rs), "records_ahead", ahead)
	if passed > 0 {
		s.log.Warn("the group is new: records before its start are left out, as BRIDGE_KAFKA_OFFSET_RESET says", "records", passed)
	}
}

func (s *Session) tellReset(r resolved) {
	s.metrics.OffsetReset(r.Topic, r.at.Reset)
	if r.at.Reset == "below_log_start" {
		s.metrics.Lost(r.Topic).Add(float64(r.at.Gap))
	}
	s.log.Error("committed offset is not in the log; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.at.Reset, "committed_offset", r.committed.Offset, "start_offset", r.at.Offset, "gap", r.at.Gap, "namespaces_behind", r.at.Behind)
}

// holdOut keeps a partition from being read until somebody decides.
func (s *Session) holdOut(p *partition, err error, now time.Time) {
	p.heldOut, p.failure, p.failing = true, err, now
	s.fetcher.Pause(p.cursor, true)
	s.log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}
