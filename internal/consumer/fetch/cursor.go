package fetch

import (
	"cmp"
	"sync/atomic"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Cursor is the session's place in one partition that it reads. The loop moves it with
// Fetcher.Reset, fetches move it forward.
type Cursor struct {
	kafka.TopicPartition
	topicID wire.UUID
	slot    int // decoders are picked by it, so that a partition keeps its order

	// Guarded by Fetcher.mu.
	source
	Offset     int64 // of the next record to fetch
	BatchEpoch int32 // newest leader epoch of what was read, -1 unknown: shows a truncated log
	busy       bool  // a request for it is under way
	Paused     bool
	retryAt    time.Time
	turns
	silence
	identity

	// Epoch counts resets: what an older read delivers is stale.
	Epoch atomic.Uint32
	Ends
}

// Ends are the first and last offsets of a log, as its leader reported them last.
type Ends struct{ HighWatermark, StableOffset, LogStart atomic.Int64 }

// turns decide when a request asks for a partition again.
type turns struct {
	density   int64     // bytes of an answer per offset, of the last one; 0 unknown
	turn      uint64    // the request that asked for it last
	served    uint64    // the last request that brought records of it
	lastHeard time.Time // when the log's ends were last reported
}

// silence records for how long a leader has not answered for a partition, and why.
type silence struct {
	unanswered time.Time // since when, zero if it has answered
	why        error     // of the last request
	empty      bool      // the last answer since the reset had nothing to read, and no error
}

// identity shows whether a log is still the one that was read.
type identity struct {
	last    wire.BatchID // of what was read last by the topic's name, not by its id; else unknownBatch
	doubted bool         // the log may be another one by now: see suspect
	// Known is up to where the log has been read before, by others or by this owner: as
	// long as the position is below it, BatchEpoch is not that of what is read.
	Known       int64
	unconfirmed bool // the leader has not compared its log up to there yet
}

var unknownBatch = wire.BatchID{BaseOffset: -1}

// learn notes what an answer says of the log, and reports whether that was where it
// ends: brokers answer -1 where they do not know. Who reads uncommitted records reads
// to the high watermark.
func (c *Cursor) learn(p *wire.FetchedPartition, committed bool) bool {
	if p.HighWatermark < 0 {
		return false
	}
	r := kafka.Range{Begin: p.LogStartOffset, End: p.HighWatermark, Stable: stable(p, committed)}
	if r.Begin < 0 {
		r.Begin = c.LogStart.Load()
	}
	c.Know(r)
	return true
}

// stable returns where a reader ends now.
func stable(p *wire.FetchedPartition, committed bool) int64 {
	if committed && p.LastStableOffset >= 0 {
		return p.LastStableOffset
	}
	return p.HighWatermark
}

// Know notes what the log holds.
func (e *Ends) Know(r kafka.Range) {
	e.HighWatermark.Store(r.End)
	e.StableOffset.Store(r.Stable)
	e.LogStart.Store(r.Begin)
}

// idle reports whether a request may ask for the partition. One that is paused is asked
// for only to end a doubt: what is done of it cannot be committed before. Call with
// Fetcher.mu held.
func (c *Cursor) idle() bool { return !c.busy && (!c.Paused || c.comparable()) }

// comparable reports whether the log may be another one than was read, and the position
// lies behind what can show it. Call with Fetcher.mu held.
func (c *Cursor) comparable() bool { return c.doubted && c.last.BaseOffset < c.Offset }

// ahead estimates the bytes that the leader has beyond the offset, as of the last
// answer; an open transaction's do not count. Call with Fetcher.mu held.
func (c *Cursor) ahead() int64 {
	const usual = 1 << 10 // bytes of a record
	return max(0, c.StableOffset.Load()-c.Offset) * max(1, cmp.Or(c.density, usual))
}

// FaultKind is the reason why the reading of a partition cannot simply go on.
type FaultKind uint8

const (
	FaultNone       FaultKind = iota // ends a catch-up read that went well
	FaultRetry                       // tried again after a while, and reported
	FaultOutOfRange                  // the offset is not in the log
	FaultTruncated                   // the log ends before what was read of it
	FaultLost                        // the topic was deleted or created again
	FaultCorrupt                     // the data at the offset cannot be read
	FaultSchema                      // the record at the offset waits for its schema
	FaultReplaced                    // the log holds something else than what was read of it
)

// Fault travels in the order of the partition's chunks, so that the loop has
// seen all that came before it.
type Fault struct {
	Kind   FaultKind
	Offset int64           // FaultTruncated: where the common log ends
	Ready  <-chan struct{} // FaultSchema: closed when it makes sense to read on
	Err    error
}

// Work is a task for a decoder: one partition's share of an answer.
type Work struct {
	Cursor  *Cursor
	Epoch   uint32
	From    int64 // records below it were delivered before
	aborted []wire.AbortedTransaction
	High    int64   // high watermark of the answer
	Records []byte  // points into Lease
	cut     int64   // not 0: records are only the beginning of an answer of so many bytes
	Lease   *Buffer // nil with a fault
	fault   *Fault
	CatchUp *CatchUpJob // nil on the main path
}
