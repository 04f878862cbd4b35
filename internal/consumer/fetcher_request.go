package consumer

import (
	"cmp"
	"slices"
	"time"

	"kafka-import-bridge/internal/wire"
)

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
	limit := int32(f.answerLimit(len(batch)))
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

// answerLimit is how many bytes an answer for so many partitions should have. A
// quarter of what could be: while decoders work on some answers others are on
// their way, from this leader and from the other ones, and no broker waits for
// memory in the middle of a large one. More where there are many partitions, as
// each of them costs something in each request.
func (f *fetcher) answerLimit(partitions int) int64 {
	const perPartition = 64 << 10
	most := min(f.cfg.FetchMaxBytes, f.fetched.capacity/2)
	limit := min(max(most/4, int64(partitions)*perPartition, 1<<20), most)
	// A few bytes less than a power of two, so that the answer's headers do
	// not make it need a buffer of twice the size.
	return max(limit-64<<10, 64<<10)
}
