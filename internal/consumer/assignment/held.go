package assignment

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/record"
)

// HoldRecord pins the partition's committed offset at a record, for a reason
// that /status tells.
func (s *Assignment) HoldRecord(p *Partition, offset, timestamp int64, reason string, now time.Time) {
	if s.Tracked(p.Ledger.TrackSingle(ledger.HeldRecord, "", offset, timestamp, now)) != nil {
		p.HeldCount++
		p.FirstHeld.Note(offset, reason)
		p.Touch()
	}
}

// HoldRange pins the partition's committed offset at a batch that has no room,
// unless everything in it is done or left out by name, and reports it.
func (s *Assignment) HoldRange(p *Partition, c *fetch.Chunk, now time.Time) {
	first, o := c.Start, c.Oversized
	if p.Ledger.RangeDone(first, o.Last) {
		return
	}
	records := int(min(int64(o.Records), o.Last-first+1))
	if s.Config.SkipRecords[p.TopicPartition].Hold(first, o.Last) {
		if c.CatchUp == nil {
			s.Metrics.Skipped.WithLabelValues(p.Topic, "operator").Add(float64(records))
			s.Log.Info("Kafka batch left out by BRIDGE_SKIP_RECORDS", "topic", p.Topic, "partition", p.Partition, "offset", first, "last_offset", o.Last)
		}
		return
	}
	node := s.Tracked(p.Ledger.HoldRange(first, o.Last, o.Timestamp, now))
	if node == nil {
		return
	}
	p.HeldCount++
	if p.Ranges == nil {
		p.Ranges = map[int64]string{}
	}
	p.Ranges[node.Last] = fmt.Sprintf("the Kafka batch at offsets %d to %d with %d records %s", node.First, node.Last, records, o.Size)
	p.Touch()
	s.Metrics.Rejected.WithLabelValues(p.Topic, record.TooLarge.String()).Add(float64(records))
	s.Faults.Log(now, "Kafka batch has no room in the buffer; its offsets are held and the partition goes on behind it", "oversized/"+p.Topic,
		"topic", p.Topic, "partition", p.Partition, "offset", node.First, "last_offset", node.Last, "records", records, "reason", o.Size.String(),
		"remedy", "restart with a larger BRIDGE_BUFFER_MAX_BYTES, which imports them, or leave them out with BRIDGE_SKIP_RECORDS", "name", fmt.Sprintf("%s/%d@%d-%d", p.Topic, p.Partition, node.First, node.Last))
}

// ReleaseHeld ends the node of a held record or range.
func (s *Assignment) ReleaseHeld(p *Partition, node *ledger.Node) {
	p.HeldCount--
	delete(p.Ranges, node.Last)
	if p.FirstHeld.offset == node.First {
		p.FirstHeld = heldRecord{}
	}
	s.SettleNode(p, node)
}

// TellCompacted reports held records that the log has no longer.
func (s *Assignment) TellCompacted(p *Partition, first int64, records int) {
	s.Metrics.Lost.WithLabelValues(p.Topic).Add(float64(records))
	s.Log.Error("held records are not in the log any more: compaction has removed them", "topic", p.Topic, "partition", p.Partition,
		"first_offset", first, "records", records, "remedy", RemovedRemedy)
}

// RemovedRemedy goes with what Kafka has removed before it was imported.
const RemovedRemedy = "the topic's retention must be longer than an outage lasts, or a held record or namespace"
