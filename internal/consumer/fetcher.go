package consumer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/wire"
)

// fetcher reads the assigned partitions: one request at a time per leader, for
// all of its partitions, while decoders work on the answers.
//
//	leader goroutine --work--> decoder (by cursor.slot) --chunk--> session loop
//
// All goroutines end with the context of run.
type fetcher struct {
	cfg     *Config
	client  *Client
	metrics *Metrics
	fetched *allowance // answers
	work    []chan work
	refresh func() // asks for new metadata, does not block
	// streamWake makes the streamer look for work.
	streamWake chan struct{}

	mu      sync.Mutex
	streams []asked // for the streamer
	cursors map[TopicPartition]*cursor
	leaders map[int32]chan struct{} // leader -> wakes its goroutine
	start   func(leader int32, wake <-chan struct{})
}

func newFetcher(cfg *Config, client *Client, m *Metrics, fetched *allowance, decoders int, refresh func()) *fetcher {
	f := &fetcher{
		cfg: cfg, client: client, metrics: m, fetched: fetched, refresh: refresh,
		cursors: map[TopicPartition]*cursor{}, leaders: map[int32]chan struct{}{}, streamWake: make(chan struct{}, 1),
	}
	for range decoders {
		f.work = append(f.work, make(chan work, 2))
	}
	return f
}

// run serves until ctx ends and all its goroutines have returned.
func (f *fetcher) run(ctx context.Context) {
	var wg sync.WaitGroup
	f.mu.Lock()
	f.start = func(leader int32, wake <-chan struct{}) {
		wg.Go(func() { f.lead(ctx, leader, wake) })
	}
	for leader, wake := range f.leaders {
		f.start(leader, wake)
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	f.start = func(int32, <-chan struct{}) {}
	f.mu.Unlock()
	wg.Wait()
}

// open begins to read a partition at offset; batchEpoch is the leader epoch of
// what was read of it before, -1 if unknown.
func (f *fetcher) open(tp TopicPartition, id wire.UUID, offset int64, batchEpoch, leader, leaderEpoch int32, paused bool) *cursor {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := &cursor{TopicPartition: tp, topicID: id, slot: len(f.cursors), offset: offset, batchEpoch: batchEpoch, leader: leader, leaderEpoch: leaderEpoch, paused: paused}
	f.cursors[tp] = c
	f.wake(leader)
	return c
}

// reset reads the partition again from offset, after a delay; what was read
// before and not yet delivered is stale. The log is still the same history, so
// the leader epoch stays: a newer one than that of the offset does no harm. Only
// the loop calls it.
func (f *fetcher) reset(c *cursor, offset int64, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.epoch.Add(1)
	c.offset, c.retryAt = offset, retryAt
	f.wake(c.leader)
}

// forget makes the cursor take the log as the leader has it.
func (f *fetcher) forget(c *cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.batchEpoch = -1
}

// epochOf is the newest leader epoch of what was read, -1 if unknown.
func (f *fetcher) epochOf(c *cursor) int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return c.batchEpoch
}

// pause stops or resumes fetching a partition. Only the loop calls it.
func (f *fetcher) pause(c *cursor, paused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.paused = paused; !paused {
		f.wake(c.leader)
	}
}

// leaderOf is who leads the partition, as far as is known.
func (f *fetcher) leaderOf(c *cursor) int32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return c.leader
}

// relead notes who leads the partitions now.
func (f *fetcher) relead(md *wire.MetadataResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range md.Topics {
		for _, p := range t.Partitions {
			c := f.cursors[TopicPartition{t.Name, p.Partition}]
			if c == nil || p.Leader < 0 {
				continue
			}
			if c.leader != p.Leader {
				c.retryAt = time.Time{}
			}
			c.leader, c.leaderEpoch = p.Leader, p.LeaderEpoch
			f.wake(c.leader)
		}
	}
}

// wake makes a leader's goroutine look for work, starting it if need be. Call
// with mu held.
func (f *fetcher) wake(leader int32) {
	w, ok := f.leaders[leader]
	if !ok {
		w = make(chan struct{}, 1)
		f.leaders[leader] = w
		if f.start != nil {
			f.start(leader, w)
		}
	}
	select {
	case w <- struct{}{}:
	default:
	}
}

// lead fetches from one leader until ctx ends.
func (f *fetcher) lead(ctx context.Context, leader int32, wake <-chan struct{}) {
	var turn int
	backoff := fetchBackoff
	for ctx.Err() == nil {
		turn++
		batch, next := f.gather(leader, turn)
		if len(batch) == 0 {
			wait(ctx, wake, next)
			continue
		}
		err := f.fetch(ctx, leader, batch)
		if err == nil {
			backoff = fetchBackoff
			continue
		}
		if ctx.Err() == nil {
			f.metrics.kafkaErrors.WithLabelValues("fetch").Inc()
			f.release(batch, time.Now().Add(backoff))
			backoff = min(2*backoff, maxFetchBackoff)
			f.refresh()
		}
	}
}

// How long a partition rests after an error, doubled up to the maximum.
const (
	fetchBackoff    = 50 * time.Millisecond
	maxFetchBackoff = 2 * time.Second
)

// wait returns when there may be work, at the latest at until (zero: for ever).
func wait(ctx context.Context, wake <-chan struct{}, until time.Time) {
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer:
	}
}

// asked is one partition of a request under way.
type asked struct {
	*cursor
	epoch      uint32
	offset     int64
	leaderEp   int32
	batchEpoch int32
}

// gather picks the leader's partitions that may be fetched now and marks them
// busy, in an order that turns with every request. Without any it says when to
// look again.
func (f *fetcher) gather(leader int32, turn int) (batch []asked, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, c := range f.cursors {
		if c.leader != leader || c.busy || c.paused || c.streams > 0 {
			continue
		}
		if c.retryAt.After(now) {
			if next.IsZero() || c.retryAt.Before(next) {
				next = c.retryAt
			}
			continue
		}
		batch = append(batch, asked{c, c.epoch.Load(), c.offset, c.leaderEpoch, c.batchEpoch})
	}
	slices.SortFunc(batch, func(a, b asked) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if len(batch) > 0 {
		n := turn % len(batch)
		batch = slices.Concat(batch[n:], batch[:n])
	}
	for _, a := range batch {
		a.busy = true
	}
	return batch, next
}

// release makes partitions fetchable again, not before at.
func (f *fetcher) release(batch []asked, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range batch {
		a.busy = false
		if at.After(a.retryAt) {
			a.retryAt = at
		}
	}
}

// request asks for all partitions at once.
func (f *fetcher) request(batch []asked) *wire.FetchRequest {
	// A few bytes less than a power of two, so that the answer's headers do
	// not make it need a buffer of twice the size.
	limit := int32(max(min(f.cfg.FetchMaxBytes, f.fetched.capacity/2)-64<<10, 64<<10))
	r := &wire.FetchRequest{MaxWait: f.cfg.FetchMaxWait, MinBytes: 1, MaxBytes: limit, ReadCommitted: f.cfg.ReadCommitted}
	share := min(limit, max(1<<20, limit/int32(len(batch))))
	for _, a := range batch {
		p := wire.FetchPartition{Partition: a.Partition, LeaderEpoch: a.leaderEp, Offset: a.offset, LastFetchedEpoch: a.batchEpoch, MaxBytes: share}
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != a.Topic {
			r.Topics = append(r.Topics, wire.FetchTopic{Name: a.Topic, ID: a.topicID})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, p)
	}
	return r
}

// fetch makes one request and hands its answer to the decoders.
func (f *fetcher) fetch(ctx context.Context, leader int32, batch []asked) error {
	var l *lease
	body, version, err := f.client.Fetch(ctx, leader, f.request(batch), func(n int) ([]byte, error) {
		if l != nil { // the request was sent again
			l.release()
		}
		var err error
		l, err = f.fetched.lend(ctx, int64(n))
		if err != nil {
			return nil, err
		}
		return l.buf[:n], nil
	})
	if l != nil {
		defer l.release()
	}
	if errors.Is(err, errOverCeiling) {
		return f.tooLarge(ctx, batch, err)
	}
	if err != nil {
		return err
	}
	var res wire.FetchResponse
	if err := res.Decode(body, version); err != nil {
		return err
	}
	if res.ErrorCode != 0 {
		return Code(res.ErrorCode)
	}
	return f.deliver(ctx, batch, &res, l)
}

// tooLarge is called when the answer has no room in the buffer budget: asked
// alone, the partition's next batch is what is too large, and it is read as a
// stream.
func (f *fetcher) tooLarge(ctx context.Context, batch []asked, err error) error {
	if len(batch) == 1 {
		return f.hand(ctx, batch[0], work{fault: &fault{kind: faultLarge, err: err}}, batch[0].offset, batch[0].batchEpoch)
	}
	for i := range batch {
		// One by one: the broker then answers with that partition's first batch only.
		if e := f.fetch(ctx, batch[i].leader, batch[i:i+1]); e != nil {
			f.release(batch[i:], time.Now().Add(fetchBackoff))
			return e
		}
	}
	return nil
}

// deliver hands each partition of an answer to its decoder.
func (f *fetcher) deliver(ctx context.Context, batch []asked, res *wire.FetchResponse, l *lease) error {
	type key struct {
		id        wire.UUID
		partition int32
	}
	byName := make(map[TopicPartition]int, len(batch))
	byID := make(map[key]int, len(batch))
	for i, a := range batch {
		byName[a.TopicPartition] = i
		byID[key{a.topicID, a.Partition}] = i
	}
	answered := make([]bool, len(batch))
	for i := range res.Partitions {
		p := &res.Partitions[i]
		at, ok := byName[TopicPartition{p.Topic, p.Partition}]
		if !ok {
			if at, ok = byID[key{p.TopicID, p.Partition}]; !ok {
				continue
			}
		}
		answered[at] = true
		if err := f.deliverOne(ctx, batch[at], p, l); err != nil {
			return err
		}
	}
	for i := range batch {
		if !answered[i] {
			f.release(batch[i:i+1], time.Now().Add(fetchBackoff))
		}
	}
	return nil
}

func (f *fetcher) deliverOne(ctx context.Context, a asked, p *wire.FetchedPartition, l *lease) error {
	if p.ErrorCode != 0 {
		return f.failed(ctx, a, p)
	}
	if p.Diverged() {
		return f.hand(ctx, a, work{fault: &fault{kind: faultTruncated, offset: p.DivergingEndOffset, err: errors.New("log was truncated")}}, a.offset, a.batchEpoch)
	}
	a.high.Store(p.HighWatermark)
	a.stable.Store(p.LastStableOffset)
	a.start.Store(p.LogStartOffset)
	if len(p.Records) == 0 {
		f.moved(a, a.offset, a.batchEpoch, time.Time{})
		return nil
	}
	next, epoch := wire.End(p.Records)
	if next <= a.offset {
		next, epoch = a.offset, a.batchEpoch
	}
	return f.hand(ctx, a, work{aborted: slices.Clone(p.Aborted), high: p.HighWatermark, records: p.Records, lease: l.retain()}, next, epoch)
}

// failed sorts out an error code of one partition.
func (f *fetcher) failed(ctx context.Context, a asked, p *wire.FetchedPartition) error {
	code := Code(p.ErrorCode)
	f.metrics.kafkaErrors.WithLabelValues("fetch").Inc()
	switch {
	case code == CodeOffsetOutOfRange:
		return f.hand(ctx, a, work{fault: &fault{kind: faultOutOfRange, err: code}}, a.offset, a.batchEpoch)
	case code.TopicGone():
		f.refresh()
		return f.hand(ctx, a, work{fault: &fault{kind: faultLost, err: code}}, a.offset, a.batchEpoch)
	case code.StaleLeader():
		f.refresh()
		f.moved(a, a.offset, a.batchEpoch, time.Now().Add(fetchBackoff))
		return nil
	default:
		return f.hand(ctx, a, work{fault: &fault{kind: faultRetry, err: code}}, a.offset, a.batchEpoch)
	}
}

// hand passes work on in order and makes the partition fetchable at next.
func (f *fetcher) hand(ctx context.Context, a asked, w work, next int64, batchEpoch int32) error {
	w.cursor, w.epoch, w.from = a.cursor, a.epoch, a.offset
	at := time.Time{}
	if w.fault != nil {
		at = time.Now().Add(maxFetchBackoff) // the loop resets it earlier
	}
	select {
	case f.work[a.slot%len(f.work)] <- w:
		f.moved(a, next, batchEpoch, at)
		return nil
	case <-ctx.Done():
		if w.lease != nil {
			w.lease.release()
		}
		return ctx.Err()
	}
}

// moved ends a partition's part in a request, unless it was reset meanwhile.
func (f *fetcher) moved(a asked, next int64, batchEpoch int32, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.busy = false
	if a.cursor.epoch.Load() != a.epoch {
		return
	}
	a.cursor.offset, a.cursor.batchEpoch, a.retryAt = next, batchEpoch, retryAt
}
