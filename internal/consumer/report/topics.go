package report

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/record"
)

// topicMetrics are the counters with the label topic.
type topicMetrics struct {
	consumedTotal, skippedTotal, rejectedTotal *prometheus.CounterVec
	lettersTotal, offsetResets, lostTotal      *prometheus.CounterVec

	mu     sync.Mutex
	topics map[string]bool // with series
}

// Subscribed exports the reasons of the topics at zero, and ends the series of all
// others: those that a regular expression has matched may come and go for ever.
func (m *topicMetrics) Subscribed(topics []string) {
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
		for _, vec := range m.byTopic() {
			vec.DeletePartialMatch(prometheus.Labels{"topic": topic})
		}
	}
}

// byTopic are the metrics with the label topic.
func (m *topicMetrics) byTopic() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.consumedTotal, m.skippedTotal, m.rejectedTotal, m.lettersTotal, m.offsetResets, m.lostTotal}
}

// topic exports the reasons of a topic at zero.
func (m *topicMetrics) topic(topic string) {
	m.consumedTotal.WithLabelValues(topic)
	m.lostTotal.WithLabelValues(topic)
	for _, r := range []string{"tombstone", "already_imported", "operator", "invalid"} {
		m.skippedTotal.WithLabelValues(topic, r)
	}
	for _, r := range record.Reasons() {
		if r != record.Tombstone {
			m.rejectedTotal.WithLabelValues(topic, r.String())
		}
		m.lettersTotal.WithLabelValues(topic, r.String())
	}
	m.rejectedTotal.WithLabelValues(topic, "refused")
	m.lettersTotal.WithLabelValues(topic, "refused")
	for _, r := range []string{"below_log_start", "beyond_end", "recreated"} {
		m.offsetResets.WithLabelValues(topic, r)
	}
}

func (m *topicMetrics) Skipped(topic, reason string) prometheus.Counter {
	return m.skippedTotal.WithLabelValues(topic, reason)
}

func (m *topicMetrics) Rejected(topic, reason string) prometheus.Counter {
	return m.rejectedTotal.WithLabelValues(topic, reason)
}

// RefusedLines counts lines of a refused batch.
func (m *topicMetrics) RefusedLines(topic string, n int) {
	m.rejectedTotal.WithLabelValues(topic, "refused").Add(float64(n))
}

func (m *topicMetrics) DeadLetters(topic, reason string) prometheus.Counter {
	return m.lettersTotal.WithLabelValues(topic, reason)
}

// OffsetReset counts a partition whose position was not in the log.
func (m *topicMetrics) OffsetReset(topic, reason string) {
	m.offsetResets.WithLabelValues(topic, reason).Inc()
}

// Lost counts records that Kafka removed before they were imported.
func (m *topicMetrics) Lost(topic string) prometheus.Counter {
	return m.lostTotal.WithLabelValues(topic)
}
