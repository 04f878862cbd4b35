package report

import (
	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/record"
)

// Subscribed exports the reasons of the topics at zero, and ends the series of all
// others: those that a regular expression has matched may come and go for ever.
func (m *Metrics) Subscribed(topics []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := m.topics
	m.topics = make(map[string]bool, len(topics))
	for _, topic := range topics {
		m.topics[topic] = true
		delete(gone, topic)
		m.topic(topic)
	}
	for topic := range gone {
		for _, vec := range []*prometheus.CounterVec{m.consumed, m.Skipped, m.Rejected, m.DeadLetters, m.OffsetResets, m.Lost} {
			vec.DeletePartialMatch(prometheus.Labels{"topic": topic})
		}
	}
}

// topic exports the reasons of a topic at zero.
func (m *ByTopic) topic(topic string) {
	m.consumed.WithLabelValues(topic)
	m.Lost.WithLabelValues(topic)
	for _, r := range []string{"tombstone", "already_imported", "operator", "invalid", "receipt"} {
		m.Skipped.WithLabelValues(topic, r)
	}
	for _, r := range record.Reasons() {
		if r.Invalid() {
			m.Rejected.WithLabelValues(topic, r.String())
		}
		if r.Policy(record.DeadLetter, record.DeadLetter) == record.DeadLetter {
			m.DeadLetters.WithLabelValues(topic, r.String())
		}
	}
	m.Rejected.WithLabelValues(topic, "refused")
	m.DeadLetters.WithLabelValues(topic, "refused")
	for _, r := range []string{"below_log_start", "beyond_end", "recreated"} {
		m.OffsetResets.WithLabelValues(topic, r)
	}
}

// otherNamespaces is the label of the namespaces beyond the maximum.
const otherNamespaces = "other"

// Label returns the value that stands for a namespace in metrics: its name, or
// "other" for those beyond the bound.
func (m *Metrics) Label(namespace string) string {
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
		m.flushed.WithLabelValues(l, r.String())
	}
	return l
}
