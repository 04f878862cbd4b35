package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// deleteRecords moves the log start of partition 0.
func (w *world) deleteRecords(before int64) {
	w.t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: w.topic, Partition: 0, At: before})
	if _, err := w.admin.DeleteRecords(w.context(), offsets); err != nil {
		w.t.Fatal(err)
	}
}

// commitOffset sets the group's offset of partition 0, as an operator would
// while no member lives.
func (w *world) commitOffset(at int64, metadata string) {
	w.t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: w.topic, At: at, LeaderEpoch: -1, Metadata: metadata})
	if err := w.admin.CommitAllOffsets(w.context(), w.group, offsets); err != nil {
		w.t.Fatal(err)
	}
}

// leftOut makes the records before n ones that are never read.
func leftOut(n int) func(int, *kgo.Record, *truth.Record) {
	return func(i int, _ *kgo.Record, want *truth.Record) {
		if i < n {
			want.Fate = truth.LeftOut
		}
	}
}

func TestOffsetReset_earliestStartsAtTheLogStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(load{records: 300, edit: leftOut(100)})
	w.deleteRecords(100)
	b := w.start()
	w.settle(b)
	b.expectLog(`"records_ahead":200`)
	w.judge()
}

// A new group that starts at the end commits its start at once, so that a
// restart loses nothing of what comes next.
func TestOffsetReset_latestCommitsItsStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.env["BRIDGE_KAFKA_OFFSET_RESET"] = "latest"
	w.produce(load{records: 100, edit: leftOut(100)})
	b := w.start()
	w.waitCommitted(w.topic)
	b.stop()
	w.produce(load{records: 100})
	b = w.start()
	w.settle(b)
	w.judge()
}

// A committed offset below the log start goes on at the log start, counted.
func TestOffsetReset_belowTheLogStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(load{records: 100})
	b := w.start()
	w.settle(b)
	w.produce(load{records: 300, edit: leftOut(200)})
	w.deleteRecords(300)
	b = w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.wantResets(b, "below_log_start")
	b.expect(map[string]float64{"records_lost_total": 200, "kafka_log_start_offset": 300, "kafka_committed_offset": 400})
	b.stop()
	b.expectLog("log has changed since the offset was committed; reading goes on elsewhere")
	w.judge()
}

// A committed offset beyond the end starts again at the log start, counted.
func TestOffsetReset_beyondTheEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(load{records: 100})
	w.commitOffset(5000, "")
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.wantResets(b, "beyond_end")
	b.stop()
	w.judge(truth.CommitAhead, truth.CommitBack) // the test itself committed ahead
}

func (w *world) wantResets(b *bridge, reason string) {
	w.t.Helper()
	if got := b.metric("offset_resets_total", `reason="`+reason+`"`); got != 1 {
		w.t.Errorf("offset_resets_total of reason %s is %v, want 1", reason, got)
	}
}

// With hold an offset out of range stops its partition and no other.
func TestOffsetReset_hold(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_OFFSET_RESET"] = "hold"
	w.produce(load{records: 200, edit: func(i int, _ *kgo.Record, want *truth.Record) {
		if i%2 == 0 {
			want.Fate = truth.Held // partition 0
		}
	}})
	w.deleteRecords(50)
	w.commitOffset(10, "")
	b := w.start()
	w.waitStored()
	w.eventually("one partition is held", func() bool { return b.metric("partitions_held") == 1 })
	b.stop()
	if got := w.truth.Committed(w.topic, 0); got != 10 {
		t.Errorf("the held partition's offset is %d, want 10", got)
	}
	w.judge(truth.CommitAhead) // the test itself committed 10
}
