package fetch

import (
	"context"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
)

// Survey asks, every so often until ctx ends, for the ends of the logs that no fetch
// has reported for a while: partitions whose reading waits for memory, or for a
// person. So what is reported of lag and log start stays true when it matters most.
// failed is called with each failure.
func (f *Fetcher) Survey(ctx context.Context, every time.Duration, failed func(error)) {
	for sleep.For(ctx, every) == nil {
		began := time.Now()
		leaders := f.unheard(began.Add(-every / 2))
		if len(leaders) == 0 {
			continue
		}
		ranges, err := f.client.ListRanges(ctx, kafka.RangeQuery{Committed: f.cfg.ReadCommitted}, leaders)
		f.surveyed(ranges, began)
		if err != nil && ctx.Err() == nil {
			f.Refresh()
			f.cfg.Failed("metadata")
			failed(err)
		}
	}
}

// unheard returns the leaders of the partitions of which no answer has come since then.
func (f *Fetcher) unheard(since time.Time) map[kafka.TopicPartition]int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	leaders := map[kafka.TopicPartition]int32{}
	for tp, c := range f.cursors {
		if c.lastHeard.Before(since) {
			leaders[tp] = c.leader
		}
	}
	return leaders
}

// surveyed notes what logs hold, unless an answer has come since they were asked.
func (f *Fetcher) surveyed(ranges map[kafka.TopicPartition]kafka.Range, began time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for tp, r := range ranges {
		c := f.cursors[tp]
		if c == nil || c.lastHeard.After(began) {
			continue
		}
		c.Know(r)
		c.lastHeard = time.Now()
	}
}
