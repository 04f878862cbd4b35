package session

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
)

// wantRefused compares records_rejected_total of the reason refused.
func (r *sessionRig) wantRefused(want float64) {
	r.t.Helper()
	if got := testutil.ToFloat64(r.Metrics.Rejected.WithLabelValues("orders", "refused")); got != want {
		r.t.Errorf("%v lines are counted as refused, want %v", got, want)
	}
}

// TestSession_aRefusedLineIsCountedOnceForEachHold: the store refuses the body
// of each batch that a probe brings.
func TestSession_aRefusedLineIsCountedOnceForEachHold(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		refuses := func(i *fakeImport) Outcome {
			if i.namespace == "bad" {
				return refusal
			}
			return accepted
		}
		r.api.put = refuses
		r.feed(0, runOf("bad", 0, 3)...)
		r.after(age)
		r.wantRefused(4)
		r.feed(0, runOf("bad", 4, 29)...) // leave memory
		r.wantRefused(4)
		r.after(3*r.Config.HoldProbeInterval + age)
		puts := r.api.puts["bad"]
		if puts < 3 {
			t.Fatalf("%d batches are tried, want one a probe", puts)
		}
		r.wantRefused(10) // batches of ten lines have taken the place of the first one
		r.after(3 * r.Config.HoldProbeInterval)
		if r.api.puts["bad"] <= puts {
			t.Fatal("no further probe")
		}
		r.wantRefused(10)
		// A hold that ends, and another one.
		r.api.put = nil
		r.after(2 * r.Config.HoldProbeInterval)
		r.watermark(0, 30)
		r.api.put = refuses
		r.feed(0, runOf("bad", 30, 32)...)
		r.after(age + 2*r.Config.HoldProbeInterval)
		r.wantRefused(13)
	})
}

// TestSession_batchesRefusedSideBySideAreAllCounted, though the namespace is held
// when the second one's refusal arrives, and though an earlier one is only
// refused when it is read back.
func TestSession_batchesRefusedSideBySideAreAllCounted(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		first := true
		r.api.put = func(i *fakeImport) Outcome {
			if i.ids()[0] == "0" && first {
				first = false
				return overloaded
			}
			return refusal
		}
		r.feed(0, runOf("bad", 0, 29)...)
		r.after(time.Second)
		r.wantRefused(20)
		r.after(3 * r.Config.HoldProbeInterval)
		r.wantRefused(30)
	}, func(c *process.Config) { c.NamespaceConcurrency = 3 })
}

// TestSession_aRefusedLineIsNotCountedAgainByTheNextGeneration of its process.
func TestSession_aRefusedLineIsNotCountedAgainByTheNextGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newSessionRig(t, nil)
		first.api.put = func(*fakeImport) Outcome { return refusal }
		first.feed(0, runOf("bad", 0, 9)...)
		first.after(time.Second)
		first.wantRefused(10)
		committed := map[kafka.TopicPartition]kafka.CommitOffset{{Topic: "orders", Partition: 0}: first.commits.CommitOf(first.part(0))}
		first.giveUp()
		first.Pacer.Reset()

		r := newSessionRig(t, committed)
		r.Pacer, r.api.put = first.Pacer, first.api.put
		r.feed(0, runOf("bad", 0, 9)...)
		r.after(2*r.Config.HoldProbeInterval + age)
		if r.api.puts["bad"] == 0 {
			t.Fatal("no probe")
		}
		r.wantRefused(0)
	})
}

func TestSession_batchesOfDeadLettersAreCountedEach(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 0, 29)...)
		r.after(time.Minute)
		r.wantRefused(30)
	}, func(c *process.Config) { c.OnRejected = record.DeadLetter })
}
