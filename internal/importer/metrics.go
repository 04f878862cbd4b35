package importer

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// codeError is the code of a request without a usable answer.
const codeError = "error"

type metrics struct {
	requests *prometheus.CounterVec
	retries  *prometheus.CounterVec
	duration *prometheus.HistogramVec
	avoided  *prometheus.CounterVec
	unused   prometheus.Counter
}

// How a repeat was avoided, also the metric's label. A closed set.
const (
	byAsking    = "asked"
	byCondition = "conditional"
)

// newMetrics makes the metrics and registers them with reg unless it is nil.
func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	m := &metrics{
		requests: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_import_requests_total",
			Help: "Requests to the import API (create, ask, follow) and its store (upload), by the answer's status or error.",
		}, []string{"operation", "code"}),
		retries: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_import_retries_total",
			Help: "Attempts that have to be repeated, by the reason.",
		}, []string{"operation", "reason"}),
		duration: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "bridge_import_duration_seconds",
			Help:                            "Time from a request's start to its answer or failure.",
			Buckets:                         []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: time.Hour,
		}, []string{"operation"}),
		avoided: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "bridge_import_repeats_avoided_total",
			Help: "Imports whose upload got no answer and that were found stored: by the API when asked, or by the store on a conditional repeat.",
		}, []string{"how"}),
		unused: auto.NewCounter(prometheus.CounterOpts{
			Name: "bridge_import_urls_unused_total",
			Help: "Upload URLs that were asked for and to which nothing was sent, since their batch or probe was given up first.",
		}),
	}
	m.zero()
	return m
}

// zero exports the series that are known beforehand.
func (m *metrics) zero() {
	for _, operation := range []string{OperationCreate, OperationUpload, OperationAsk, OperationFollow} {
		for _, code := range []string{"200", codeError} {
			m.requests.WithLabelValues(operation, code)
		}
		for _, reason := range []string{ReasonThrottled, ReasonServerError, ReasonNetwork, ReasonTimeout, ReasonUnauthorised, ReasonExpired, ReasonMalformed} {
			m.retries.WithLabelValues(operation, reason)
		}
		m.duration.WithLabelValues(operation)
	}
	for _, how := range []string{byAsking, byCondition} {
		m.avoided.WithLabelValues(how)
	}
}

// retry counts an attempt that has to be repeated; "" is no reason.
func (m *metrics) retry(operation, reason string) {
	if reason != "" {
		m.retries.WithLabelValues(operation, reason).Inc()
	}
}

// request counts one request; status 0 means that there was no answer.
// Statuses that HTTP does not define count as errors: the label stays bounded.
func (m *metrics) request(operation string, status int, took time.Duration) {
	code := codeError
	if status >= 100 && status <= 599 {
		code = strconv.Itoa(status)
	}
	m.requests.WithLabelValues(operation, code).Inc()
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}
