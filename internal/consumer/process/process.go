package process

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// Dependencies are what NewProcess wires together.
type Dependencies struct {
	Client   *kafka.Client
	Importer Importer
	Metrics  *report.Metrics
	Log      *slog.Logger
	// Stored is told of each import that the store has taken, by the loop: it
	// must return at once. nil tells nobody.
	Stored func(StoredImport)
	// Receipts writes a receipt for each stored import; nil writes none.
	Receipts Receipts
	// Explain turns an error of a broker into a sentence with its remedy; nil
	// leaves it as it is. It is never given nil.
	Explain func(error) string
}

// Receipts writes the receipts of stored imports to their topic, for longer than a
// session lives. It must be safe for concurrent use.
type Receipts interface {
	// Post takes a receipt. acked is called once Kafka has it, or never will,
	// on another goroutine. more is the memory in bytes that waits for that
	// beside the receipt.
	Post(key, value []byte, more int64, acked func())
	// Bytes returns the memory that waits for acknowledgements.
	Bytes() int64
	// Failing reports whether the last try to write failed.
	Failing() bool
}

// Process is what belongs to the process and outlives sessions.
type Process struct {
	Config   *Config
	Client   *kafka.Client
	Importer Importer
	Letters  letters.Writer
	Receipts Receipts // nil: none are wanted
	Mapper   *record.Mapper
	// Fingerprint of the settings that decide namespaces and ids.
	Fingerprint string
	Log         *slog.Logger
	Faults      *report.FaultLog
	Metrics     *report.Metrics
	Pool        *batcher.Pool
	Fetched     *fetch.Allowance
	Inflated    *fetch.Allowance
	Decoded     *fetch.Allowance // lends nothing where values are JSON as they come
	Pacer       *pace.Pacer
	Budget      *budget.Budget
	Taste       *budget.Taste
	Requests    report.RequestIDs
	LastStored  time.Time // an import succeeded last
	// Recollections are written while no session runs and read by the one that
	// follows.
	Recollections discovery.Recollections
	// Known says that an earlier session has seen or made a commit: the group
	// is not new, even if its offsets are gone with a topic that was deleted.
	// Written as the recollections are.
	Known   bool
	Explain func(error) string // an error of a broker as a sentence for people
	Stored  func(StoredImport) // told of what is stored
	Pulse   *report.Pulse      // of the loop, for /healthz
}

// New checks the configuration and makes what all sessions of the process
// share. It starts nothing.
func New(cfg Config, d Dependencies) (*Process, error) {
	mapper, err := record.NewMapper(cfg.Record)
	if err != nil {
		return nil, fmt.Errorf("build record mapper: %w", err)
	}
	if (len(cfg.Topics.Topics) > 0) == (cfg.Topics.Regex != nil) {
		return nil, errors.New("either a list of topics or a regular expression is needed")
	}
	if d.Explain == nil {
		d.Explain = error.Error
	}
	if d.Stored == nil {
		d.Stored = func(StoredImport) {}
	}
	r := &Process{
		Config: &cfg, Client: d.Client, Importer: d.Importer, Receipts: d.Receipts, Mapper: mapper, Fingerprint: FingerprintOf(cfg.Record),
		Log: d.Log, Faults: report.NewFaultLog(d.Log), Metrics: d.Metrics, Pool: batcher.NewPool(),
		Fetched:       fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.AnswerCeiling(cfg.BufferMaxBytes)).Own(),
		Inflated:      fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.InflateCeiling(cfg.BufferMaxBytes)).Own(),
		Decoded:       fetch.NewAllowance(fetch.DecodedShare(cfg.BufferMaxBytes), fetch.DecodedShare(cfg.BufferMaxBytes)),
		Pacer:         pace.New(cfg.UploadConcurrency, cfg.NamespaceConcurrency),
		Recollections: discovery.Recollections{}, Pulse: report.NewPulse(time.Now()), Explain: d.Explain, Stored: d.Stored,
	}
	if cfg.DLQTopic != "" {
		r.Letters = letters.NewWriter(d.Client, cfg.DLQTopic)
	}
	r.Divide()
	return r, nil
}

// Close ends what the dead letters have started. No session may run.
func (r *Process) Close() {
	if r.Letters == nil {
		return
	}
	// Every letter has been answered or given up: what the writers still try fails at
	// once, and opens the transport again.
	_ = r.Letters.Close()
	r.Client.Close()
}

// Divide makes the budget of the process.
func (r *Process) Divide() {
	r.Budget = budget.New(r.Config.BufferMaxBytes, budget.Sources{Reading: r.forReading, Batches: r.Pool.InUse, Receipts: r.forReceipts})
	r.Taste = budget.NewTaste(r.Config.BufferMaxBytes, r.Config.HoldProbeInterval)
}

// forReceipts returns the bytes that wait for receipts.
func (r *Process) forReceipts() int64 {
	if r.Receipts == nil {
		return 0
	}
	return r.Receipts.Bytes()
}

// forReading returns the bytes that reading uses or waits for, its reserve included:
// what it does not use of that is not lent to the batches.
func (r *Process) forReading() int64 {
	own := fetch.Share(r.Config.BufferMaxBytes)
	decoded := int64(0)
	if r.Config.Schemas != nil {
		decoded = fetch.DecodedShare(r.Config.BufferMaxBytes)
	}
	return max(r.Fetched.Used(), r.Fetched.Wanted(), own) + max(r.Inflated.Used(), r.Inflated.Wanted(), own) + decoded
}

// Lent returns the bytes that are lent to reading now.
func (r *Process) Lent() int64 { return r.Fetched.Used() + r.Inflated.Used() + r.Decoded.Used() }
