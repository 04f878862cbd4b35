package session

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/record"
)

// holdRange pins the partition's committed offset at a batch that has no room,
// unless everything in it is done or left out by name, and reports it.
func (s *assigned) holdRange(p *partition, c *fetch.Chunk, now time.Time) {
	first, o := c.Start, c.Oversized
	if p.ledger.RangeDone(first, o.Last) {
		return
	}
	records := int(min(int64(o.Records), o.Last-first+1))
	if s.Config.SkipRecords[p.TopicPartition].Hold(first, o.Last) {
		if c.CatchUp == nil {
			s.Metrics.Skipped(p.Topic, "operator").Add(float64(records))
			s.Log.Info("Kafka batch left out by BRIDGE_SKIP_RECORDS", "topic", p.Topic, "partition", p.Partition, "offset", first, "last_offset", o.Last)
		}
		return
	}
	node := s.tracked(p.ledger.HoldRange(first, o.Last, o.Timestamp, now))
	if node == nil {
		return
	}
	p.heldCount++
	if p.ranges == nil {
		p.ranges = map[int64]string{}
	}
	p.ranges[node.Last] = fmt.Sprintf("the Kafka batch at offsets %d to %d with %d records %s", node.First, node.Last, records, o.Size)
	p.touch()
	s.Metrics.Rejected(p.Topic, record.TooLarge.String()).Add(float64(records))
	s.Faults.Log(now, "Kafka batch has no room in the buffer; its offsets are held and the partition goes on behind it", "oversized/"+p.Topic,
		"topic", p.Topic, "partition", p.Partition, "offset", node.First, "last_offset", node.Last, "records", records, "reason", o.Size.String(),
		"remedy", "restart with a larger BRIDGE_BUFFER_MAX_BYTES, which imports them, or leave them out with BRIDGE_SKIP_RECORDS", "name", fmt.Sprintf("%s/%d@%d-%d", p.Topic, p.Partition, node.First, node.Last))
}
