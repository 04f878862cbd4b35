package decode

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics count what the registry is asked.
type Metrics struct {
	requests *prometheus.CounterVec
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
	m := &Metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "bridge_schema_requests_total",
		Help: "Schemas that the schema registry was asked for, by what came of it.",
	}, []string{"result"})}
	for _, result := range []string{resultOK, resultNotFound, resultRefused, resultError} {
		m.requests.WithLabelValues(result)
	}
	if reg != nil {
		reg.MustRegister(m.requests)
	}
	return m
}

// asked counts one question.
func (m *Metrics) asked(err error) {
	result := resultError
	switch {
	case err == nil:
		result = resultOK
	case errors.Is(err, context.Canceled):
		return // the process stops
	case errors.Is(err, ErrNotFound):
		result = resultNotFound
	case errors.Is(err, ErrRefused):
		result = resultRefused
	}
	m.requests.WithLabelValues(result).Inc()
}
