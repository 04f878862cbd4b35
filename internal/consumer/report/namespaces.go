package report

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/batcher"
)

// namespaceMetrics are the counters with the label namespace, whose values are bounded.
type namespaceMetrics struct {
	flushedTotal, uploadedRecords, uploadedBytes *prometheus.CounterVec

	mu            sync.Mutex
	maxNamespaces int
	labels        map[string]string // namespace -> its label
	others        bool              // there are more than have labels
}

// otherNamespaces is the label of the namespaces beyond the maximum.
const otherNamespaces = "other"

// Label returns the value that stands for a namespace in metrics: its name, or
// "other" for those beyond the bound.
func (m *namespaceMetrics) Label(namespace string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if l, ok := m.labels[namespace]; ok {
		return l
	}
	l := namespace
	if len(m.labels) < m.maxNamespaces {
		m.labels[namespace] = namespace
	} else {
		if l = otherNamespaces; m.others {
			return l
		}
		m.others = true
	}
	for _, r := range batcher.Reasons() {
		m.flushedTotal.WithLabelValues(l, r.String())
	}
	return l
}
