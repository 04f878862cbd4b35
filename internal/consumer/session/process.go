package session

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
	"kafka-import-bridge/internal/kafka/auth"
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

// Process belong to the process and outlive sessions.
type Process struct {
	cfg      *Config
	client   *kafka.Client
	importer Importer
	letters  letters.Writer
	receipts Receipts // nil: none are wanted
	mapper   *record.Mapper
	// fingerprint of the settings that decide namespaces and ids.
	fingerprint string
	log         *slog.Logger
	Faults      *report.FaultLog
	metrics     *report.Metrics
	pool        *batcher.Pool
	fetched     *fetch.Allowance
	inflated    *fetch.Allowance
	decoded     *fetch.Allowance // lends nothing where values are JSON as they come
	pacer       *pace.Pacer
	budget      *budget.Budget
	taste       *budget.Taste
	requests    report.RequestIDs
	lastStored  time.Time // an import succeeded last
	// recollections are written while no session runs and read by the one that
	// follows.
	recollections discovery.Recollections
	// known says that an earlier session has seen or made a commit: the group
	// is not new, even if its offsets are gone with a topic that was deleted.
	// Written as the recollections are.
	known   bool
	Explain func(error) string // an error of a broker as a sentence for people
	stored  func(StoredImport) // told of what is stored
	Pulse   *report.Pulse      // of the loop, for /healthz
}

// NewProcess checks the configuration and makes what all sessions of the process
// share. It starts nothing.
func NewProcess(cfg Config, d Dependencies) (*Process, error) {
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
		cfg: &cfg, client: d.Client, importer: d.Importer, receipts: d.Receipts, mapper: mapper, fingerprint: fingerprintOf(cfg.Record),
		log: d.Log, Faults: report.NewFaultLog(d.Log), metrics: d.Metrics, pool: batcher.NewPool(),
		fetched:       fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.AnswerCeiling(cfg.BufferMaxBytes)).Own(),
		inflated:      fetch.NewAllowance(fetch.Share(cfg.BufferMaxBytes), fetch.InflateCeiling(cfg.BufferMaxBytes)).Own(),
		decoded:       fetch.NewAllowance(fetch.DecodedShare(cfg.BufferMaxBytes), fetch.DecodedShare(cfg.BufferMaxBytes)),
		pacer:         pace.New(cfg.UploadConcurrency, cfg.NamespaceConcurrency),
		recollections: discovery.Recollections{}, Pulse: report.NewPulse(time.Now()), Explain: d.Explain, stored: d.Stored,
	}
	if cfg.DLQTopic != "" {
		r.letters = letters.NewWriter(d.Client, cfg.DLQTopic)
	}
	r.divide()
	return r, nil
}

// Close ends what the dead letters have started. No session may run.
func (r *Process) Close() {
	if r.letters == nil {
		return
	}
	// Every letter has been answered or given up: what the writers still try fails at
	// once, and opens the transport again.
	_ = r.letters.Close()
	r.client.Close()
}

// divide makes the budget of the process.
func (r *Process) divide() {
	r.budget = budget.New(r.cfg.BufferMaxBytes, budget.Sources{Reading: r.reading, Batches: r.pool.InUse, Receipts: r.filing})
	r.taste = budget.NewTaste(r.cfg.BufferMaxBytes, r.cfg.HoldProbeInterval)
}

// filing returns the bytes that wait for receipts.
func (r *Process) filing() int64 {
	if r.receipts == nil {
		return 0
	}
	return r.receipts.Bytes()
}

// reading returns the bytes that reading uses or waits for, its reserve included:
// what it does not use of that is not lent to the batches.
func (r *Process) reading() int64 {
	own := fetch.Share(r.cfg.BufferMaxBytes)
	decoded := int64(0)
	if r.cfg.Schemas != nil {
		decoded = fetch.DecodedShare(r.cfg.BufferMaxBytes)
	}
	return max(r.fetched.Used(), r.fetched.Wanted(), own) + max(r.inflated.Used(), r.inflated.Wanted(), own) + decoded
}

// Lent returns the bytes that are lent to reading now.
func (r *Process) Lent() int64 { return r.fetched.Used() + r.inflated.Used() + r.decoded.Used() }

// NoteCredentials notes what an answer of the brokers says about the credentials
// for them; nil is one for which they have to be good. An error that is no refusal
// of them says nothing.
func (r *Process) NoteCredentials(err error) {
	switch {
	case err == nil:
		r.metrics.KafkaRefused(false)
	case auth.Refuses(err):
		r.metrics.KafkaRefused(true)
	}
}
