package fetch

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// TestFetcher_survey: what no fetch has told of for a while is asked for, and an
// answer that has come since then counts more.
func TestFetcher_survey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lagging(100, 100, 100)
		time.Sleep(time.Minute)
		batch, _ := f.gather(1)
		f.heard(batch[0], &wire.FetchedPartition{HighWatermark: 100, LastStableOffset: 100, DivergingEndOffset: -1})
		time.Sleep(time.Second)
		began := time.Now()
		leaders := f.unheard(began.Add(-10 * time.Second))
		if got := slices.SortedFunc(maps.Keys(leaders), kafka.TopicPartition.Compare); !slices.Equal(got, []kafka.TopicPartition{{Topic: "orders", Partition: 1}, {Topic: "orders", Partition: 2}}) || leaders[got[0]] != 1 {
			t.Fatalf("%v are asked for of %v", got, leaders)
		}
		time.Sleep(time.Second)
		f.heard(batch[1], &wire.FetchedPartition{HighWatermark: 100, LastStableOffset: 100, DivergingEndOffset: -1})
		f.surveyed(map[kafka.TopicPartition]kafka.Range{{Topic: "orders", Partition: 1}: {Begin: 50, End: 60, Stable: 60}, {Topic: "orders", Partition: 2}: {Begin: 70, End: 90, Stable: 80}, {Topic: "users", Partition: 0}: {Begin: 1, End: 1, Stable: 1}}, began)
		if c := f.cursors[kafka.TopicPartition{Topic: "orders", Partition: 1}]; c.StableOffset.Load() != 100 {
			t.Errorf("a survey overwrites the answer that came after it was asked: %d", c.StableOffset.Load())
		}
		c := f.cursors[kafka.TopicPartition{Topic: "orders", Partition: 2}]
		if got := (kafka.Range{Begin: c.LogStart.Load(), End: c.HighWatermark.Load(), Stable: c.StableOffset.Load()}); got != (kafka.Range{Begin: 70, End: 90, Stable: 80}) {
			t.Errorf("the log holds %+v", got)
		}
		if leaders := f.unheard(began.Add(-10 * time.Second)); len(leaders) != 0 {
			t.Errorf("%v are asked for again at once", leaders)
		}
	})
}
