package consumer

import (
	"fmt"
	"strings"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// start decides where a partition starts.
func (s *session) start(tp kafka.TopicPartition, c kafka.Committed, r kafka.Range, fresh bool) resolved {
	out := resolved{TopicPartition: tp, committed: c.Offset, metadata: c.Metadata, begin: r.Begin, end: r.End, stable: r.Stable, read: -1}
	if c.Offset < 0 {
		out.first, out.start = true, r.Begin
		if fresh && s.cfg.OffsetReset == ResetLatest {
			out.start = r.Stable
		}
		return out
	}
	c, out.recalled = s.recall(tp, c)
	out.readEpoch = c.LeaderEpoch
	id := identity(s.member.ids[tp.Topic], s.member.cluster)
	m, err := ledger.Decode(c.Metadata)
	ours := err == nil && m.Committed == c.Offset
	switch {
	case ours && m.TopicID == id:
		out.frontier, out.read = m.Frontier, c.LeaderEpoch
		if !sameRouting(m.Fingerprint, s.fingerprint) {
			out.frontier = m.Frontier.Rerouted()
			s.log.Info("the settings that decide namespaces and ids have changed since the last commit", "topic", tp.Topic, "partition", tp.Partition)
		}
	case ours && sameCluster(m.TopicID, id):
		return s.recreated(out)
	case err == nil:
		s.log.Info("the committed offset was moved by somebody else; it is taken as it is", "topic", tp.Topic, "partition", tp.Partition, "offset", c.Offset)
	case c.Metadata != "":
		s.log.Warn("commit metadata of an unknown kind is ignored; repeats are possible", "topic", tp.Topic, "partition", tp.Partition)
	}
	out.start = c.Offset
	return s.inRange(out)
}

func sameCluster(a, b string) bool {
	_, ca, _ := strings.Cut(a, ".")
	_, cb, _ := strings.Cut(b, ".")
	return ca == cb
}

// recreated: the topic was deleted and created anew since the commit.
func (s *session) recreated(r resolved) resolved {
	r.start, r.reset, r.gap = r.begin, "recreated", r.committed
	return s.resetOrHold(r, fmt.Errorf("topic was created anew since offset %d was committed", r.committed))
}

// inRange handles a committed offset that the log does not have any more, or
// not yet.
func (s *session) inRange(r resolved) resolved {
	switch {
	case r.start < r.begin:
		r.gap, r.reset = r.begin-r.start, "below_log_start"
		err := fmt.Errorf("committed offset %d lies below the log start %d: %d records were removed before they were read", r.start, r.begin, r.gap)
		r.start = r.begin
		return s.resetOrHold(r, err)
	case r.start > r.end && r.read >= 0:
		return r // the leader knows where the histories part: its answer to the first fetch tells
	case r.start > r.end:
		r.gap, r.reset = r.start-r.end, "beyond_end"
		err := fmt.Errorf("committed offset %d lies beyond the end %d", r.start, r.end)
		r.start, r.frontier = r.begin, ledger.Frontier{}
		return s.resetOrHold(r, err)
	}
	return r
}

func (s *session) resetOrHold(r resolved, err error) resolved {
	if s.cfg.OffsetReset == ResetHold {
		r.heldOut, r.err, r.start, r.reset = true, err, r.committed, ""
	}
	return r
}

// resolved begins to read partitions whose start is known.
func (s *session) resolved(rs []resolved) {
	now := time.Now()
	ahead, passed := int64(0), int64(0)
	for _, r := range rs {
		p := s.partitions[r.TopicPartition]
		if p == nil || p.open() {
			continue
		}
		p.committed, p.acked = r.committed, mark{r.committed, r.metadata}
		p.ledger = ledger.New(r.start, r.frontier)
		p.caughtUp = now
		if r.reset != "" {
			s.tellReset(r)
			p.touch()
		}
		if r.recalled {
			p.touch()
		}
		if r.first {
			p.born = s.member.generation
			passed += r.start - r.begin
			p.touch()
		}
		if r.reset != "" {
			r.read = -1 // it was of another place in the log
		}
		p.cursor = s.fetcher.open(p.TopicPartition, p.topicID, r.start, r.read, r.leader, r.epoch, r.heldOut || s.mode != running)
		p.cursor.know(kafka.Range{Begin: r.begin, End: r.end, Stable: r.stable})
		if r.heldOut && !r.recalled {
			// To commit it as this log's would hide from the next owner that it is not.
			p.asFound = &kafka.CommitOffset{TopicPartition: r.TopicPartition, Offset: r.committed, LeaderEpoch: r.readEpoch, Metadata: r.metadata}
		}
		if r.heldOut {
			s.holdOut(p, r.err, now)
		}
		ahead += max(0, r.end-r.start)
	}
	s.log.Info("reading partitions", "partitions", len(rs), "records_ahead", ahead)
	if passed > 0 {
		s.log.Warn("the group is new: records before its start are left out, as BRIDGE_KAFKA_OFFSET_RESET says", "records", passed)
	}
}

func (s *session) tellReset(r resolved) {
	s.metrics.offsetResets.WithLabelValues(r.Topic, r.reset).Inc()
	s.log.Error("committed offset is not in the log; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.reset, "committed_offset", r.committed, "start_offset", r.start, "gap", r.gap)
}

// holdOut keeps a partition from being read until somebody decides.
func (s *session) holdOut(p *partition, err error, now time.Time) {
	p.heldOut, p.failure, p.failing = true, err, now
	s.fetcher.pause(p.cursor, true)
	s.log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}
