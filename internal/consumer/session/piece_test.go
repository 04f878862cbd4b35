package session

import (
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
)

// TestPiece_chargesWhatItCosts: where batches hold a few short lines of each of many
// partitions, it is not the lines that take the memory.
func TestPiece_chargesWhatItCosts(t *testing.T) {
	for _, c := range []struct{ namespaces, partitions int }{{50_000, 1}, {10_000, 8}, {2_000, 64}} {
		t.Run(fmt.Sprintf("%d namespaces in %d partitions", c.namespaces, c.partitions), func(t *testing.T) {
			pool := batcher.NewPool()
			s := stack(&assignment.Generation{Process: &process.Process{Config: &process.Config{}, Log: slog.New(slog.DiscardHandler)}},
				batcher.New(batcher.Limits{MaxBytes: 8 << 20, MaxRecords: 50_000, MaxAge: time.Hour}, pool))
			before := heapInUse()
			for i := range c.partitions {
				p := &assignment.Partition{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, Ledger: ledger.New(0, ledger.Frontier{}), Commits: &commits.Schedule{}}
				for n := range c.namespaces {
					s.add(fmt.Sprintf("namespace-%d", n), p, &fetch.Line{Offset: int64(n), Bytes: []byte(`{"id":"a"}`)}, 0, time.UnixMilli(0))
					p.Ledger.Advance(int64(n) + 1)
				}
			}
			grown, charged := heapInUse()-before, pool.InUse()
			t.Logf("heap grew by %d MiB, charged %d MiB", grown>>20, charged>>20)
			if grown > charged || grown < charged*7/10 {
				t.Errorf("heap grew by %d, charged %d", grown, charged)
			}
			runtime.KeepAlive(s)
		})
	}
}

// heapInUse is the bytes of reachable objects.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what pools of earlier tests held
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
