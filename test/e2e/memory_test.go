package e2e

import (
	"fmt"
	"testing"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// Memory stays what the budget says, whatever the number of partitions and
// namespaces. The 100,000 namespaces are all open at once: their batches are not
// due, and more of them than the budget holds are closed early. It has a broker
// and the machine to itself: to make 1,000 partitions keeps a broker from
// everything else for longer than other tests' members may be silent.
func TestMemory_manyPartitionsAndNamespaces(t *testing.T) {
	kafka := kafkatest.New(t, kafkatest.Options{})
	for _, tc := range []struct {
		name                            string
		partitions, namespaces, records int
		budget                          int
	}{
		{"partitions", 1000, 20, 50_000, 48 << 20},
		{"namespaces", 4, 100_000, 100_000, 128 << 20},
		{"namespaces in partitions", 64, 20_011, 500_000, 96 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorldOn(t, kafka, tc.partitions)
			w.env["BRIDGE_BUFFER_MAX_BYTES"], w.env["BRIDGE_BATCH_MAX_AGE"] = fmt.Sprint(tc.budget), "1h"
			w.produce(load{records: tc.records, namespace: func(i int) string { return fmt.Sprintf("ns-%06d", i%tc.namespaces) }})
			b := w.start()
			w.eventually("all is read", func() bool { return b.metric("records_consumed_total") == float64(tc.records) })
			if used := b.metric("buffered_bytes"); used > float64(tc.budget) {
				t.Errorf("%.0f bytes are buffered, more than %d", used, tc.budget)
			}
			peak := b.peakMemory()
			t.Logf("%d MiB were resident at most, %.0f batches are open", peak>>20, b.metric("open_batches"))
			if peak > tc.budget+64<<20 {
				t.Errorf("%d MiB were resident, with a budget of %d MiB", peak>>20, tc.budget>>20)
			}
			b.kill()
			w.judge(truth.Lost) // what is not stored yet: no commit passes it
		})
	}
}
