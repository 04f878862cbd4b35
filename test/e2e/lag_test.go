package e2e

import (
	"net/http"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
	"kafka-import-bridge/test/truth"
)

// While the API takes nothing, memory fills and nothing more is fetched: the lag
// that is told goes on growing all the same, or no alert and no autoscaler would
// know.
func TestLag_isTrueWhileMemoryIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_BUFFER_MAX_BYTES"] = "16MiB"
	w.api.Inject(sandbox.Fault{Operation: sandbox.OperationCreate, Status: http.StatusServiceUnavailable})
	client := w.client(kgo.ProducerBatchMaxBytes(1 << 20)) // a buffer of 16 MiB takes no batches above 4
	w.produceWith(client, load{records: 20_000, edit: func(_ int, r *kgo.Record, want *truth.Record) {
		r.Value = pad(r.Value, 2000)
		want.Line = r.Value
	}})
	client.Close()
	b := w.start()
	w.eventually("memory is full", func() bool { return b.metric("fetch_paused_seconds_total", `reason="memory"`) > 0.5 })
	w.produce(load{records: 5_000})
	w.eventually("the lag is what Kafka says", func() bool { return b.metric("kafka_lag_records") == 25_000 })
	w.eventually("each record is unread or was read", func() bool {
		return b.metric("kafka_unread_records")+b.metric("records_consumed_total") == 25_000
	})
	w.api.ClearFaults()
	w.settle(b)
	w.judge()
}
