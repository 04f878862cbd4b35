package process

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/record"
)

// Config is everything the consumer needs to know. All fields are required
// unless a comment says otherwise; New checks what it relies on.
type Config struct {
	group.Settings
	StayOnStop      bool // the member stays in the group when Run ends, to be back soon under its InstanceID
	Topics          kafka.Selection
	OffsetReset     ledger.OffsetReset
	ReadCommitted   bool
	MetadataRefresh time.Duration
	Fetch           fetch.Requests

	Record record.Settings
	// Schemas turn values into JSON; nil takes values for JSON as they come. Whoever
	// runs the consumer runs them.
	Schemas *decode.Schemas
	Policies

	Batch          batcher.Limits
	BufferMaxBytes int64
	Uploads
	ShutdownTimeout time.Duration
}

// Policies say what becomes of what cannot be imported.
type Policies struct {
	OnInvalid   record.Policy
	OnTombstone record.Policy
	OnRejected  record.Policy
	// SkipRecords are left out by name and counted as operator.
	SkipRecords       map[kafka.TopicPartition]ledger.Offsets
	DLQTopic          string        // required by any DeadLetter policy
	ReceiptsTopic     string        // where Dependencies.Receipts writes, for whoever reads the receipts; empty: none are written
	HoldProbeInterval time.Duration // between two tries of a held namespace
}

// Uploads say how many imports are in flight, and how long what fails rests.
type Uploads struct {
	UploadConcurrency    int           // in all
	NamespaceConcurrency int           // of one namespace
	MaxBackoff           time.Duration // longest rest between tries of the credentials, and of dead letters
}

// LineOverhead is an upper bound, in bytes, of what a namespace's first line is
// charged beyond its own bytes: a batch with one block, and a node of the ledger.
const LineOverhead = 2 << 10

// Reading returns the part of the configuration that says how partitions are read.
func (c *Config) Reading(failed func(operation string), throttled func(broker int32, d time.Duration)) fetch.Config {
	out := fetch.Config{
		Schemas:  c.Schemas,
		Requests: c.Fetch, ReadCommitted: c.ReadCommitted,
		BufferMaxBytes: c.BufferMaxBytes, LineOverhead: LineOverhead, Failed: failed, Throttled: throttled,
		Keep: func(r record.Reason) bool { return c.PolicyFor(r) == record.DeadLetter },
	}
	if c.SkipRecords != nil {
		out.Skip = func(tp kafka.TopicPartition, offset int64) bool { return c.SkipRecords[tp].Hold(offset, offset) }
	}
	return out
}

// PolicyFor returns what becomes of a record that is rejected for the reason.
func (c *Config) PolicyFor(r record.Reason) record.Policy {
	return r.Policy(c.OnInvalid, c.OnTombstone)
}

// CallTimeout returns the bound of one call to a broker that need not wait for data.
func (c *Config) CallTimeout() time.Duration {
	return min(10*time.Second, max(c.SessionTimeout/3, time.Second))
}

// DrainBudget returns how long a drain may take, counted from when the group may have
// begun to wait, so that time is left for the last commit and for joining again.
func (c *Config) DrainBudget() time.Duration {
	return max(c.RebalanceTimeout-c.CallTimeout(), c.RebalanceTimeout/2)
}

// FingerprintOf returns a text that changes with the settings that decide what becomes of
// a record: those of routing and ids as a hash, and the limits of a line: the smaller one is in
// force, also for a line of one namespace.
func FingerprintOf(s record.Settings) string {
	line := s.MaxLineBytes
	if s.MaxFanoutBytes > 0 && (line == 0 || line > s.MaxFanoutBytes) {
		line = s.MaxFanoutBytes
	}
	return fmt.Sprintf("%s.%d.%d", s.Fingerprint(), line, s.MaxFanoutBytes)
}
