package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/auth"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/outbox"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
)

// Dependencies are what New wires together, and whom the process speaks to.
type Dependencies struct {
	Client *kafka.Client
	// NewImport prepares the import of one batch; a probe gets its body later, by
	// SetBody. The blocks of body belong to the import until its last Attempt has
	// returned. It is called by one goroutine at a time.
	NewImport func(namespace string, body [][]byte, size int64) Import
	Metrics   *report.Metrics
	Log       *slog.Logger
	// Stored is told of each import that the store has taken, by the loop: it
	// must return at once. The receipt has pieces if it is written. nil tells nobody.
	Stored func(*receipt.Receipt)
	// Receipts writes a receipt for each stored import; nil writes none.
	Receipts Receipts
	// Explain turns an error of a broker into a sentence with its remedy; nil is the
	// client's. It is never given nil.
	Explain func(error) string
}

// Receipts writes the receipts of stored imports to their topic, for longer than a
// session lives: an outbox.Outbox, which says what each call means. Safe for concurrent
// use.
type Receipts interface {
	Post(key, value []byte, more int64, acked func())
	Bytes() int64
	Failing() bool
}

// Import is one batch on its way: an importer.Import, which says what each call means.
// Not safe for concurrent use.
type Import interface {
	Attempt(ctx context.Context, guard func() error) importer.Outcome
	Create(ctx context.Context, guard func() error) importer.Outcome
	Prepare(ctx context.Context, guard func() error) importer.Outcome
	Resolve(ctx context.Context, guard func() error) importer.Outcome
	SetBody(body [][]byte, size int64)
	Drop()
	RequestID() string
	Attempts() int
	Ambiguous() bool
	MayRepeat() bool
}

// Process is what outlives the sessions of a process, and what they share.
type Process struct {
	Config *Config
	Dependencies
	Letters     outbox.Writer // nil: no policy wants them
	Faults      *logging.FaultLog
	Pulse       *report.Pulse // of the loop, for /healthz
	Mapper      *record.Mapper
	Fingerprint string // of the settings that decide namespaces and ids
	Memory

	// What a session leaves to the next one.

	Pacer      *pace.Pacer
	Requests   report.RequestIDs
	LastStored time.Time // an import succeeded last
	// Recollections are written while no session runs and read by the one that
	// follows.
	Recollections discovery.Recollections
	// Known says that an earlier session has seen or made a commit: the group
	// is not new, even if its offsets are gone with a topic that was deleted.
	// Written as the recollections are.
	Known bool
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
		d.Explain = d.Client.Explain
	}
	if d.Stored == nil {
		d.Stored = func(*receipt.Receipt) {}
	}
	r := &Process{
		Config: &cfg, Dependencies: d, Faults: logging.NewFaultLog(d.Log), Pulse: report.NewPulse(time.Now()),
		Mapper: mapper, Fingerprint: FingerprintOf(cfg.Record), Memory: newMemory(&cfg, d.Receipts),
		Pacer: pace.New(cfg.UploadConcurrency, cfg.NamespaceConcurrency), Recollections: discovery.Recollections{},
	}
	if cfg.DLQTopic != "" {
		r.Letters = kafka.NewProducer(d.Client, cfg.DLQTopic, d.Metrics.ThrottledFor)
	}
	return r, nil
}

// Close ends the writing of dead letters. No session may run.
func (r *Process) Close() {
	if r.Letters == nil {
		return
	}
	// Every letter has been answered or given up: what the writers still try fails at
	// once, and opens the transport again.
	_ = r.Letters.Close()
	r.Client.Close()
}

// NoteCredentials notes what an answer of the brokers says about the credentials
// for them; nil is one for which they have to be good. An error that is no refusal
// of them says nothing. It may be called on any goroutine.
func (r *Process) NoteCredentials(err error) {
	switch {
	case err == nil:
		r.Metrics.Refused("kafka", false)
	case auth.Refuses(err):
		r.Metrics.Refused("kafka", true)
	}
}

// WatchFailed reports that the metadata is not what it should be, perhaps for single
// topics. It may be called on any goroutine.
func (r *Process) WatchFailed(err error, unclear []string) {
	r.Metrics.KafkaFailed("metadata")
	text := r.Explain(err)
	args := []any{"error", text}
	if len(unclear) > 0 {
		args = append(args, "topics", unclear)
	}
	r.Faults.Log(time.Now(), "metadata cannot be refreshed", "metadata/"+text, args...)
}

// StartsFailed reports that some partitions do not start yet. It may be called on any
// goroutine.
func (r *Process) StartsFailed(err error, todo int) {
	r.Metrics.KafkaFailed("metadata")
	r.Faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", todo, "error", r.Explain(err))
}

// SurveyFailed reports that the ends of some logs are not known. It may be
// called on any goroutine.
func (r *Process) SurveyFailed(err error) {
	text := r.Explain(err)
	r.Faults.Log(time.Now(), "ends of partitions that are not fetched cannot be asked for; their lag may be out of date", "survey/"+text, "error", text)
}
