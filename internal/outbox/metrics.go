package outbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The results of a receipt, which are the values of the metric's label.
const (
	ResultWritten = "written" // acknowledged
	ResultFailed  = "failed"  // not acknowledged: tried again
	ResultLost    = "lost"    // logged instead: its topic refuses it, or the process stopped
	ResultSkipped = "skipped" // the end of an import, of which too many wait
)

// Metrics count receipts by their result. Safe for concurrent use.
type Metrics struct{ results *prometheus.CounterVec }

// NewMetrics makes the metrics and registers them; nil registers nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_receipts_total",
		Help: "Receipts of imports by what became of them; failed: tried again, lost: logged instead, skipped: the end of an import was left out.",
	}, []string{"result"})}
	for _, r := range []string{ResultWritten, ResultFailed, ResultLost, ResultSkipped} {
		m.results.WithLabelValues(r)
	}
	return m
}
