package e2e

import (
	"net/http"
	"testing"

	"kafka-import-bridge/internal/sandbox"
)

// While the API takes nothing, memory fills and nothing more is fetched: the lag
// that is told goes on growing all the same, or no alert and no autoscaler would
// know.
func TestLag_isTrueWhileMemoryIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_BUFFER_MAX_BYTES"] = "2MiB"
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Status: http.StatusServiceUnavailable})
	w.produce(load{records: 20_000})
	b := w.start()
	w.eventually("memory is full", func() bool { return b.metric("fetch_paused_seconds_total", `reason="memory"`) > 0.5 })
	w.produce(load{records: 5_000})
	w.eventually("the lag is what Kafka says", func() bool { return b.metric("kafka_lag_records") == 25_000 })
	if unread, next := b.metric("kafka_unread_records"), b.metric("records_consumed_total"); unread != 25_000-next {
		t.Errorf("%v records are unread and %v were read, of 25000", unread, next)
	}
	w.api.ClearFaults()
	w.settle(b)
	w.judge()
}
