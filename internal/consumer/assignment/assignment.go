package assignment

import (
	"fmt"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"time"
)

// Assignment owns the partitions, and says what becomes of their nodes.
type Assignment struct {
	*Generation
	Partitions map[kafka.TopicPartition]*Partition
	// Partitions that pauseHeld has paused, and until when that is counted.
	pausedPartitions int
	awaiting         int // partitions that await something
	pausesCounted    time.Time
}

// CountHeldPauses adds the time that partitions have been paused since it was
// last called.
func (s *Assignment) CountHeldPauses(now time.Time) {
	if s.pausedPartitions > 0 {
		s.Metrics.Paused("held", now.Sub(s.pausesCounted))
	}
	s.pausesCounted = now
}

// Await drops what was read of a partition and pauses it until what it awaits is
// free.
func (s *Assignment) Await(p *Partition, what awaited) {
	if p.Awaits == awaitsNothing {
		s.awaiting++
	}
	p.Awaits = what
	s.PauseOrResume(p)
	s.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
}

// Resume lets the partitions be read on that await what is free now.
func (s *Assignment) Resume(what awaited) {
	if s.awaiting == 0 {
		return // called at each turn of the loop, and there may be thousands of partitions
	}
	for _, p := range s.Partitions {
		if p.Awaits == what {
			s.awaiting--
			p.Awaits = awaitsNothing
			s.PauseOrResume(p)
		}
	}
}

// PauseOrResume stops reading a partition whose single records would no longer fit
// the commit metadata, or that awaits something, and goes on afterwards.
func (s *Assignment) PauseOrResume(p *Partition) {
	most := MaxSingles
	if p.Paused && p.Ledger.Singles() > p.HeldCount {
		most -= MaxSingles / 4 // some will be settled: not each of them is worth a read
	}
	full := p.Ledger.Singles() >= most || p.Awaits != awaitsNothing
	if full == p.Paused || s.Mode != Running {
		return
	}
	p.Paused = full
	s.CountHeldPauses(time.Now())
	if full {
		s.pausedPartitions++
	} else {
		s.pausedPartitions--
	}
	s.Fetcher.Pause(p.Cursor, full)
	if full {
		// What was read ahead is dropped and read again later.
		s.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
		s.Faults.Log(time.Now(), "reading of a partition pauses", p.Topic,
			"topic", p.Topic, "partition", p.Partition, "why", p.PauseReason())
	}
}

// Lose stops reading and committing a partition whose topic is gone, or may be.
func (s *Assignment) Lose(p *Partition, code kafka.Code, now time.Time) {
	if p.Lost {
		return
	}
	if p.IsOpen() {
		s.Fetcher.Pause(p.Cursor, true)
		s.Fetcher.Reset(p.Cursor, p.Ledger.Position(), time.Time{})
	}
	s.Fetcher.Refresh() // only the metadata can clear it
	p.Lost, p.Failure, p.Failing = true, fmt.Errorf("topic is gone or was created anew: %w", code), now
	s.Log.Warn("partition lost: its topic was deleted or created anew", "topic", p.Topic, "partition", p.Partition, "error", code)
}

// HoldOut keeps a partition from being read until somebody decides.
func (s *Assignment) HoldOut(p *Partition, err error, now time.Time) {
	p.HeldOut, p.Failure, p.Failing = true, err, now
	s.Fetcher.Pause(p.Cursor, true)
	s.Log.Error("partition held", "topic", p.Topic, "partition", p.Partition, "error", err,
		"remedy", "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest")
}

func (s *Assignment) TellReset(r *discovery.Start) {
	s.Metrics.OffsetReset(r.Topic, r.At.Reset)
	if r.At.Reset == "below_log_start" {
		s.Metrics.Lost(r.Topic).Add(float64(r.At.Gap))
	}
	s.Log.Error("committed offset is not in the log; reading goes on elsewhere", "topic", r.Topic, "partition", r.Partition,
		"reason", r.At.Reset, "committed_offset", r.Committed.Offset, "start_offset", r.At.Offset, "gap", r.At.Gap, "namespaces_behind", r.At.Behind)
}

// Tracked passes a node on. An error would be a mistake in this package: the
// ledger refuses it, the watermark is right all the same, and it is told.
func (s *Assignment) Tracked(n *ledger.Node, err error) *ledger.Node {
	if err != nil {
		s.Log.Error("ledger refused a node", "error", err)
	}
	return n
}

// SettleNode ends a node whose lines are done.
func (s *Assignment) SettleNode(p *Partition, node *ledger.Node) {
	s.ended(p, p.Ledger.Settle(node))
}

// DropNode ends a node whose lines other nodes stand for.
func (s *Assignment) DropNode(p *Partition, node *ledger.Node) {
	s.ended(p, p.Ledger.Drop(node))
}

// ShiftNode moves the start of a node to first: the lines before it are done, or
// other nodes stand for them.
func (s *Assignment) ShiftNode(p *Partition, node *ledger.Node, first int64) {
	if err := p.Ledger.Shift(node, first, node.Timestamp); err != nil {
		s.Log.Error("ledger refused to shift", "topic", p.Topic, "partition", p.Partition, "error", err)
	}
	p.Touch()
}

// ended tells of a mistake in this package, or lets the partition be committed.
func (s *Assignment) ended(p *Partition, err error) {
	if err != nil {
		s.Log.Error("ledger refused to settle", "topic", p.Topic, "partition", p.Partition, "error", err)
		return
	}
	p.Touch()
}
