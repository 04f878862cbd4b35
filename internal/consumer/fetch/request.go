package fetch

import (
	"cmp"
	"slices"
	"time"

	"kafka-import-bridge/internal/wire"
)

// asked is one partition of a request under way. The request owns it until
// moved or release is called.
type asked struct {
	*Cursor
	request    uint64 // the cursor's turn
	of         int32  // who is asked
	follower   bool   // it does not lead the partition
	racked     bool   // the request names our rack: if it leads, it may name a replica to ask instead
	epoch      uint32
	offset     int64 // the position
	end        int64 // where the leader's log ends for this reader, as far as is known
	from       int64 // what is asked for: the position; or, to see whether it is there still, the batch read last, or the end of what others have read
	leaderEp   int32
	batchEpoch int32
	paused     bool // nothing is to be read: the answer is to end a doubt
}

// gather picks the partitions of a broker for the next request and marks them
// busy: those that are known to hold enough for an answer, and all of which nothing
// more is known, so that none waits for another. First come those that were given
// records longest ago: a batch that is larger than an answer should be comes only
// to the partition that is the first of its request. What it leaves is for the
// broker's other lane. Without any it says when to look again.
func (f *Fetcher) gather(broker int32) (batch []asked, next time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	var read []asked // to its end, as far as is known
	for _, c := range f.cursors {
		if c.expire(now) {
			f.wake(c.leader)
		}
		if c.server() != broker || !c.idle() {
			continue
		}
		if c.retryAt.After(now) {
			if next.IsZero() || c.retryAt.Before(next) {
				next = c.retryAt
			}
			continue
		}
		a := c.ask(f.cfg.Rack, now)
		if c.ahead() > 0 {
			batch = append(batch, a)
		} else {
			read = append(read, a)
		}
	}
	slices.SortFunc(batch, byTurn)
	if n := f.enough(batch); n < len(batch) {
		batch = batch[:n]
		f.wake(broker)
	}
	batch = append(batch, read...)
	slices.SortFunc(batch, byTurn)
	all := len(batch)
	if batch = alike(batch); len(batch) < all {
		f.wake(broker)
	}
	f.turn++
	for i := range batch {
		batch[i].request = f.turn
		batch[i].busy, batch[i].turn = true, f.turn
	}
	return batch, next
}

// ask is a partition's part in a request. Call with Fetcher.mu held.
func (c *Cursor) ask(rack string, now time.Time) asked {
	a := asked{
		Cursor: c, of: c.server(), follower: c.follower(), paused: c.Paused, epoch: c.Epoch.Load(), offset: c.Offset,
		end: c.StableOffset.Load(), from: c.Offset, leaderEp: c.leaderEpoch, batchEpoch: c.BatchEpoch,
	}
	if c.doubted = c.comparable(); c.doubted {
		a.from = c.last.BaseOffset
	} else if c.unconfirmed {
		a.from = max(c.Offset, c.Known)
	}
	a.racked = rack != "" && a.from == c.Offset && (a.follower || c.mayAdvise(now))
	return a
}

// begin is the end of what was read before the request.
func (a *asked) begin() wire.Tail { return wire.Tail{Next: a.offset, LeaderEpoch: a.batchEpoch} }

// byTurn sorts partitions by when they were given records, the longest ago first.
func byTurn(a, b asked) int {
	return cmp.Or(cmp.Compare(a.served, b.served), cmp.Compare(a.turn, b.turn), a.Compare(b.TopicPartition))
}

// enough is how many of the partitions fill an answer.
func (f *Fetcher) enough(ahead []asked) int {
	limit := f.answerLimit()
	share := max(minShare, limit/int64(max(1, len(ahead))))
	expected := int64(0)
	for i, a := range ahead {
		if expected >= limit {
			return i
		}
		expected += min(share, a.ahead())
	}
	return len(ahead)
}

// aside is a partition as a request asks for it that is made beside the lanes, from
// w.From on.
func (f *Fetcher) aside(w *Work) asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := w.Cursor
	return asked{Cursor: c, of: c.server(), follower: c.follower(), epoch: w.Epoch, offset: w.From, from: w.From, leaderEp: c.leaderEpoch, batchEpoch: -1}
}

// release makes partitions fetchable again, not before at, but for those that the
// request has given up before.
func (f *Fetcher) release(batch []asked, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range batch {
		if f.giveUp(a) && at.After(a.retryAt) {
			a.retryAt = at
		}
	}
}

// giveUp ends a partition's part in a request and reports whether it had one still.
// Whoever is to be asked by now is woken. Call with mu held.
func (f *Fetcher) giveUp(a asked) bool {
	if !a.busy || a.turn != a.request {
		return false
	}
	if a.busy = false; a.server() != a.of {
		f.wake(a.server())
	}
	return true
}

// minShare is the least share, in bytes, of a partition in an answer: less would make a
// request for every few records.
const minShare = 1 << 20

// request asks for all partitions at once.
func (f *Fetcher) request(batch []asked) *wire.FetchRequest {
	limit := int32(f.answerLimit())
	r := &wire.FetchRequest{MaxWait: f.cfg.MaxWait, MaxBytes: limit, ReadCommitted: f.cfg.ReadCommitted}
	if batch[0].racked {
		r.Rack = f.cfg.Rack
	}
	share := min(limit, max(minShare, limit/int32(len(batch))))
	for _, a := range batch {
		p := wire.FetchPartition{Topic: a.Topic, TopicID: a.topicID, Partition: a.Partition, LeaderEpoch: a.leaderEp, Offset: a.from, LastFetchedEpoch: a.batchEpoch, MaxBytes: share}
		switch {
		case a.from < a.offset:
			p.LastFetchedEpoch = -1 // that of the batch before is not known
		case a.from > a.offset:
			p.MaxBytes, r.MaxWait = 1, 0 // nothing is read there, nor waited for
		}
		r.Partitions = append(r.Partitions, p)
	}
	return r
}

// answerLimit is how many bytes an answer should have. A quarter of what could
// be: while decoders work on some answers others are on their way, from this
// leader and from the other ones, and no broker waits for memory in the middle
// of a large one.
func (f *Fetcher) answerLimit() int64 {
	most := min(f.cfg.MaxBytes, f.fetched.capacity/2)
	limit := min(max(most/4, 1<<20), most)
	// A few bytes less than a power of two, so that the answer's headers do
	// not make it need a buffer of twice the size.
	return max(limit-64<<10, 64<<10)
}
