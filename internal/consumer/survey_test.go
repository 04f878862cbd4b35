package consumer

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestFetcher_survey: what no fetch has told of for a while is asked for, and an
// answer that has come since then counts more.
func TestFetcher_survey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := lagging(100, 100, 100)
		time.Sleep(time.Minute)
		batch, _ := f.gather(1)
		f.moved(batch[0], 100, -1, 1000, time.Time{})
		time.Sleep(time.Second)
		began := time.Now()
		todo, leaders := f.unheard(began.Add(-10 * time.Second))
		if got := slices.SortedFunc(maps.Keys(todo), TopicPartition.Compare); !slices.Equal(got, []TopicPartition{{"orders", 1}, {"orders", 2}}) || leaders[got[0]].Leader != 1 {
			t.Fatalf("%v are asked for of %v", got, leaders)
		}
		time.Sleep(time.Second)
		f.moved(batch[1], 100, -1, 1000, time.Time{})
		f.surveyed(map[TopicPartition]Range{{"orders", 1}: {50, 60, 60}, {"orders", 2}: {70, 90, 80}, {"users", 0}: {1, 1, 1}}, began)
		if c := f.cursors[TopicPartition{"orders", 1}]; c.stable.Load() != 100 {
			t.Errorf("a survey overwrites the answer that came after it was asked: %d", c.stable.Load())
		}
		c := f.cursors[TopicPartition{"orders", 2}]
		if got := (Range{c.start.Load(), c.high.Load(), c.stable.Load()}); got != (Range{70, 90, 80}) {
			t.Errorf("the log holds %+v", got)
		}
		if todo, _ := f.unheard(began.Add(-10 * time.Second)); len(todo) != 0 {
			t.Errorf("%v are asked for again at once", todo)
		}
	})
}
