package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/ledger"
)

// ofOld is the namespace of the old records.
const ofOld = "old"

// byTime are the policies that leave out what is older than the run.
var byTime = []ledger.OffsetReset{ledger.ResetAt(epoch), ledger.ResetAgo(12 * time.Hour)}

// drawBeginning lets some runs begin with records of the day before, which a new group
// leaves out: all of those of a partition, or none if the group is no longer new when
// the partition's start is resolved.
func (s *schedule) drawBeginning(rnd *rand.Rand) {
	if rnd.IntN(3) > 0 {
		return
	}
	s.settings.reset = pick(rnd, byTime...)
	each := 1 + rnd.IntN(4)
	s.add(-1, fmt.Sprintf("each partition holds %d old records", each), func(w *world) { w.emitOld(s.partitions, each) })
}

// emitOld appends records of the day before to each partition, of keys of their own, so
// that no compaction removes them.
func (w *world) emitOld(partitions int32, each int) {
	var batch []*kgo.Record
	for _, topic := range w.settings.Load().topics {
		for p := range partitions {
			for range each {
				w.sequence++
				unique := fmt.Sprintf("u%d", w.sequence)
				w.truth.produce(topic, p, valid, unique, []string{ofOld})
				batch = append(batch, &kgo.Record{Topic: topic, Partition: p, Key: []byte(unique), Timestamp: epoch.Add(-24 * time.Hour),
					Value: fmt.Appendf(nil, `{"id":"i%s","u":%q,"ns":"old"}`, unique, unique)})
			}
		}
	}
	w.truth.mark(w.truth.begin)
	if err := w.producer("none").ProduceSync(context.Background(), batch...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// begin lets all old records be left out or not, as far as is known: the group is new.
// Call with mu held.
func (t *truth) begin() {
	for _, r := range t.byUnique {
		if len(r.names) > 0 && r.names[0] == ofOld {
			r.old, r.leftOut, r.removed = true, false, true
		}
	}
}

// begins takes a partition's first commit that is seen for its start: what it passes
// of the old records is left out for good, and where it passes none they are owed like
// any other. Call with mu held.
func (t *truth) begins(at place, offset int64) {
	for _, r := range t.logs[at] {
		switch {
		case !r.old:
		case r.offset < offset:
			r.leftOut = len(r.stores) == 0
		default:
			r.removed, r.done = false, false
			r.at = time.Now() // nobody may import it before: it might have been left out
			t.verified[at] = min(t.verified[at], r.offset)
		}
		r.old = false
	}
}

// TestSim_newGroupByTime: without a fault the old records are left out, all of them and
// nothing else, whoever opens their partitions, and however the setting changes later.
func TestSim_newGroupByTime(t *testing.T) {
	for _, reset := range byTime {
		t.Run(reset.String(), func(t *testing.T) {
			s := defaultSettings()
			s.reset = reset
			scenario(t, s, 4, 0, func(w *world) {
				w.emitOld(4, 5)
				for slot := range 3 {
					w.startSlot(slot)
				}
				for p := range int32(4) {
					w.emit("t0", p, 10, named("n", 2, 5)...)
				}
				w.wants(time.Minute, "all that is new is stored", func() bool { return w.stored("n") })
				later := *s
				later.reset = ledger.ResetEarliest
				w.restart(&later)
				w.stopSlot(1)
				w.stopSlot(2)
				w.emit("t0", 0, 10, named("n", 2, 5)...)
				w.wants(time.Minute, "what came later is stored", func() bool { return w.stored("n") })
				w.truth.mark(func() {
					for _, r := range w.truth.byUnique {
						if len(r.names) > 0 && r.names[0] == ofOld && !r.leftOut {
							w.truth.fault("an old record was not left out: %s", r)
						}
					}
				})
			})
		})
	}
}
