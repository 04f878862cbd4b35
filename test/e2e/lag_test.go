package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// While the API answers nothing, memory fills and nothing more is fetched: the lag
// that is told goes on growing all the same, or no alert and no autoscaler would
// know.
func TestLag_isTrueWhileMemoryIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_BUFFER_MAX_BYTES"], w.env["BRIDGE_IMPORT_TIMEOUT"] = "16MiB", "5m"
	kept := newBarrier(t)
	w.setHook(atCreate(kept))
	client := w.client(kgo.ProducerBatchMaxBytes(1 << 20)) // a buffer of 16 MiB takes no batches above 4
	w.produceWith(client, load{records: 20_000, edit: func(_ int, r *kgo.Record, want *truth.Record) {
		r.Value = pad(r.Value, 2000)
		want.Line = r.Value
	}})
	client.Close()
	produced := time.Now()
	b := w.start()
	w.eventually("memory is full", func() bool { return b.metric("fetch_paused_seconds_total", `reason="memory"`) > 0.5 })
	w.produce(load{records: 5_000})
	w.eventually("the lag is what Kafka says", func() bool { return b.metric("kafka_lag_records") == 25_000 })
	b.expect(map[string]float64{"kafka_unread_records": 25_000 - b.metric("records_consumed_total")})
	oldest := 2 * (time.Since(produced) - time.Second).Seconds() // of two partitions
	w.eventually("the lag in seconds and what waits are told", func() bool {
		return b.metric("kafka_lag_seconds") >= oldest && b.metric("batches_waiting") > 0 && b.metric("oldest_unflushed_record_age_seconds") > 0
	})
	w.eventually("/status says of both partitions where they are and what pins them", func() bool {
		s := b.status()
		for _, p := range s.Partitions {
			pin := p.PinnedBy
			pinned := pin != nil && pin.Kind == "batch" && pin.Offset == 0 && pin.Namespace != "" && pin.Since.After(produced)
			if p.Committed != 0 || p.End != 12_500 || p.Lag != 12_500 || p.Next == p.End || p.Next > 0 && !pinned {
				return false
			}
		}
		return len(s.Partitions) == 2 && s.Buffer.Limit == 16<<20 && s.Buffer.Bytes <= s.Buffer.Limit && s.Buffer.Bytes > s.Buffer.Limit/2
	})
	kept.open()
	w.settle(b)
	w.judge()
}
