package session

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// remove makes the log of a partition begin at start, as a fetch or a survey tells.
func (r *sessionRig) remove(partition int32, start int64) {
	r.part(partition).Cursor.LogStart.Store(start)
	tp := kafka.TopicPartition{Topic: "orders", Partition: partition}
	r.logs[tp] = slices.DeleteFunc(r.logs[tp], func(rec recordbatch.Record) bool { return rec.Offset < start })
}

// What the retention removes of held records, of a held range and of a held
// namespace is lost, told, counted, and waited for no longer.
func TestSession_heldThingsThatAreRemoved(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, poison(0, 1)...)
		r.feed(1, runOf("bad", 0, 9)...)
		r.feed(0, runOf("good", 2, 9)...)
		r.oversize(0, 10, 29, 20)
		r.feed(0, append(poison(30, 30), runOf("good", 31, 39)...)...)
		p := r.part(0)
		lost := func() float64 { return testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")) }
		for _, step := range []struct {
			start, watermark int64
			lost             float64
			reason           string
		}{
			{1, 1, 1, "why is in the log of when it was read; bridge check -sample reads it again"},
			{5, 10, 2, "the Kafka batch at offsets 10 to 29 with 20 records has 70MiB; it takes BRIDGE_BUFFER_MAX_BYTES=280MiB"},
			{15, 15, 7, "the Kafka batch at offsets 10 to 29 with 20 records has 70MiB; it takes BRIDGE_BUFFER_MAX_BYTES=280MiB"},
			{29, 29, 21, "the Kafka batch at offsets 10 to 29 with 20 records has 70MiB; it takes BRIDGE_BUFFER_MAX_BYTES=280MiB"},
			{30, 30, 22, "why is in the log of when it was read; bridge check -sample reads it again"},
			{31, 40, 23, ""},
		} {
			r.remove(0, step.start)
			r.after(age)
			if got := p.Ledger.Watermark(); got != step.watermark || lost() != step.lost {
				t.Errorf("the log begins at %d: watermark %d with %v lost, want %d with %v", step.start, got, lost(), step.watermark, step.lost)
			}
			st := r.status().Partitions[0]
			reason := ""
			if st.PinnedBy != nil {
				reason = st.PinnedBy.Reason
			}
			if held := st.State == "held"; reason != step.reason || held != (step.start < 31) {
				t.Errorf("the log begins at %d: %s, pinned with the reason %q, want %q", step.start, st.State, reason, step.reason)
			}
		}
		r.stored("good", append(offsets(2, 9), offsets(31, 39)...)...)
		r.remove(1, 10)
		r.after(2 * maxSleep)
		r.watermark(1, 10)
		r.api.create = nil
		r.after(2 * time.Minute)
		if n := r.lines.Lookup("bad"); n != nil && n.Troubled() {
			t.Error("the namespace without lines is in trouble still")
		}
		r.stored("bad")
	})
}

// A catch-up read that finds its lines removed goes on behind them.
func TestSession_aCatchUpReadGoesOnAtTheLogStart(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 0, 9)...)
		job := &imports.CatchUpTask{Partition: r.part(0), CatchUpJob: &fetch.CatchUpJob{Cursor: r.part(0).Cursor, Wanted: map[string]bool{"bad": true}}}
		r.remove(0, 6)
		r.intake.catchUpOver(job, &fetch.Fault{Kind: fetch.FaultOutOfRange, Err: kafka.CodeOffsetOutOfRange}, time.Now())
		r.watermark(0, 6)
		r.api.create = nil
		r.after(2 * time.Minute)
		r.stored("bad", offsets(6, 9)...)
	})
}

// A restart after the log has lost what was held goes on too, whatever the policy
// for offsets out of range, and counts what was not done.
func TestSession_restartsBehindWhatIsRemoved(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	var commit kafka.CommitOffset
	inSession(t, func(r *sessionRig) {
		r.feed(0, append(poison(0, 0), runOf("a", 1, 9)...)...)
		r.after(age)
		commit = r.commits.CommitOf(r.part(0))
	})
	for _, reset := range []ledger.OffsetReset{ledger.ResetEarliest, ledger.ResetHold} {
		synctest.Test(t, func(t *testing.T) {
			r := newSessionRig(t, nil, func(c *process.Config) { c.OffsetReset = reset })
			p := r.part(0)
			p.Cursor = nil
			found := r.starting().Place(tp, kafka.Committed{Offset: commit.Offset, LeaderEpoch: -1, Metadata: commit.Metadata}, kafka.Range{Begin: 4, End: 1000, Stable: 1000}, false)
			r.open([]discovery.Start{found}, time.Now())
			r.feed(0, runOf("a", 4, 12)...)
			if r.after(age); p.State() != assignment.Reading {
				t.Errorf("reset %v: %s, %v", reset, p.State(), p.Err())
			}
			r.stored("a", 10, 11, 12)
			r.watermark(0, 13)
			if n := testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")); n != 1 {
				t.Errorf("reset %v: %v records are lost, want 1", reset, n)
			}
		})
	}
}

// compact takes records out of the log, as compaction does without a word.
func (r *sessionRig) compact(partition int32, gone ...int64) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: partition}
	r.logs[tp] = slices.DeleteFunc(r.logs[tp], func(rec recordbatch.Record) bool { return slices.Contains(gone, rec.Offset) })
}

// What compaction removes of held records while a bridge runs is lost, counted, and
// waited for no longer; what is still there stays held, and ranges, which nobody can
// read, do.
func TestSession_missesHeldRecordsThatAreCompactedMeanwhile(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, slices.Concat(poison(0, 1), runOf("a", 2, 9), poison(10, 10), runOf("a", 11, 39), poison(40, 40), runOf("a", 41, 49))...)
		r.feed(1, slices.Concat(poison(0, 0), runOf("b", 1, 9))...)
		r.oversize(1, 10, 19, 10)
		r.feed(1, runOf("b", 20, 29)...)
		r.after(age)
		lost := func() float64 { return testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")) }
		for _, step := range []struct {
			partition     int32
			gone          []int64
			first, second int64 // watermarks
			lost          float64
			held          bool // partition 0
		}{
			{0, nil, 0, 0, 0, true},
			{0, []int64{0, 10}, 1, 0, 2, true},
			{0, []int64{40}, 1, 0, 3, true},
			{1, []int64{0}, 1, 10, 4, true},
			{0, []int64{1}, 50, 10, 5, false},
		} {
			r.compact(step.partition, step.gone...)
			r.after(3*lookInterval + time.Minute)
			r.watermark(0, step.first)
			r.watermark(1, step.second)
			if lost() != step.lost {
				t.Errorf("without %v: %v records are lost, want %v", step.gone, lost(), step.lost)
			}
			if p := r.status().Partitions; (p[0].State == "held") != step.held || p[1].State != "held" || !step.held && p[0].PinnedBy != nil {
				t.Errorf("without %v: %s, pinned by %+v, and %s", step.gone, p[0].State, p[0].PinnedBy, p[1].State)
			}
		}
		r.stored("b", slices.Concat(offsets(1, 9), offsets(20, 29))...)
		before := r.jobs
		r.part(1).Ledger.All(func(n *ledger.Node) bool { r.assignment.ReleaseHeld(r.part(1), n); return true })
		if r.after(2 * lookInterval); r.jobs != before {
			t.Errorf("%d looks at partitions that hold nothing", r.jobs-before)
		}
	})
}

// A held record that compaction has removed is missed when it should be read again.
func TestSession_missesAHeldRecordThatIsCompacted(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	var commit kafka.CommitOffset
	inSession(t, func(r *sessionRig) {
		r.feed(0, append(append(poison(0, 1), runOf("a", 2, 8)...), poison(9, 9)...)...)
		r.after(age)
		commit = r.commits.CommitOf(r.part(0))
	})
	synctest.Test(t, func(t *testing.T) {
		r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: commit})
		r.feed(0, append(poison(1, 1), runOf("a", 2, 12)...)...) // 9 is a line now
		if r.after(age); r.part(0).Ledger.Watermark() != 1 {
			t.Errorf("watermark %d", r.part(0).Ledger.Watermark())
		}
		r.stored("a", 9, 10, 11, 12)
		if n := testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")); n != 1 {
			t.Errorf("%v records are lost, want 1", n)
		}
	})
}

// An offset that is removed while the partition waits for memory is judged by what
// earlier owners have done.
func TestSession_relocationCountsWhatWasNotDone(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	p := ledger.New(5, ledger.Frontier{Below: 40, Whole: []ledger.Span{{First: 5, Last: 5}, {First: 20, Last: 20}}})
	text, _ := p.Encode(ledger.Metadata{TopicID: ledger.Identity(ownTopic, "cluster"), Fingerprint: process.FingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
	for begin, want := range map[int64]float64{30: 2, 45: 7} {
		for _, reset := range []ledger.OffsetReset{ledger.ResetEarliest, ledger.ResetHold} {
			synctest.Test(t, func(t *testing.T) {
				r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: {TopicPartition: tp, Offset: 5, LeaderEpoch: -1, Metadata: text}}, func(c *process.Config) { c.OffsetReset = reset })
				r.intake.relocated(r.part(0), &fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: begin, End: 100, Stable: 100}, time.Now())
				name := fmt.Sprintf("the log begins at %d, reset %v", begin, reset)
				if held := r.part(0).IsHeld(); held != (begin > 40 && reset == ledger.ResetHold) {
					t.Errorf("%s: held out %t", name, held)
				} else if n := testutil.ToFloat64(r.Metrics.Lost.WithLabelValues("orders")); !held && n != want {
					t.Errorf("%s: %v records are lost, want %v", name, n, want)
				}
			})
		}
	}
}
