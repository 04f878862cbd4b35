package discovery

import (
	"context"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Log asks the partition's leader what its log holds until there is an answer or ctx
// ends; then it is false. leader is asked before each try, since it may move
// meanwhile, and refresh, which must not block, is called after each failure.
func Log(ctx context.Context, c *kafka.Client, tp kafka.TopicPartition, leader func() int32, refresh func()) (kafka.Range, bool) {
	for ctx.Err() == nil {
		at := wire.PartitionMetadata{Leader: leader()}
		logs, err := c.ListRanges(ctx, false, map[kafka.TopicPartition]bool{tp: true}, map[kafka.TopicPartition]wire.PartitionMetadata{tp: at})
		if log, ok := logs[tp]; ok && err == nil {
			return log, true
		}
		refresh()
		_ = sleep.For(ctx, maxBackoff) // fails only with ctx
	}
	return kafka.Range{}, false
}
