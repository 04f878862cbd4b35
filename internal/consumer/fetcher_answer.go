package consumer

import (
	"context"
	"errors"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// fetch makes one request and hands its answer to the decoders. A partition whose
// share of it cannot be judged is asked for again, alone.
func (f *fetcher) fetch(ctx context.Context, leader int32, batch []asked) (err error) {
	for len(batch) > 0 && err == nil {
		batch, err = f.fetchOnce(ctx, leader, batch)
	}
	return err
}

func (f *fetcher) fetchOnce(ctx context.Context, leader int32, batch []asked) (again []asked, err error) {
	a, err := f.ask(ctx, leader, f.request(batch))
	if err != nil {
		return nil, err
	}
	defer a.lease.release()
	if a.ErrorCode != 0 {
		return nil, kafka.Code(a.ErrorCode)
	}
	return f.deliver(ctx, batch, a)
}

// answer is a leader's answer to a fetch, in lent memory.
type answer struct {
	wire.FetchResponse
	lease *lease
	// size is that of an answer which has no room in the buffer budget, so that
	// only its head was read; else 0.
	size int64
}

// headBytes is how much is read of an answer that has no room: enough for the
// header of its first batch behind a list of 60,000 aborted transactions.
const headBytes = 1 << 20

// ask makes one request. The caller releases the answer's lease.
func (f *fetcher) ask(ctx context.Context, leader int32, r *wire.FetchRequest) (*answer, error) {
	a := &answer{}
	body, version, err := f.client.Fetch(ctx, leader, r, func(n int) ([]byte, error) {
		if a.lease != nil { // the request was sent again
			a.lease.release()
			a.lease = nil
		}
		if a.size = 0; int64(n) > f.fetched.ceiling {
			a.size, n = int64(n), int(min(headBytes, f.fetched.capacity))
		}
		l, err := f.fetched.lend(ctx, int64(n))
		if err != nil {
			return nil, err
		}
		a.lease = l
		return l.buf[:n], nil
	})
	if err == nil && a.size > 0 {
		err = a.DecodeHead(body, version)
	} else if err == nil {
		err = a.Decode(body, version)
	}
	if err != nil {
		if a.lease != nil {
			a.lease.release()
		}
		return nil, err
	}
	return a, nil
}

// deliver hands each partition of an answer to its decoder.
func (f *fetcher) deliver(ctx context.Context, batch []asked, res *answer) (again []asked, err error) {
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
	answered, full := make([]bool, len(batch)), res.size > 0
	for i := range res.Partitions {
		p := &res.Partitions[i]
		at, ok := byName[kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}]
		if !ok {
			if at, ok = byID[key{p.TopicID, p.Partition}]; !ok {
				continue
			}
		}
		answered[at], full = true, full || len(p.Records) > 0
		if p.Cut && len(batch) > 1 && !f.oversized(p) {
			again = batch[at : at+1]
			continue
		}
		if err := f.deliverOne(ctx, batch[at], p, res); err != nil {
			return nil, err
		}
	}
	at := time.Time{} // others may have filled the answer, or it was cut off
	if !full {
		at = time.Now().Add(fetchBackoff)
	}
	for i := range batch {
		if !answered[i] {
			f.release(batch[i:i+1], at)
		}
	}
	return again, nil
}

// oversized says whether what is cut off is a batch that has no room by itself.
func (f *fetcher) oversized(p *wire.FetchedPartition) bool {
	_, length, err := wire.ReadHeader(p.Records, -1)
	return err == nil && length > f.fetched.ceiling
}

func (f *fetcher) deliverOne(ctx context.Context, a asked, p *wire.FetchedPartition, res *answer) error {
	if p.ErrorCode != 0 {
		return f.failed(ctx, a, p)
	}
	if p.Diverged() {
		return f.hand(ctx, a, work{fault: &fault{kind: faultTruncated, offset: p.DivergingEndOffset, err: errors.New("log was truncated")}}, a.offset, a.batchEpoch)
	}
	a.untold = !a.learn(p, f.cfg.ReadCommitted)
	if len(p.Records) == 0 {
		f.moved(a, a.offset, a.batchEpoch, 0, time.Time{})
		return nil
	}
	w := work{aborted: slices.Clone(p.Aborted), high: p.HighWatermark, records: p.Records, lease: res.lease.retain()}
	next, epoch := wire.End(p.Records)
	if p.Cut {
		w.cut = res.size
		if b, _, err := wire.ReadHeader(p.Records, -1); err == nil {
			next, epoch = b.NextOffset(), b.LeaderEpoch
		}
	}
	if next <= a.offset {
		next, epoch = a.offset, a.batchEpoch
	}
	return f.hand(ctx, a, w, next, epoch)
}

// failed sorts out an error code of one partition.
func (f *fetcher) failed(ctx context.Context, a asked, p *wire.FetchedPartition) error {
	code := kafka.Code(p.ErrorCode)
	f.cfg.Failed("fetch")
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
	if retryAt.IsZero() && !a.untold {
		a.heard = time.Now()
	}
	if bytes > 0 {
		a.served = a.request
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
