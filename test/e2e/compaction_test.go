package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// Compaction leaves holes inside batches, between them and at their tails: what
// survived is stored once, and the holes neither stop nor spin the bridge.
func TestCompaction_holes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	topic := w.topic + "-compacted"
	w.createTopic(topic, 1, compacted)
	const rounds, each = 6, 500
	ids := w.produceRounds(topic, rounds, each, func(int) time.Time { return time.Now() })
	survivors := w.awaitCompaction(topic, rounds*each)
	now := time.Now()
	for _, id := range ids {
		if slices.Contains(survivors, w.truth.Offset(id)) {
			w.truth.Decide(id, truth.Stored, now)
		}
	}
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": topic})
	w.waitStored()
	w.waitCommitted(topic)
	b.stop()
	w.judge()
}

// compacted makes a topic that is compacted soon.
var compacted = map[string]string{
	"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100",
}

// produceRounds writes records of which compaction may remove about half, and expects
// none of them to be stored as yet. Record i of all is of the time at(i).
func (w *world) produceRounds(topic string, rounds, each int, at func(i int) time.Time) (ids []truth.ID) {
	w.t.Helper()
	for round := range rounds {
		<-time.After(150 * time.Millisecond) // the next record begins a segment, and closed ones are compacted
		ids = append(ids, w.produce(load{records: each, topic: topic, partitions: 1, edit: func(i int, r *kgo.Record, want *truth.Record) {
			// Odd keys come back in every round and even ones are of it alone.
			r.Key = fmt.Appendf(nil, "key-%d", i)
			if i%2 == 0 {
				r.Key = fmt.Appendf(nil, "key-%d-of-round-%d", i, round)
			}
			r.Timestamp, want.Fate = at(round*each+i), truth.LeftOut
		}})...)
	}
	return ids
}

// awaitCompaction waits until the log of partition 0 has holes, ends the
// compaction so that no more appear, and returns the offsets that are left.
func (w *world) awaitCompaction(topic string, produced int) (offsets []int64) {
	w.t.Helper()
	w.eventually("compaction has left holes", func() bool { return len(w.offsets(topic)) < produced*3/4 })
	policy := kadm.AlterConfig{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("delete")}
	if _, err := w.admin.AlterTopicConfigs(w.context(), []kadm.AlterConfig{policy}, topic); err != nil {
		w.t.Fatalf("end compaction: %v", err)
	}
	quiet := 0 // a pass that had begun may still end
	w.eventually("compaction has ended", func() bool {
		now := w.offsets(topic)
		if quiet++; len(now) != len(offsets) {
			quiet = 0
		}
		offsets = now
		return quiet == 20
	})
	return offsets
}

// offsets reads partition 0 to its end.
func (w *world) offsets(topic string) (offsets []int64) {
	w.t.Helper()
	end := w.ends(topic)[0]
	client := w.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer client.Close()
	for len(offsets) == 0 || offsets[len(offsets)-1] < end-1 {
		fetches := client.PollFetches(w.context())
		if err := fetches.Err(); err != nil {
			w.t.Fatalf("read %s: %v", topic, err)
		}
		for r := range fetches.RecordsAll() {
			offsets = append(offsets, r.Offset)
		}
	}
	return offsets
}
