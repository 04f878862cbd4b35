package discovery

import (
	"context"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Log asks the partition's leader what its log holds until there is an answer or ctx
// ends; then it is false. same reports whether the topic still has the id: as long as
// it has another one, or none, there is nothing to ask. leader is asked before each
// try, since it may move meanwhile, and refresh, which must not block, is called after
// each failure.
func Log(ctx context.Context, c *kafka.Client, tp kafka.TopicPartition, id wire.UUID, leader func() int32, refresh func()) (log kafka.Range, same, ok bool) {
	for ctx.Err() == nil {
		if id != (wire.UUID{}) {
			md, err := c.Metadata(ctx, []string{tp.Topic})
			if err == nil && len(md.Topics) == 1 && md.Topics[0].ErrorCode == 0 && md.Topics[0].ID != id {
				return kafka.Range{}, false, true
			}
		}
		at := wire.PartitionMetadata{Leader: leader()}
		logs, err := c.ListRanges(ctx, kafka.RangeQuery{}, map[kafka.TopicPartition]bool{tp: true}, map[kafka.TopicPartition]wire.PartitionMetadata{tp: at})
		if log, ok := logs[tp]; ok && err == nil {
			return log, true, true
		}
		refresh()
		_ = sleep.For(ctx, maxBackoff) // fails only with ctx
	}
	return kafka.Range{}, false, false
}
