package consumer

import (
	"regexp"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// Config is everything the consumer needs to know. All fields are required
// unless a comment says otherwise; New checks what it relies on.
type Config struct {
	Group      string
	ClientID   string
	InstanceID string         // empty: no fast return after a crash
	Topics     []string       // either these
	TopicRegex *regexp.Regexp // or this, anchored
	// Exclude are topics that TopicRegex never matches: the bridge's own.
	Exclude []string

	OffsetReset       ledger.OffsetReset
	ReadCommitted     bool
	SessionTimeout    time.Duration
	RebalanceTimeout  time.Duration
	HeartbeatInterval time.Duration
	FetchMaxBytes     int64
	FetchMaxWait      time.Duration
	MetadataRefresh   time.Duration

	Record record.Settings

	OnInvalid   record.Policy
	OnTombstone record.Policy
	OnRejected  record.Policy
	// SkipRecords are left out by name and counted as operator.
	SkipRecords map[kafka.TopicPartition]Offsets
	DLQTopic    string // required by any DeadLetter policy

	Batch                batcher.Limits
	BufferMaxBytes       int64
	UploadConcurrency    int
	NamespaceConcurrency int
	MaxBackoff           time.Duration // of the importer: how patient a probe of the credentials is
	HoldProbeInterval    time.Duration
	ShutdownTimeout      time.Duration

	MaxMetricNamespaces int
}

func (c *Config) selection() kafka.Selection {
	return kafka.Selection{Topics: c.Topics, Regex: c.TopicRegex, Exclude: c.Exclude}
}

// Shares of the buffer budget (see docs/adr: two fetch allowances). Fetched
// responses and inflated batches have an eighth each, and what neither uses
// belongs to the batches. One that is larger goes alone once the batches have
// made room for it. With both at their ceilings seven sixteenths are left: for
// the dead letters, and for the largest record, which may lie in just that memory.
func (c *Config) fetchAllowance() int64 { return c.BufferMaxBytes / 8 }
func (c *Config) fetchCeiling() int64   { return c.BufferMaxBytes / 4 }
func (c *Config) inflateCeiling() int64 { return c.BufferMaxBytes / 16 * 5 }

// LineOverhead is an upper bound, in bytes, of what a namespace's first line is
// charged beyond its own bytes: a batch with one block, and a node of the ledger.
const LineOverhead = 2 << 10

// chunkBounds keep a chunk, which is taken in whole, small beside the budget.
func (c *Config) chunkBounds() (lines int, bytes int64) {
	return int(max(1, min(chunkMaxLines, c.BufferMaxBytes/8/LineOverhead))), min(chunkMaxBytes, c.BufferMaxBytes/16)
}

// callTimeout bounds one call to a broker that need not wait for data.
func (c *Config) callTimeout() time.Duration {
	return min(10*time.Second, max(c.SessionTimeout/3, time.Second))
}

// drainBudget is how long a drain may take before the group would expel the
// member: counted from the last commit that renewed the session.
func (c *Config) drainBudget() time.Duration {
	margin := c.HeartbeatInterval + c.callTimeout()
	return max(c.RebalanceTimeout-margin, c.RebalanceTimeout/2)
}
