package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestHappyPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 8)
	b := w.start()
	const records = 40_000
	w.produce(load{records: records, namespaces: 20})
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("no record lags", func() bool { return b.metric("kafka_lag_records") == 0 })
	for name, want := range map[string]float64{
		"records_consumed_total": records,
		"records_uploaded_total": records,
		"assigned_partitions":    8,
		"buffered_bytes":         0,
	} {
		if got := b.metric(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	b.stop()
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
