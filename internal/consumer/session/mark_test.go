package session

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// TestMark_chargesWhatItCosts: very many namespaces that are held in very many
// partitions hold no lines, and memory all the same.
func TestMark_chargesWhatItCosts(t *testing.T) {
	for _, c := range []struct{ namespaces, partitions int }{{50_000, 1}, {10_000, 8}, {2_000, 64}} {
		t.Run(fmt.Sprintf("%d namespaces in %d partitions", c.namespaces, c.partitions), func(t *testing.T) {
			cfg := testConfig(t)
			s := stack(&assignment.Generation{Process: &process.Process{Config: &cfg, Log: slog.New(slog.DiscardHandler), Pacer: pace.New(4, 1)}}, nil)
			s.Budget = budget.New(1<<40, budget.Sources{Reading: func() int64 { return 0 }, Batches: func() int64 { return 0 }})
			now := time.Now()
			before := heapInUse()
			for i := range c.partitions {
				p := &assignment.Partition{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: int32(i)}, Ledger: ledger.New(0, ledger.Frontier{}), Commits: &commits.Schedule{}}
				for k := range c.namespaces {
					n := s.namespace(fmt.Sprintf("namespace-%d", k))
					if i == 0 {
						n.Refuse(now, "create_422", time.Minute, errors.New("unprocessable"))
						s.Pacer.Enqueue(n.Namespace, now)
					}
					s.dropFrom(n, p, int64(k), 0, now)
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

// TestMarks_whereTheyDoNotFitThePartitionPauses: the others go on, and it goes on
// once namespaces are taken again.
func TestMarks_whereTheyDoNotFitThePartitionPauses(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		good := func(ns string) Outcome {
			if ns == "good" {
				return accepted
			}
			return refusal
		}
		r.api.create = good
		most := int(r.Budget.Ceiling(budget.Marks)/(markBytes+markedNamespace)) + 10
		// Each is refused once, before more of it is read.
		for i := range most {
			r.feed(0, recordbatch.InNS(int64(i), fmt.Sprint("n", i)))
		}
		r.after(age)
		for i := range most {
			r.feed(1, recordbatch.InNS(int64(i), fmt.Sprint("n", i)))
		}
		r.settleDown()
		p := r.part(1)
		if held, most := r.Budget.Held(budget.Marks), r.Budget.Ceiling(budget.Marks)*12/10; held > most || !p.Paused || p.Awaits != assignment.AwaitsMarks {
			t.Fatalf("%d bytes of marks, want at most %d; partition 1 paused: %t", held, most, p.Paused)
		}
		if st := r.status().Partitions[1]; st.Error == nil || *st.Error != p.PauseReason() {
			t.Errorf("the status says %v", st.Error)
		}
		r.feed(0, recordbatch.InNS(int64(most), "good"))
		r.after(age)
		r.stored("good", int64(most))
		r.api.create = nil
		r.after(3 * r.Config.HoldProbeInterval)
		if p.Paused || r.Budget.Held(budget.Marks) != 0 {
			t.Errorf("partition 1 is paused: %t; %d bytes of marks are charged", p.Paused, r.Budget.Held(budget.Marks))
		}
	}, func(c *process.Config) { c.BufferMaxBytes = 1 << 20 })
}
