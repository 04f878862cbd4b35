package imports

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// TestMark_chargesWhatItCosts: very many namespaces that are held in very many
// partitions hold no lines, and memory all the same.
func TestMark_chargesWhatItCosts(t *testing.T) {
	for _, c := range []struct{ namespaces, partitions int }{{50_000, 1}, {10_000, 8}, {2_000, 64}} {
		t.Run(fmt.Sprintf("%d namespaces in %d partitions", c.namespaces, c.partitions), func(t *testing.T) {
			cfg := process.Config{Uploads: process.Uploads{NamespaceConcurrency: 1}}
			s := New(assignment.New(&assignment.Generation{Process: &process.Process{Config: &cfg, Dependencies: process.Dependencies{Log: slog.New(slog.DiscardHandler)}, Pacer: pace.New(4, 1)}}),
				batcher.New(batcher.Limits{}, batcher.NewPool())).Lines
			s.Budget = budget.New(1<<40, budget.Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }})
			now := time.Now()
			before := heapInUse()
			for i := range c.partitions {
				p := assignment.NewPartition(kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, wire.UUID{}, &assignment.Schedule{})
				p.Ledger = ledger.New(0, ledger.Frontier{})
				for k := range c.namespaces {
					n := s.Namespace(fmt.Sprintf("namespace-%d", k))
					if i == 0 {
						n.Refuse(now, "create_422", time.Minute, errors.New("unprocessable"))
					}
					s.DropFrom(n, p, int64(k), 0, now)
					p.Ledger.Advance(int64(k) + 1)
				}
			}
			grown, charged := heapInUse()-before, s.Budget.Held(budget.Marks)
			t.Logf("heap grew by %d MiB, charged %d MiB", grown>>20, charged>>20)
			if grown > charged || grown < charged*6/10 {
				t.Errorf("heap grew by %d, charged %d", grown, charged)
			}
			runtime.KeepAlive(s)
		})
	}
}

// TestPiece_chargesWhatItCosts: where batches hold a few short lines of each of many
// partitions, it is not the lines that take the memory.
func TestPiece_chargesWhatItCosts(t *testing.T) {
	for _, c := range []struct{ namespaces, partitions int }{{50_000, 1}, {10_000, 8}, {2_000, 64}} {
		t.Run(fmt.Sprintf("%d namespaces in %d partitions", c.namespaces, c.partitions), func(t *testing.T) {
			pool := batcher.NewPool()
			s := New(assignment.New(&assignment.Generation{Process: &process.Process{Config: &process.Config{}, Dependencies: process.Dependencies{Log: slog.New(slog.DiscardHandler)}}}),
				batcher.New(batcher.Limits{MaxBytes: 8 << 20, MaxRecords: 50_000, MaxAge: time.Hour}, pool)).Lines
			before := heapInUse()
			for i := range c.partitions {
				p := assignment.NewPartition(kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, wire.UUID{}, &assignment.Schedule{})
				p.Ledger = ledger.New(0, ledger.Frontier{})
				for n := range c.namespaces {
					s.Add(fmt.Sprintf("namespace-%d", n), p, &fetch.Line{Offset: int64(n), Bytes: []byte(`{"id":"a"}`)}, 0, time.UnixMilli(0))
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
