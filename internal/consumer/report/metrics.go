package report

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/batcher"
)

// Metrics are the consumer's. Counters and histograms are written where things
// happen; gauges are read from the loop's own state at each scrape, so that the
// series of revoked partitions vanish with them. Safe for concurrent use.
type Metrics struct {
	topicMetrics
	namespaceMetrics
	importMetrics
	commits, kafkaErrors, fetchPaused *prometheus.CounterVec
	rebalances, throttled, forgotten  prometheus.Counter
	credentialsRefused                *prometheus.GaugeVec
	apiMissing                        prometheus.Gauge

	totals

	mu     sync.Mutex
	source source
}

// importMetrics are the metrics of batches and imports.
type importMetrics struct {
	batchBytes, batchRecords, delivery prometheus.Histogram
	possibleRepeats                    prometheus.Counter
	lastImport                         prometheus.Gauge
}

// totals are counted for /status.
type totals struct{ records, uploaded, bytes, batches atomic.Int64 }

// NewMetrics makes the metrics and registers them; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer, maxNamespaces int) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "bridge", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: "bridge", Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		})
	}
	m := &Metrics{
		topicMetrics: topicMetrics{
			consumedTotal: counter("records_consumed_total", "Records read from Kafka, those sent before included.", "topic"),
			skippedTotal:  counter("records_skipped_total", "Lines or records that were left out by policy, or because an earlier owner had stored them.", "topic", "reason"),
			rejectedTotal: counter("records_rejected_total", "Records that could not become a line, and lines of refused batches, once for each hold, whatever the policy then did.", "topic", "reason"),
			lettersTotal:  counter("dlq_records_total", "Dead letters that Kafka has acknowledged.", "topic", "reason"),
			offsetResets:  counter("offset_resets_total", "Partitions whose position was not in the log.", "topic", "reason"),
			lostTotal:     counter("records_lost_total", "Records that Kafka removed before they were imported, as far as their number is known.", "topic"),
		},
		namespaceMetrics: namespaceMetrics{
			maxNamespaces: maxNamespaces, labels: map[string]string{},
			flushedTotal:    counter("batches_flushed_total", "Batches closed, by what closed them.", "namespace", "reason"),
			uploadedRecords: counter("records_uploaded_total", "Lines stored.", "namespace"),
			uploadedBytes:   counter("bytes_uploaded_total", "Bytes stored.", "namespace"),
		},
		importMetrics: importMetrics{
			batchBytes:   histogram("batch_bytes", "Size of closed batches in bytes.", prometheus.ExponentialBuckets(1024, 4, 9)),
			batchRecords: histogram("batch_records", "Lines of closed batches.", prometheus.ExponentialBuckets(1, 4, 10)),
			delivery:     histogram("record_delivery_seconds", "From the oldest record's timestamp of a batch to its being stored.", []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 21600}),
			possibleRepeats: prometheus.NewCounter(prometheus.CounterOpts{
				Namespace: "bridge", Name: "import_possible_repeats_total", Help: "Batches that may be stored twice: they were sent again while nobody could say whether an upload without an answer had arrived.",
			}),
			lastImport: prometheus.NewGauge(prometheus.GaugeOpts{
				Namespace: "bridge", Name: "last_successful_import_timestamp_seconds", Help: "When a batch was last stored, Unix time.",
			}),
		},
		commits:     counter("commits_total", "Offset commits, by their result.", "result"),
		kafkaErrors: counter("kafka_errors_total", "Failed calls to Kafka.", "operation"),
		fetchPaused: counter("fetch_paused_seconds_total", "Seconds in which fetching waited.", "reason"),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "bridge", Name: "kafka_throttled_seconds_total", Help: "Time by which brokers have slowed fetches down because of a quota.",
		}),
		rebalances: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "bridge", Name: "rebalances_total", Help: "Generations of the group that this process was a member of.",
		}),
		forgotten: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "bridge", Name: "partitions_forgotten_total", Help: "Partitions of which commits were refused, and what was stored beyond them had no room in memory: it may be imported again.",
		}),
		credentialsRefused: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "bridge", Name: "credentials_refused", Help: "1 while the target refuses the credentials.",
		}, []string{"target"}),
		apiMissing: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "bridge", Name: "api_missing", Help: "1 while the import API does not know the create call for any namespace.",
		}),
	}
	m.zero()
	if reg != nil {
		reg.MustRegister(m.consumedTotal, m.skippedTotal, m.rejectedTotal, m.lettersTotal, m.flushedTotal, m.uploadedRecords, m.uploadedBytes,
			m.commits, m.offsetResets, m.lostTotal, m.kafkaErrors, m.fetchPaused, m.throttled, m.rebalances, m.possibleRepeats, m.forgotten, m.batchBytes, m.batchRecords, m.delivery,
			m.credentialsRefused, m.apiMissing, m.lastImport, (*gauges)(m))
	}
	return m
}

// zero exports the closed label sets from the start.
func (m *Metrics) zero() {
	for _, r := range []string{"ok", "fenced", "error"} {
		m.commits.WithLabelValues(r)
	}
	for _, o := range []string{"join", "heartbeat", "metadata", "fetch", "decode", "commit", "produce"} {
		m.kafkaErrors.WithLabelValues(o)
	}
	for _, r := range []string{"memory", "held"} {
		m.fetchPaused.WithLabelValues(r)
	}
	for _, t := range []string{"api", "kafka", "registry"} {
		m.credentialsRefused.WithLabelValues(t).Set(0)
	}
}

func (m *Metrics) Consumed(topic string, n int) {
	m.records.Add(int64(n))
	m.consumedTotal.WithLabelValues(topic).Add(float64(n))
}

func (m *Metrics) Flushed(b *batcher.Batch) {
	m.batches.Add(1)
	m.flushedTotal.WithLabelValues(m.Label(b.Namespace), b.Reason.String()).Inc()
	m.batchBytes.Observe(float64(b.Bytes))
	m.batchRecords.Observe(float64(b.Records))
}

func (m *Metrics) Stored(b *batcher.Batch, now time.Time) {
	l := m.Label(b.Namespace)
	m.uploaded.Add(int64(b.Records))
	m.bytes.Add(b.Bytes)
	m.uploadedRecords.WithLabelValues(l).Add(float64(b.Records))
	m.uploadedBytes.WithLabelValues(l).Add(float64(b.Bytes))
	m.delivery.Observe(max(0, now.Sub(time.UnixMilli(b.OldestTimestamp)).Seconds()))
	m.lastImport.Set(float64(now.UnixMilli()) / 1000)
}

// KafkaRefused notes whether the brokers, or the endpoint that issues tokens for
// them, refuse the credentials.
func (m *Metrics) KafkaRefused(refused bool) { m.refused("kafka", refused) }

// Totals returns what /status says of the process.
func (m *Metrics) Totals() TotalsStatus {
	return TotalsStatus{RecordsConsumed: m.records.Load(), RecordsUploaded: m.uploaded.Load(), BytesUploaded: m.bytes.Load(), BatchesFlushed: m.batches.Load()}
}

// KafkaFailed counts a failed call: join, metadata, fetch, decode, commit, produce.
func (m *Metrics) KafkaFailed(operation string) { m.kafkaErrors.WithLabelValues(operation).Inc() }

// Commit counts a commit by its result: ok, fenced, error.
func (m *Metrics) Commit(result string) { m.commits.WithLabelValues(result).Inc() }

// Paused counts time in which records waited but were not taken: for memory, or
// because others are held.
func (m *Metrics) Paused(reason string, d time.Duration) {
	m.fetchPaused.WithLabelValues(reason).Add(d.Seconds())
}

// Throttled counts seconds by which brokers slow fetches down.
func (m *Metrics) Throttled() prometheus.Counter { return m.throttled }

// Rebalanced counts a generation of the group.
func (m *Metrics) Rebalanced() { m.rebalances.Inc() }

// Forgotten counts partitions of which more was stored than this process remembers.
func (m *Metrics) Forgotten(partitions int) { m.forgotten.Add(float64(partitions)) }

// PossibleRepeat counts a batch that may be stored twice.
func (m *Metrics) PossibleRepeat() { m.possibleRepeats.Inc() }

// ApiRefused notes whether the import API refuses the credentials.
func (m *Metrics) ApiRefused(refused bool) { m.refused("api", refused) }

// NoteMissing notes whether the import API does not know the call.
func (m *Metrics) NoteMissing(missing bool) { m.apiMissing.Set(number(missing)) }

// RegistryRefused notes whether the schema registry refuses the credentials.
func (m *Metrics) RegistryRefused(refused bool) { m.refused("registry", refused) }

func (m *Metrics) refused(target string, refused bool) {
	m.credentialsRefused.WithLabelValues(target).Set(number(refused))
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
