package fetch

import (
	"time"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// Requests say what is asked of the brokers that are read from.
type Requests struct {
	MaxBytes int64         // of an answer
	MaxWait  time.Duration // until a broker answers that has no records
	// Rack is where this process is. Where a leader names a replica there, that one is
	// asked instead (KIP-392). Empty: only leaders are asked.
	Rack string
}

// Config says how partitions are read.
type Config struct {
	Requests
	ReadCommitted bool
	// BufferMaxBytes is the budget of which reading has its shares.
	BufferMaxBytes int64
	// LineOverhead is what the loop charges for a namespace's first line, beyond its
	// own bytes: chunks stay small beside the budget.
	LineOverhead int64
	// Skip reports whether an operator has named the record to be left out; nil is
	// no record.
	Skip func(tp kafka.TopicPartition, offset int64) bool
	// Keep reports whether a record that is rejected for the reason is needed
	// itself, because it becomes a dead letter.
	Keep func(record.Reason) bool
	// Schemas turn values into JSON; nil takes values for JSON as they come.
	Schemas *decode.Schemas
	// Decoded lends the memory for what Schemas make: DecodedShare, and no more for
	// one value. It is needed with Schemas.
	Decoded *Allowance
	// Failed counts a failed call: fetch, metadata. It is called from any goroutine.
	Failed func(operation string)
	// Throttled is called with how long a broker lets this client wait because of a quota. It
	// is called from any goroutine.
	Throttled func(broker int32, d time.Duration)
	// Distrusted is called with a replica that the leader is asked instead of, and why. It
	// is called from any goroutine and must not block or ask for a Standing. It is
	// needed with Rack.
	Distrusted func(tp kafka.TopicPartition, replica int32, why error)
}

// Shares of the buffer budget (see docs/adr: two fetch allowances). Answers and
// inflated batches have an eighth each, which is never lent to the batches. One
// that is larger goes alone once the batches have made room for it. With both at
// their ceilings seven sixteenths are left: for the dead letters, and for the
// largest record, which may lie in just that memory.

// Share returns what answers, and inflated batches, may hold each.
func Share(buffer int64) int64 { return buffer / 8 }

// AnswerCeiling returns how large an answer may be.
func AnswerCeiling(buffer int64) int64 { return buffer / 4 }

// InflateCeiling returns how large an inflated batch may be.
func InflateCeiling(buffer int64) int64 { return buffer / 16 * 5 }

// chunkBounds keep a chunk, which is taken in whole, small beside the budget.
func (c *Config) chunkBounds() (lines int, bytes int64) {
	return int(max(1, min(chunkMaxLines, c.BufferMaxBytes/8/c.LineOverhead))), min(chunkMaxBytes, c.BufferMaxBytes/16)
}
