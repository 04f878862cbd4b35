package decode

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what the registry is asked.
type Metrics struct {
	requests    *prometheus.CounterVec
	unavailable prometheus.Gauge
	// Refused is called with whether the registry refuses the credentials, if it is set.
	Refused func(bool)
}

// The results of asking the registry for a schema.
const (
	resultOK       = "ok"
	resultNotFound = "not_found"
	resultRefused  = "refused"
	resultError    = "error"
)

// NewMetrics registers the metrics; a nil registerer leaves them unregistered.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	m := &Metrics{requests: auto.NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_schema_requests_total",
		Help: "Schemas that the schema registry was asked for, by what came of it.",
	}, []string{"result"}), unavailable: auto.NewGauge(prometheus.GaugeOpts{
		Name: "bridge_schema_registry_unavailable",
		Help: "1 while the schema registry does not answer, or refuses the credentials: partitions that need a schema wait.",
	}), Refused: func(bool) {}}
	for _, result := range []string{resultOK, resultNotFound, resultRefused, resultError} {
		m.requests.WithLabelValues(result)
	}
	return m
}

// asked counts one question by its answer, and reports what it means for the registry.
func (m *Metrics) asked(err error) {
	if errors.Is(err, context.Canceled) {
		return // the process stops
	}
	result := resultError
	switch {
	case err == nil:
		result = resultOK
	case errors.Is(err, ErrNotFound):
		result = resultNotFound
	case errors.Is(err, ErrRefused):
		result = resultRefused
	}
	m.unavailable.Set(map[string]float64{resultRefused: 1, resultError: 1}[result])
	m.Refused(result == resultRefused)
	m.requests.WithLabelValues(result).Inc()
}
