package fetch

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// fetch makes one request and hands its answer to the decoders. A partition whose
// share of it cannot be judged is asked for again, alone.
func (f *Fetcher) fetch(ctx context.Context, broker int32, batch []asked) (err error) {
	for len(batch) > 0 && err == nil {
		batch, err = f.fetchOnce(ctx, broker, batch)
	}
	return err
}

func (f *Fetcher) fetchOnce(ctx context.Context, broker int32, batch []asked) (again []asked, err error) {
	a, err := f.ask(ctx, broker, f.request(batch))
	if err != nil {
		return nil, err
	}
	defer a.lease.Release()
	if a.Throttle > 0 {
		f.throttle(broker, a.Throttle)
	}
	return f.deliver(ctx, batch, a)
}

// answer is a broker's answer to a fetch, in lent memory.
type answer struct {
	*wire.FetchResponse
	lease *Buffer
	// size is that of an answer which has no room in the buffer budget, so that
	// only its head was read; else 0.
	size int64
}

// headBytes is how much is read of an answer that has no room: enough for the
// header of its first batch behind a list of 60,000 aborted transactions.
const headBytes = 1 << 20

// ask makes one request. The caller releases the answer's lease.
func (f *Fetcher) ask(ctx context.Context, broker int32, r *wire.FetchRequest) (*answer, error) {
	a := &answer{}
	var err error
	a.FetchResponse, err = f.client.Fetch(ctx, broker, r, func(n int) ([]byte, error) {
		if int64(n) > f.fetched.Ceiling {
			a.size, n = int64(n), int(min(headBytes, f.fetched.capacity))
		}
		l, err := f.fetched.Lend(ctx, int64(n))
		if err != nil {
			return nil, err
		}
		a.lease = l
		return l.Bytes[:n], nil
	})
	if err != nil && a.lease != nil {
		a.lease.Release()
	}
	return a, err
}

// deliver hands each partition of an answer to its decoder.
func (f *Fetcher) deliver(ctx context.Context, batch []asked, res *answer) (again []asked, err error) {
	left := make(map[kafka.TopicPartition]asked, len(batch)) // not answered for
	for _, a := range batch {
		left[a.TopicPartition] = a
	}
	full := res.size > 0
	for i := range res.Partitions {
		p := &res.Partitions[i]
		tp := kafka.TopicPartition{Topic: p.Topic, Partition: p.Partition}
		a, ok := left[tp]
		if !ok {
			continue
		}
		delete(left, tp)
		full = full || len(p.Records) > 0
		if p.Cut && len(batch) > 1 && !f.oversized(p) {
			again = []asked{a}
			continue
		}
		if err := f.deliverOne(ctx, a, p, res); err != nil {
			return nil, err
		}
	}
	at := time.Time{} // others may have filled the answer, or it was cut off
	if !full {
		at = time.Now().Add(Backoff)
	}
	f.release(slices.Collect(maps.Values(left)), at)
	return again, nil
}

// oversized reports whether what is cut off is a batch that has no room by itself.
func (f *Fetcher) oversized(p *wire.FetchedPartition) bool {
	_, length, err := wire.ReadHeader(p.Records, -1)
	return err == nil && length > f.fetched.Ceiling
}

func (f *Fetcher) deliverOne(ctx context.Context, a asked, p *wire.FetchedPartition, res *answer) error {
	if !a.follower {
		f.heard(a, p)
	} else if !f.trust(a, p) {
		f.stay(a, time.Time{})
		return nil
	}
	switch {
	case p.ErrorCode != 0:
		return f.failed(ctx, a, p)
	case p.Diverged():
		return f.fault(ctx, a, Fault{Kind: FaultTruncated, Offset: p.DivergingEndOffset, Err: errors.New("log was truncated")})
	case a.from > a.offset:
		f.stay(a, time.Time{}) // there it was asked only whether the log is the same
		return nil
	case a.from < a.offset && len(p.Records) > 0 && !f.resolve(a, p):
		return f.fault(ctx, a, Fault{Kind: FaultReplaced, Err: errReplaced})
	case len(p.Records) == 0 || a.paused:
		at := time.Time{}
		if a.from < a.offset { // a new leader may not know yet how far it is
			at = time.Now().Add(Backoff)
		}
		f.stay(a, at)
		return nil
	}
	w := Work{aborted: p.Aborted, High: p.HighWatermark, Records: p.Records, Lease: res.lease.retain()}
	end := wire.TailOf(p.Records)
	if p.Cut {
		w.cut, end = res.size, wire.TailOfFirst(p.Records)
	}
	if end.Next <= a.offset {
		end.Next, end.LeaderEpoch = a.offset, a.batchEpoch
	}
	if p.TopicID != (wire.UUID{}) {
		end.Batch = unknownBatch // the id shows what it is for
	}
	return f.hand(ctx, a, w, end)
}

// heard notes what a leader's answer says of a partition: that it has answered, where
// its log ends, and which replica is to be asked instead.
func (f *Fetcher) heard(a asked, p *wire.FetchedPartition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !kafka.Code(p.ErrorCode).StaleLeader() {
		a.unanswered, a.why = time.Time{}, nil
	}
	if p.ErrorCode != 0 || p.Diverged() {
		return
	}
	if a.from > a.offset {
		a.unconfirmed = false
	}
	if a.learn(p, f.cfg.ReadCommitted) {
		a.lastHeard = time.Now()
	}
	if a.racked {
		a.advise(p.PreferredReplica)
	}
}

// errReplaced is the error of a partition whose log does not hold the batch that was
// read of it last.
var errReplaced = errors.New("the log holds another batch than the one that was read of it last")

// resolve ends the doubt about a partition whose answer begins with the batch that
// was read last, and reports whether it does.
func (f *Fetcher) resolve(a asked, p *wire.FetchedPartition) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a.Epoch.Load() != a.epoch {
		return true // it is stale, whatever it says
	}
	a.doubted = wire.TailOfFirst(p.Records).Batch != a.last
	return !a.doubted
}

// failed sorts out an error code of one partition.
func (f *Fetcher) failed(ctx context.Context, a asked, p *wire.FetchedPartition) error {
	code := kafka.Code(p.ErrorCode)
	f.cfg.Failed("fetch")
	switch {
	case code == kafka.CodeOffsetOutOfRange && a.paused: // nothing is left to compare, and the doubt stays
		f.stay(a, time.Now().Add(MaxBackoff))
		return nil
	case code == kafka.CodeOffsetOutOfRange && a.from < a.offset: // nothing is left to compare
		f.mu.Lock()
		a.last, a.doubted = unknownBatch, false
		f.mu.Unlock()
		f.stay(a, time.Now().Add(Backoff))
		return nil
	case code == kafka.CodeOffsetOutOfRange:
		return f.fault(ctx, a, Fault{Kind: FaultOutOfRange, Err: code})
	case code.TopicGone():
		f.Refresh()
		f.mu.Lock()
		a.suspect()
		f.mu.Unlock()
		return f.fault(ctx, a, Fault{Kind: FaultLost, Err: code})
	case code.StaleLeader():
		f.Refresh()
		f.unanswered([]asked{a}, time.Now(), code)
		f.stay(a, time.Now().Add(Backoff))
		return nil
	default:
		return f.fault(ctx, a, Fault{Kind: FaultRetry, Err: code})
	}
}

// fault lets the loop decide about a partition.
func (f *Fetcher) fault(ctx context.Context, a asked, flt Fault) error {
	return f.hand(ctx, a, Work{fault: &flt}, a.begin())
}

// hand sends work to the partition's decoder and makes the partition fetchable at the
// end of what was read.
func (f *Fetcher) hand(ctx context.Context, a asked, w Work, end wire.Tail) error {
	w.Cursor, w.Epoch, w.From = a.Cursor, a.epoch, a.offset
	at := time.Time{}
	if w.fault != nil {
		at = time.Now().Add(MaxBackoff) // the loop resets it earlier
	}
	select {
	case f.Work[a.slot%len(f.Work)] <- w:
		f.moved(a, end, len(w.Records), at)
		return nil
	case <-ctx.Done():
		if w.Lease != nil {
			w.Lease.Release()
		}
		return ctx.Err()
	}
}

// stay ends a partition's part in a request that has brought nothing of it.
func (f *Fetcher) stay(a asked, retryAt time.Time) { f.moved(a, a.begin(), 0, retryAt) }

// moved ends a partition's part in a request that brought so many bytes of it, up to
// end, unless it was reset meanwhile. Where an answer's share is left the other lane
// need not wait for this one.
func (f *Fetcher) moved(a asked, end wire.Tail, bytes int, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.giveUp(a) {
		return
	}
	if bytes > 0 {
		a.served = a.request
	}
	if a.Epoch.Load() != a.epoch {
		return
	}
	a.empty = retryAt.IsZero() && bytes == 0
	if bytes > 0 {
		a.last = end.Batch
	}
	if end.Next > a.offset {
		a.density = max(1, int64(bytes)/(end.Next-a.offset))
	}
	if end.Next > a.Known {
		a.BatchEpoch = end.LeaderEpoch
	}
	a.Offset, a.retryAt = end.Next, retryAt
	if retryAt.IsZero() && a.ahead() >= minShare {
		f.wake(a.server())
	}
}
