package e2e

import (
	"fmt"
	"testing"

	"kafka-import-bridge/test/truth"
)

// Memory stays what the budget says, whatever the number of partitions and
// namespaces. The 100,000 namespaces are all open at once: their batches are not
// due, and more of them than the budget holds are closed early.
func TestMemory_manyPartitionsAndNamespaces(t *testing.T) {
	for name, tc := range map[string]struct{ partitions, namespaces, records int }{
		"partitions": {1000, 20, 50_000},
		"namespaces": {4, 100_000, 100_000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const budget = 48 << 20
			w := newWorld(t, tc.partitions)
			w.env["BRIDGE_BUFFER_MAX_BYTES"], w.env["BRIDGE_BATCH_MAX_AGE"] = fmt.Sprint(budget), "1h"
			w.produce(load{records: tc.records, namespace: func(i int) string { return fmt.Sprintf("ns-%06d", i%tc.namespaces) }})
			b := w.start()
			w.eventually("all is read", func() bool { return b.metric("records_consumed_total") == float64(tc.records) })
			if used := b.metric("buffered_bytes"); used > budget {
				t.Errorf("%.0f bytes are buffered, more than %d", used, budget)
			}
			peak := b.peakMemory()
			t.Logf("%d MiB were resident at most, %.0f batches are open", peak>>20, b.metric("open_batches"))
			if peak > budget+64<<20 {
				t.Errorf("%d MiB were resident, with a budget of %d MiB", peak>>20, budget>>20)
			}
			b.kill()
			w.judge(truth.Lost) // what is not stored yet: no commit passes it
		})
	}
}
