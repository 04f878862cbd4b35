package discovery

import (
	"cmp"
	"context"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Watch follows the metadata of the subscribed topics: leaders, and changes that end
// the generation.
type Watch struct {
	Client       *kafka.Client
	Selection    kafka.Selection
	Subscription kafka.Subscription // of the generation
	Stale        int                // assignments in a row that left out topics or partitions
	Every        time.Duration      // between two requests, unless woken

	Relead func(*wire.MetadataResponse)      // called with each answer
	Failed func(err error, unclear []string) // called with each failure and the topics that it is about
}

// Found is the present state of the subscribed topics.
type Found struct {
	kafka.Subscription
	Change kafka.Change // since the generation began
}

// Run sends what it finds, at the latest after a change that ends the generation,
// when it returns; else it goes on until ctx ends. wake makes it ask at once.
func (w *Watch) Run(ctx context.Context, wake <-chan struct{}, out chan<- Found) {
	const least = 100 * time.Millisecond // between two requests
	began := time.Now()
	for ctx.Err() == nil {
		if sleep.For(ctx, least) != nil {
			return
		}
		sleep.Until(ctx, wake, time.Now().Add(w.Every))
		if ctx.Err() != nil {
			return
		}
		sub, md := w.ask(ctx)
		if md == nil {
			continue
		}
		w.Relead(md)
		change := cmp.Or(w.Subscription.ChangeTo(&sub), w.stalled(time.Since(began)))
		if change != kafka.Unchanged && !w.confirmed(ctx, &sub) {
			continue
		}
		select {
		case out <- Found{sub, change}:
		case <-ctx.Done():
		}
		if change != kafka.Unchanged {
			return
		}
	}
}

// ask asks for the metadata. One topic that is refused hides nothing of the others: it
// is taken for what it was. Without an answer the metadata is nil.
func (w *Watch) ask(ctx context.Context) (kafka.Subscription, *wire.MetadataResponse) {
	sub, md, err := w.Client.Resolve(ctx, w.Selection)
	if err != nil && ctx.Err() == nil {
		w.Failed(err, sub.Unclear)
	}
	sub.Assume(&w.Subscription)
	return sub, md
}

// stalled returns a reason to rebalance once an assignment that leaves something out
// has lasted long enough: one refresh, and twice as long after each further one.
func (w *Watch) stalled(since time.Duration) kafka.Change {
	if w.Stale == 0 || since < min(w.Every<<min(w.Stale-1, 10), time.Hour) {
		return kafka.Unchanged
	}
	return "the group's leader did not know all topics and partitions"
}

// confirmed asks another broker about a change: one that has just started may not know
// all topics yet.
func (w *Watch) confirmed(ctx context.Context, first *kafka.Subscription) bool {
	if sleep.For(ctx, 250*time.Millisecond) != nil {
		return false
	}
	again, md := w.ask(ctx)
	return md != nil && first.ChangeTo(&again) == kafka.Unchanged
}

// Extent asks the partition's leader what its log holds, again and again until there is
// an answer, or until ctx ends: then ok is false. same reports whether the topic still has
// the id: as long as it has another one, or none, there is nothing to ask. leader is asked
// before each try, since it may move meanwhile, and refresh, which must not block, is
// called after each failure.
func Extent(ctx context.Context, c *kafka.Client, tp kafka.TopicPartition, id wire.UUID, leader func() int32, refresh func()) (log kafka.Range, same, ok bool) {
	for ctx.Err() == nil {
		if id != (wire.UUID{}) {
			md, err := c.Metadata(ctx, []string{tp.Topic})
			if err == nil && len(md.Topics) == 1 && md.Topics[0].ErrorCode == 0 && id.Differs(md.Topics[0].ID) {
				return kafka.Range{}, false, true
			}
		}
		logs, err := c.ListRanges(ctx, kafka.RangeQuery{}, map[kafka.TopicPartition]int32{tp: leader()})
		if log, ok := logs[tp]; ok && err == nil {
			return log, true, true
		}
		refresh()
		_ = sleep.For(ctx, maxBackoff) // fails only with ctx
	}
	return kafka.Range{}, false, false
}
