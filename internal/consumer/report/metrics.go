package report

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"kafka-import-bridge/internal/batcher"
)

// Metrics are the consumer's. Counters and histograms are written where things
// happen; gauges are read from the loop's own state at each scrape, so that the
// series of revoked partitions vanish with them. Safe for concurrent use.
type Metrics struct {
	ByTopic
	byNamespace
	byBatch

	Commits                                           *prometheus.CounterVec // by result: ok, fenced, error
	FetchPaused                                       *prometheus.CounterVec // seconds in which records waited but were not taken, by reason: memory, held
	Throttled, Rebalances, Forgotten, PossibleRepeats prometheus.Counter
	APIMissing                                        prometheus.Gauge
	kafkaErrors                                       *prometheus.CounterVec
	refused                                           *prometheus.GaugeVec

	totals

	mu     sync.Mutex // guards source and which series there are
	source source
}

// ByTopic are the counters with the label topic; those of a reason have it as their
// second label.
type ByTopic struct {
	Skipped, Rejected, DeadLetters, OffsetResets, Lost *prometheus.CounterVec

	consumed *prometheus.CounterVec
	topics   map[string]bool // with series
}

// byNamespace are the counters with the label namespace, whose values are bounded.
type byNamespace struct {
	flushed, uploadedRecords, uploadedBytes *prometheus.CounterVec

	maxNamespaces int
	labels        map[string]string // namespace -> its label
	others        bool              // there are more than have labels
}

// byBatch are written with each batch.
type byBatch struct {
	batchBytes, batchRecords, delivery prometheus.Histogram
	lastImport                         prometheus.Gauge
}

// totals are counted for /status.
type totals struct{ records, uploaded, bytes, batches atomic.Int64 }

// NewMetrics makes the metrics and registers them; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer, maxNamespaces int) *Metrics {
	made := maker{promauto.With(reg)}
	m := &Metrics{
		ByTopic: made.byTopic(), byNamespace: made.byNamespace(maxNamespaces), byBatch: made.byBatch(),
		Commits:         made.counters("commits_total", "Offset commits, by their result.", "result"),
		FetchPaused:     made.counters("fetch_paused_seconds_total", "Seconds in which fetching waited.", "reason"),
		Throttled:       made.counter("kafka_throttled_seconds_total", "Time for which brokers have asked to wait because of a quota, before what is read or written next."),
		Rebalances:      made.counter("rebalances_total", "Generations of the group that this process was a member of."),
		Forgotten:       made.counter("partitions_forgotten_total", "Partitions of which commits were refused, and what was stored beyond them had no room in memory: it may be imported again."),
		PossibleRepeats: made.counter("import_possible_repeats_total", "Batches that may be stored twice: they were sent again while nobody could say whether an upload without an answer had arrived."),
		APIMissing:      made.gauge("api_missing", "1 while the import API does not know the create call for any namespace."),
		kafkaErrors:     made.counters("kafka_errors_total", "Failed calls to Kafka.", "operation"),
		refused: made.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "bridge", Name: "credentials_refused", Help: "1 while the target refuses the credentials.",
		}, []string{"target"}),
	}
	exportZero(m.Commits, "ok", "fenced", "error")
	exportZero(m.kafkaErrors, "join", "heartbeat", "metadata", "fetch", "decode", "commit", "produce")
	exportZero(m.FetchPaused, "memory", "held")
	for _, target := range []string{"api", "kafka", "registry"} {
		m.Refused(target, false)
	}
	if reg != nil {
		reg.MustRegister((*gauges)(m))
	}
	return m
}

// maker makes metrics whose names begin with bridge, and registers them.
type maker struct{ promauto.Factory }

func (m maker) byTopic() ByTopic {
	return ByTopic{
		consumed:     m.counters("records_consumed_total", "Records read from Kafka, those sent before included.", "topic"),
		Skipped:      m.counters("records_skipped_total", "Lines or records that were left out by policy, or because an earlier owner had stored them.", "topic", "reason"),
		Rejected:     m.counters("records_rejected_total", "Records that could not become a line, and lines of refused batches, once for each hold, whatever the policy then did.", "topic", "reason"),
		DeadLetters:  m.counters("dlq_records_total", "Dead letters that Kafka has acknowledged.", "topic", "reason"),
		OffsetResets: m.counters("offset_resets_total", "Partitions whose position was not in the log.", "topic", "reason"),
		Lost:         m.counters("records_lost_total", "Records that Kafka removed before they were imported, as far as their number is known.", "topic"),
	}
}

func (m maker) byNamespace(maxNamespaces int) byNamespace {
	return byNamespace{
		maxNamespaces: maxNamespaces, labels: map[string]string{},
		flushed:         m.counters("batches_flushed_total", "Batches closed, by what closed them.", "namespace", "reason"),
		uploadedRecords: m.counters("records_uploaded_total", "Lines stored.", "namespace"),
		uploadedBytes:   m.counters("bytes_uploaded_total", "Bytes stored.", "namespace"),
	}
}

func (m maker) byBatch() byBatch {
	return byBatch{
		batchBytes:   m.histogram("batch_bytes", "Size of closed batches in bytes.", prometheus.ExponentialBuckets(1024, 4, 9)),
		batchRecords: m.histogram("batch_records", "Lines of closed batches.", prometheus.ExponentialBuckets(1, 4, 10)),
		delivery:     m.histogram("record_delivery_seconds", "From the oldest record's timestamp of a batch to its being stored.", []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600}),
		lastImport:   m.gauge("last_successful_import_timestamp_seconds", "When a batch was last stored, Unix time."),
	}
}

func (m maker) counters(name, help string, labels ...string) *prometheus.CounterVec {
	return m.NewCounterVec(prometheus.CounterOpts{Namespace: "bridge", Name: name, Help: help}, labels)
}

func (m maker) counter(name, help string) prometheus.Counter {
	return m.NewCounter(prometheus.CounterOpts{Namespace: "bridge", Name: name, Help: help})
}

func (m maker) gauge(name, help string) prometheus.Gauge {
	return m.NewGauge(prometheus.GaugeOpts{Namespace: "bridge", Name: name, Help: help})
}

func (m maker) histogram(name, help string, buckets []float64) prometheus.Histogram {
	return m.NewHistogram(prometheus.HistogramOpts{
		Namespace: "bridge", Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
	})
}

// exportZero exports the closed set of a label's values from the start.
func exportZero(vec *prometheus.CounterVec, values ...string) {
	for _, v := range values {
		vec.WithLabelValues(v)
	}
}

// Consumed counts records that were read.
func (m *Metrics) Consumed(topic string, n int) {
	m.records.Add(int64(n))
	m.consumed.WithLabelValues(topic).Add(float64(n))
}

// Flushed counts a batch that was closed.
func (m *Metrics) Flushed(b *batcher.Batch) {
	m.batches.Add(1)
	m.flushed.WithLabelValues(m.Label(b.Namespace), b.Reason.String()).Inc()
	m.batchBytes.Observe(float64(b.Bytes))
	m.batchRecords.Observe(float64(b.Records))
}

// Stored counts a batch that is stored.
func (m *Metrics) Stored(b *batcher.Batch, now time.Time) {
	l := m.Label(b.Namespace)
	m.uploaded.Add(int64(b.Records))
	m.bytes.Add(b.Bytes)
	m.uploadedRecords.WithLabelValues(l).Add(float64(b.Records))
	m.uploadedBytes.WithLabelValues(l).Add(float64(b.Bytes))
	m.delivery.Observe(max(0, now.Sub(time.UnixMilli(b.OldestTimestamp)).Seconds()))
	m.lastImport.Set(float64(now.UnixMilli()) / 1000)
}

// Totals returns what /status says of the process.
func (m *Metrics) Totals() TotalsStatus {
	return TotalsStatus{RecordsConsumed: m.records.Load(), RecordsUploaded: m.uploaded.Load(), BytesUploaded: m.bytes.Load(), BatchesFlushed: m.batches.Load()}
}

// ThrottledFor counts how long a broker asks to wait because of a quota.
func (m *Metrics) ThrottledFor(d time.Duration) { m.Throttled.Add(d.Seconds()) }

// KafkaFailed counts a failed call: join, heartbeat, metadata, fetch, decode, commit,
// produce.
func (m *Metrics) KafkaFailed(operation string) { m.kafkaErrors.WithLabelValues(operation).Inc() }

// Refused notes whether a target refuses the credentials: api, registry, or kafka,
// which are the brokers, or the endpoint that issues tokens for them.
func (m *Metrics) Refused(target string, refused bool) {
	m.refused.WithLabelValues(target).Set(number(refused))
}

// number is 1 for true.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// source provides the gauges' values at each scrape.
type source interface {
	// Snapshot returns a copy of what the loop knows; without detail only the held
	// namespaces are listed. It fails when the loop does not answer before ctx ends.
	Snapshot(ctx context.Context, detail bool) (*Status, error)
	// IsMember reports whether the process is a member of its group.
	IsMember() bool
}

// Attach gives the gauges their source.
func (m *Metrics) Attach(s source) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.source = s
}
