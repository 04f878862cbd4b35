package e2e

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// takes finds the buffer that would take a held batch in what pins its partition.
var takes = regexp.MustCompile(`BRIDGE_BUFFER_MAX_BYTES=(?:at least )?([0-9]+MiB)`)

// A batch of Kafka that the memory budget has no room for is held: what lies
// around it is stored, and a restart with the buffer that /status names imports
// all of its records once, and nothing else again.
func TestLargeBatch_largerThanTheBudget(t *testing.T) {
	for name, codec := range map[string]kgo.CompressionCodec{
		"uncompressed": kgo.NoCompression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const budget, size, records = 16 << 20, 10 << 10, 2000
			w := newWorld(t, 2)
			w.env["BRIDGE_BUFFER_MAX_BYTES"] = fmt.Sprint(budget)
			w.produce(load{records: 100})
			producer := w.client(kgo.ProducerBatchCompression(codec), kgo.ProducerBatchMaxBytes(60<<20), kgo.BrokerMaxWriteBytes(90<<20), kgo.ProducerLinger(10*time.Second))
			ids := w.produceWith(producer, load{records: records, topic: w.topic, partitions: 1, edit: func(_ int, r *kgo.Record, want *truth.Record) {
				r.Value = pad(r.Value, size)
				want.Line, want.Fate = r.Value, truth.Held
			}})
			producer.Close()
			w.produce(load{records: 100})
			b := w.start()
			w.waitStored()
			buffer := ""
			w.eventually("the batch is held, and the other partition committed", func() bool {
				p := b.status().pin(w.topic, 0)
				if found := takes.FindStringSubmatch(p); found != nil {
					buffer = found[1]
				}
				return buffer != "" && w.truth.Committed(w.topic, 0) == 50 && w.truth.Committed(w.topic, 1) == 100
			})
			if n := b.metric("records_rejected_total", `reason="too_large"`); n != records {
				t.Errorf("%v records are counted as too large, want %d", n, records)
			}
			peak := b.peakMemory()
			t.Logf("%d MiB were resident at most; %s takes the batch", peak>>20, buffer)
			if peak > budget+64<<20 {
				t.Errorf("%d MiB were resident, with a budget of %d MiB", peak>>20, budget>>20)
			}
			b.stop()
			for _, id := range ids {
				w.truth.Decide(id, truth.Stored, time.Now())
			}
			b = w.start(environment{"BRIDGE_BUFFER_MAX_BYTES": buffer})
			w.settle(b)
			w.judge()
		})
	}
}
