package follow

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count the imports that are followed and how they end. Safe for concurrent use.
type Metrics struct {
	finished      *prometheus.CounterVec
	finishSeconds prometheus.Histogram
	label         func(namespace string) string

	// Of the schedule. A gauge takes no lock: whoever holds the follower's may be
	// waiting for the very scrape that reads the gauge.
	size   atomic.Int64
	oldest atomic.Int64 // when it was stored, Unix nanoseconds, 0 when there is none
}

// NewMetrics makes the metrics and registers them; nil registers nowhere. label
// bounds the namespaces that get series of their own.
func NewMetrics(reg prometheus.Registerer, label func(namespace string) string) *Metrics {
	auto := promauto.With(reg)
	m := &Metrics{
		label: label,
		finished: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_imports_finished_total",
			Help: "Stored imports by what became of them; unknown: given up or open at a stop, unfollowed: beyond BRIDGE_FOLLOW_MAX_IMPORTS.",
		}, []string{"namespace", "status"}),
		finishSeconds: auto.NewHistogram(prometheus.HistogramOpts{
			Name:                            "bridge_import_finish_seconds",
			Help:                            "From the storing of an import to the answer that it has ended.",
			Buckets:                         []float64{5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bridge_imports_followed", Help: "Stored imports whose end is awaited.",
	}, func() float64 { return float64(m.size.Load()) })
	auto.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "bridge_oldest_followed_import_age_seconds", Help: "Time since the oldest import was stored whose end is awaited, 0 when there is none.",
	}, func() float64 { return m.oldestAge().Seconds() })
	return m
}

// note keeps how many imports are followed, and when the oldest was stored.
func (m *Metrics) note(s *schedule) {
	m.size.Store(int64(s.size()))
	oldest := int64(0)
	if len(s.items) > 0 {
		oldest = s.items[0].entry.StoredAt.UnixNano()
	}
	m.oldest.Store(oldest)
}

// oldestAge returns the time since the oldest import was stored, 0 for none.
func (m *Metrics) oldestAge() time.Duration {
	at := m.oldest.Load()
	if at == 0 {
		return 0
	}
	return max(0, time.Since(time.Unix(0, at)))
}

// appeared exports a namespace's series at zero.
func (m *Metrics) appeared(namespace string) {
	label := m.label(namespace)
	for _, status := range Statuses() {
		m.finished.WithLabelValues(label, status)
	}
}

// finish counts an import with the status with which its following has ended.
func (m *Metrics) finish(namespace, status string) {
	m.finished.WithLabelValues(m.label(namespace), status).Inc()
}
