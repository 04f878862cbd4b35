package fetch

import (
	"context"
	"sync"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Fetcher reads the assigned partitions. Each broker that is asked has two lanes, each with one
// request at a time, for partitions that the other one does not ask for: while
// one takes in an answer the broker works for the other. Decoders work on the
// answers meanwhile.
//
//	lane goroutine --work--> decoder (by Cursor.slot) --chunk--> session loop
//
// All goroutines end with the context of Run.
type Fetcher struct {
	cfg     *Config
	client  *kafka.Client
	fetched *Allowance // answers
	Work    []chan Work
	Refresh func() // asks for new metadata, does not block

	mu      sync.Mutex
	cursors map[kafka.TopicPartition]*Cursor
	turn    uint64                  // of the last request
	brokers map[int32]chan struct{} // wakes one of the broker's lanes
	// throttled is until when brokers keep this client waiting.
	throttled map[int32]time.Time
	start     func(broker int32, wake <-chan struct{})
}

// New returns a Fetcher that reads nothing yet. Its answers lie in what fetched lends,
// and its work goes to so many decoders. refresh asks for new metadata and must not
// block.
func New(cfg *Config, client *kafka.Client, fetched *Allowance, decoders int, refresh func()) *Fetcher {
	f := &Fetcher{
		cfg: cfg, client: client, fetched: fetched, Refresh: refresh,
		cursors: map[kafka.TopicPartition]*Cursor{}, brokers: map[int32]chan struct{}{},
		throttled: map[int32]time.Time{},
	}
	for range decoders {
		f.Work = append(f.Work, make(chan Work, 2))
	}
	return f
}

// Run serves until ctx ends and all its goroutines have returned.
func (f *Fetcher) Run(ctx context.Context) {
	var wg sync.WaitGroup
	f.mu.Lock()
	f.start = func(broker int32, wake <-chan struct{}) {
		for range lanes {
			wg.Go(func() { f.serve(ctx, broker, wake) })
		}
	}
	for broker, wake := range f.brokers {
		f.start(broker, wake)
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	f.start = func(int32, <-chan struct{}) {}
	f.mu.Unlock()
	wg.Wait()
}

// Open begins to read a partition at offset. Others have read it up to known, which may
// lie far beyond, and batchEpoch is the newest leader epoch of that, -1 if it is not
// known. Before anything is read the leader compares its log with it: an unclean election
// may have taken back what lies between.
func (f *Fetcher) Open(tp kafka.TopicPartition, id wire.UUID, offset, known int64, batchEpoch, leader, leaderEpoch int32, paused bool) *Cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &Cursor{
		TopicPartition: tp, topicID: id, slot: len(f.cursors), Offset: offset, BatchEpoch: batchEpoch, source: source{leader: leader, leaderEpoch: leaderEpoch}, Paused: paused,
		identity: identity{last: unknownBatch, Known: known, unconfirmed: known > offset && batchEpoch >= 0},
	}
	f.cursors[tp] = c
	f.wake(leader)
	return c
}

// Reset reads the partition again from offset, after a delay; what was read
// before and not yet delivered is stale. The log is still the same history, so
// the leader epoch stays: a newer one than that of the offset does no harm. Only
// the loop calls it.
func (f *Fetcher) Reset(c *Cursor, offset int64, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Epoch.Add(1)
	c.Offset, c.retryAt, c.empty = offset, retryAt, false
	f.wake(c.server())
}

// Forget makes the cursor take the log as the leader has it, which is known up to an
// offset, but not by its epochs.
func (f *Fetcher) Forget(c *Cursor, known int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.BatchEpoch, c.identity = -1, identity{last: unknownBatch, Known: known}
}

// EpochOf returns the newest leader epoch among the batches that were read, -1 if
// unknown.
func (f *Fetcher) EpochOf(c *Cursor) int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return c.BatchEpoch
}

// Pause stops or resumes fetching a partition. Only the loop calls it.
func (f *Fetcher) Pause(c *Cursor, paused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Paused = paused; !paused {
		f.wake(c.server())
	}
}

// Relead notes who leads the partitions, as a broker sees it that may be late.
func (f *Fetcher) Relead(md *wire.MetadataResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range md.Topics {
		for _, p := range t.Partitions {
			c := f.cursors[kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}]
			if c == nil || p.Leader < 0 || c.older(t.ID, p.LeaderEpoch) {
				continue
			}
			if c.leader != p.Leader {
				c.retryAt = time.Time{}
			}
			c.relead(p.Leader, p.LeaderEpoch)
			f.wake(c.server())
		}
	}
}

// older reports whether an epoch of a topic is that of an earlier leader of the partition
// (KIP-320). Epochs of a topic that may be another one, created anew, begin again.
func (c *Cursor) older(id wire.UUID, epoch int32) bool {
	return id == c.topicID && id != (wire.UUID{}) && epoch >= 0 && epoch < c.leaderEpoch
}

// wake makes a broker's lane look for work, starting them if need be. Call
// with mu held.
func (f *Fetcher) wake(broker int32) {
	w, ok := f.brokers[broker]
	if !ok {
		w = make(chan struct{}, 1)
		f.brokers[broker] = w
		if f.start != nil {
			f.start(broker, w)
		}
	}
	select {
	case w <- struct{}{}:
	default:
	}
}

// lanes is how many requests to one broker are under way at most.
const lanes = 2

// serve is one lane: it fetches from one broker until ctx ends.
func (f *Fetcher) serve(ctx context.Context, broker int32, wake <-chan struct{}) {
	backoff := Backoff
	for ctx.Err() == nil {
		if d := f.throttledFor(broker); d > 0 {
			_ = sleep.For(ctx, d) // fails only with ctx
			continue
		}
		batch, next := f.gather(broker)
		if len(batch) == 0 {
			sleep.Until(ctx, wake, next)
			continue
		}
		began := time.Now()
		err := f.fetch(ctx, broker, batch)
		if err == nil {
			backoff = Backoff
			continue
		}
		if ctx.Err() == nil {
			f.cfg.Failed("fetch")
			f.unanswered(batch, began, err)
			f.release(batch, time.Now().Add(backoff))
			backoff = min(2*backoff, MaxBackoff)
			f.Refresh()
		}
	}
}

// How long a partition rests after an error, doubled up to the maximum.
const (
	Backoff    = 50 * time.Millisecond
	MaxBackoff = 2 * time.Second
)

// Discard gives back what was fetched and nobody will decode. Call it when Run and
// the decoders have returned.
func (f *Fetcher) Discard() {
	for _, in := range f.Work {
		for len(in) > 0 {
			if w := <-in; w.Lease != nil {
				w.Lease.Release()
			}
		}
	}
}
