package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// What is stored, committed, measured and logged is the same everywhere.
func TestHappyPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 8)
	b := w.start()
	const records = 40_000
	namespaces := make([]string, records)
	w.produce(load{records: records, namespaces: 20, edit: func(i int, _ *kgo.Record, want *truthRecord) { namespaces[i] = want.Namespaces[0] }})
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("no record lags", func() bool { return b.metric("kafka_lag_records") == 0 })
	objects, size := w.objects()
	b.expect(map[string]float64{
		"records_consumed_total": records, "records_uploaded_total": records, "bytes_uploaded_total": size,
		"batches_flushed_total":                               objects,
		`import_requests_total operation="upload" code="200"`: objects, `import_requests_total operation="create" code="200"`: objects,
		"batch_records_count": objects, "batch_records_sum": records, "batch_bytes_count": objects, "batch_bytes_sum": size,
		`import_duration_seconds_count operation="upload"`: objects, "record_delivery_seconds_count": objects,
		"kafka_committed_offset": records, "kafka_log_start_offset": 0, "kafka_lag_seconds": 0, "kafka_unread_records": 0,
		"group_member": 1, "assigned_partitions": 8, "buffered_bytes": 0, "buffer_limit_bytes": 256 << 20, "open_batches": 0,
		"uploads_in_flight": 0, "batches_waiting": 0, "oldest_unflushed_record_age_seconds": 0, "upload_concurrency_limit": 16,
		"build_info": 1, "log_lines_dropped_total": 0,
	})
	if ago := time.Since(time.Unix(int64(b.metric("last_successful_import_timestamp_seconds")), 0)); ago < 0 || ago > patience {
		t.Errorf("the last import is told as %s ago", ago)
	}
	b.stop()
	w.reconcile(b, namespaces)
	w.judge()
}

// One record alone on an idle topic is imported by the clock.
func TestIdleTopic_flushesByAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	b := w.start()
	w.produce(load{records: 1})
	w.settle(b)
	w.judge()
}

func TestEveryCodec(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	b := w.start()
	for _, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		w.produce(load{records: 3000, codec: codec})
	}
	w.settle(b)
	w.judge()
}

// A bound is met exactly by a line that just fits, and never passed.
func TestBounds_lineThatJustFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	b := w.start()
	w.produce(load{records: 400, edit: func(i int, r *kgo.Record, want *truthRecord) {
		if i%40 == 7 {
			r.Value = pad(r.Value, batchMaxBytes-len("\n"))
			want.Line = r.Value
		}
	}})
	w.settle(b)
	w.judge()
}
