package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

// recreate deletes the world's topic and makes it anew, empty. The broker
// forgets the group's offsets with the topic: one that is seen from then on was
// committed for the new one.
func (w *world) recreate() {
	w.t.Helper()
	w.sampled()
	if _, err := w.admin.DeleteTopics(w.context(), w.topic); err != nil {
		w.t.Fatal(err)
	}
	w.eventually("the topic and its offsets are gone", func() bool {
		topics, err := w.admin.ListTopics(w.context(), w.topic)
		return err == nil && !topics.Has(w.topic) && len(w.committed(w.topic)) == 0
	})
	w.truth.Recreate(w.topic)
	w.createTopic(w.topic, w.partitions, nil)
	w.sampleOffsets()
}

// A topic that is deleted and made anew is read from its start, whether or not
// it has grown past the old offset, and whether or not the bridge runs.
func TestRecreatedTopic_isReadFromItsStart(t *testing.T) {
	for _, tc := range []struct {
		name    string
		records int // in the new topic; the old one had 200
		stopped bool
	}{
		{"while it runs and shorter", 100, false},
		{"while it runs and longer", 400, false},
		{"while it is stopped and shorter", 100, true},
		{"while it is stopped and longer", 400, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.produce(load{records: 200})
			b := w.start()
			w.waitStored()
			w.waitCommitted(w.topic)
			if tc.stopped {
				b.stop()
			}
			w.recreate()
			w.produce(load{records: tc.records})
			if tc.stopped {
				b = w.start()
			}
			w.waitStored()
			if got := b.metric("offset_resets_total", `reason="recreated"`); got != 1 && !tc.stopped { // whoever starts knows of no old one
				t.Errorf("%v partitions are counted as recreated, want 1", got)
			}
			w.settle(b)
			w.judge()
		})
	}
}

// committed asks the broker for the group's offsets.
func (w *world) committed(topic string) map[int32]int64 {
	w.t.Helper()
	offsets, err := w.admin.FetchOffsets(w.context(), w.group)
	if err != nil {
		w.t.Fatalf("fetch offsets: %v", err)
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == topic {
			at[o.Partition] = o.At
		}
	})
	return at
}
