package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// A batch of Kafka that is larger than the memory budget is read as a stream: all
// of its records are stored once and in order, those around it are too, and the
// memory stays what the budget says.
func TestLargeBatch_largerThanTheBudget(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"uncompressed": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const budget, size, records = 8 << 20, 10 << 10, 2000
			w := newWorld(t, 2)
			w.env["BRIDGE_BUFFER_MAX_BYTES"] = fmt.Sprint(budget)
			w.produce(load{records: 100})
			producer := w.client(kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(60<<20), kgo.BrokerMaxWriteBytes(90<<20), kgo.ProducerLinger(10*time.Second))
			w.produceWith(producer, load{records: records, topic: w.topic, partitions: 1, edit: func(_ int, r *kgo.Record, want *truth.Record) {
				r.Value = pad(r.Value, size)
				want.Line = r.Value
			}})
			producer.Close()
			w.produce(load{records: 100})
			b := w.start()
			w.waitStored()
			w.waitCommitted(w.topic)
			if !b.says("read as a stream") {
				t.Error("the batch was not read as a stream: it may have been several")
			}
			peak := b.peakMemory()
			t.Logf("%d MiB were resident at most", peak>>20)
			if peak > budget+64<<20 {
				t.Errorf("%d MiB were resident, with a budget of %d MiB", peak>>20, budget>>20)
			}
			b.stop()
			w.judge()
		})
	}
}
