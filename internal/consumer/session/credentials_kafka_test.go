package session

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
)

// The metric says that the brokers refuse the credentials until they take them:
// what else goes wrong meanwhile changes nothing.
func TestResources_noteCredentials(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want [2]float64 // when it was 0, when it was 1
	}{
		{"an answer", nil, [2]float64{0, 0}},
		{"a refusal", kafka.CodeAuthenticationFailed, [2]float64{1, 1}},
		{"the network", errors.New("connection refused"), [2]float64{0, 1}},
		{"another answer", kafka.CodeNotCoordinator, [2]float64{0, 1}},
	} {
		for before, want := range tc.want {
			reg := prometheus.NewPedanticRegistry()
			r := &process.Process{Dependencies: process.Dependencies{Metrics: report.NewMetrics(reg, 10)}}
			r.Metrics.Refused("kafka", before == 1)
			r.NoteCredentials(tc.err)
			if got := metricOf(t, reg, "bridge_credentials_refused", "kafka"); got != want {
				t.Errorf("%s: %v after %d, want %v", tc.name, got, before, want)
			}
		}
	}
}
