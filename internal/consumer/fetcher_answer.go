package consumer

import (
	"context"
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

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
		return f.tooLarge(ctx, leader, batch, err)
	}
	if err != nil {
		return err
	}
	var res wire.FetchResponse
	if err := res.Decode(body, version); err != nil {
		return err
	}
	if res.ErrorCode != 0 {
		return kafka.Code(res.ErrorCode)
	}
	return f.deliver(ctx, batch, &res, l)
}

// tooLarge is called when the answer has no room in the buffer budget: asked
// alone, the partition's next batch is what is too large, and it is read as a
// stream.
func (f *fetcher) tooLarge(ctx context.Context, leader int32, batch []asked, err error) error {
	if len(batch) == 1 {
		return f.hand(ctx, batch[0], work{fault: &fault{kind: faultLarge, err: err}}, batch[0].offset, batch[0].batchEpoch)
	}
	for i := range batch {
		// One by one: the broker then answers with that partition's first batch only.
		if e := f.fetch(ctx, leader, batch[i:i+1]); e != nil {
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
	byName := make(map[kafka.TopicPartition]int, len(batch))
	byID := make(map[key]int, len(batch))
	for i, a := range batch {
		byName[a.TopicPartition] = i
		byID[key{a.topicID, a.Partition}] = i
	}
	answered := make([]bool, len(batch))
	for i := range res.Partitions {
		p := &res.Partitions[i]
		at, ok := byName[kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
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
	a.know(kafka.Range{Begin: p.LogStartOffset, End: p.HighWatermark, Stable: p.LastStableOffset})
	if len(p.Records) == 0 {
		f.moved(a, a.offset, a.batchEpoch, 0, time.Time{})
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
	code := kafka.Code(p.ErrorCode)
	f.metrics.kafkaErrors.WithLabelValues("fetch").Inc()
	switch {
	case code == kafka.CodeOffsetOutOfRange:
		return f.hand(ctx, a, work{fault: &fault{kind: faultOutOfRange, err: code}}, a.offset, a.batchEpoch)
	case code.TopicGone():
		f.refresh()
		return f.hand(ctx, a, work{fault: &fault{kind: faultLost, err: code}}, a.offset, a.batchEpoch)
	case code.StaleLeader():
		f.refresh()
		f.moved(a, a.offset, a.batchEpoch, 0, time.Now().Add(fetchBackoff))
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
		f.moved(a, next, batchEpoch, len(w.records), at)
		return nil
	case <-ctx.Done():
		if w.lease != nil {
			w.lease.release()
		}
		return ctx.Err()
	}
}

// moved ends a partition's part in a request that brought so many bytes of it,
// unless it was reset meanwhile. Where an answer's share is left the other lane
// need not wait for this one.
func (f *fetcher) moved(a asked, next int64, batchEpoch int32, bytes int, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.giveUp(a) {
		return
	}
	if retryAt.IsZero() {
		a.heard = time.Now()
	}
	if a.cursor.epoch.Load() != a.epoch {
		return
	}
	if next > a.offset && bytes > 0 {
		a.density = max(1, int64(bytes)/(next-a.offset))
	}
	a.cursor.offset, a.cursor.batchEpoch, a.retryAt = next, batchEpoch, retryAt
	if retryAt.IsZero() && a.ahead() >= minShare {
		f.wake(a.leader)
	}
}
