package consumer

import (
	"cmp"
	"sync/atomic"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// cursor is where the session reads one partition. The loop moves it with
// fetcher.reset, fetches move it forward.
type cursor struct {
	kafka.TopicPartition
	topicID wire.UUID
	slot    int // decoders are picked by it, so that a partition keeps its order

	// Guarded by fetcher.mu.
	leader, leaderEpoch int32
	offset              int64 // of the next record to fetch
	batchEpoch          int32 // newest leader epoch of what was read, -1 unknown: shows a truncated log
	busy                bool  // a request for it is under way
	paused              bool
	retryAt             time.Time
	density             int64     // bytes of an answer per offset, of the last one; 0 unknown
	turn                uint64    // the request that asked for it last
	served              uint64    // the last request that brought records of it
	heard               time.Time // when its offsets below were last told

	// epoch counts resets: what an older read delivers is stale.
	epoch atomic.Uint32
	// What the log holds: high watermark, last stable offset, log start.
	high, stable, start atomic.Int64
}

// learn notes what a fetch has told of the log, and says whether that was where it
// ends: brokers tell -1 of what they do not know. Who reads uncommitted records reads
// to the high watermark.
func (c *cursor) learn(p *wire.FetchedPartition, committed bool) bool {
	if p.HighWatermark < 0 {
		return false
	}
	r := kafka.Range{Begin: p.LogStartOffset, End: p.HighWatermark, Stable: p.HighWatermark}
	if committed && p.LastStableOffset >= 0 {
		r.Stable = p.LastStableOffset
	}
	if r.Begin < 0 {
		r.Begin = c.start.Load()
	}
	c.know(r)
	return true
}

// know notes what the log holds.
func (c *cursor) know(r kafka.Range) {
	c.high.Store(r.End)
	c.stable.Store(r.Stable)
	c.start.Store(r.Begin)
}

// idle says that a request may ask for the partition. Call with fetcher.mu held.
func (c *cursor) idle() bool { return !c.busy && !c.paused }

// ahead is about how many bytes the leader has beyond the offset, as of the last
// answer; an open transaction's do not count. Call with fetcher.mu held.
func (c *cursor) ahead() int64 {
	const usual = 1 << 10 // bytes of a record
	return max(0, c.stable.Load()-c.offset) * max(1, cmp.Or(c.density, usual))
}

// faultKind says why reading a partition cannot simply go on.
type faultKind uint8

const (
	faultNone       faultKind = iota // ends a catch-up read that went well
	faultRetry                       // tried again after a while; told
	faultOutOfRange                  // the offset is not in the log
	faultTruncated                   // the log ends before what was read of it
	faultLost                        // the topic was deleted or created anew
	faultCorrupt                     // the data at the offset cannot be read
)

// fault travels in the order of the partition's chunks, so that the loop has
// seen all that came before it.
type fault struct {
	kind   faultKind
	offset int64 // truncated: where the common log ends; corrupt: the bad batch
	err    error
}

// work is what a fetch hands to a decoder: one partition's share of an answer.
type work struct {
	cursor  *cursor
	epoch   uint32
	from    int64 // records below it were delivered before
	aborted []wire.AbortedTransaction
	high    int64  // high watermark of the answer
	records []byte // points into lease
	cut     int64  // not 0: records are only the beginning of an answer of so many bytes
	lease   *lease // nil with a fault
	fault   *fault
	catchUp *catchUpJob // nil on the main path
}
