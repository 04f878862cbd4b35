package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// A listed topic may come into being later, and grow.
func TestTopics_missingAtTheStartThenCreatedThenGrown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	late := w.topic + "-late"
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": w.topic + "," + late})
	w.produce(load{records: 200})
	w.waitStored()
	w.createTopic(late, 1, nil)
	w.produce(load{records: 200, topic: late, partitions: 1})
	w.waitStored()
	if _, err := w.admin.UpdatePartitions(w.context(), 3, late); err != nil {
		t.Fatal(err)
	}
	w.eventually("the broker has the new partitions", func() bool { return len(w.ends(late)) == 3 })
	w.produce(load{records: 300, topic: late, partitions: 3})
	w.waitStored()
	w.waitCommitted(w.topic, late)
	b.stop()
	w.judge()
}

// A bridge that starts before all of its topics waits for them.
func TestTopics_noneAtTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	late := w.topic + "-late"
	b := w.launch(environment{"BRIDGE_KAFKA_TOPICS": late})
	w.eventually("it serves its pages", func() bool { status, _ := b.get("/healthz"); return status == 200 })
	w.createTopic(late, 2, nil)
	w.produce(load{records: 200, topic: late, partitions: 2})
	w.waitStored()
	w.waitCommitted(late)
	b.stop()
	w.judge()
}

// An expression picks up new topics, and matches whole names only, less those that
// another one excludes; the bridge's own dead-letter topic never matches.
func TestTopics_byRegex(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.deadLetterTopic()
	one, two, not := w.topic+"-one", w.topic+"-two", "x-"+w.topic+"-one"
	w.createTopic(one, 2, nil)
	w.createTopic(not, 1, nil)
	unmatched := func(_ int, _ *kgo.Record, want *truth.Record) { want.Fate = truth.LeftOut }
	w.produce(load{records: 10, topic: not, partitions: 1, edit: unmatched})
	excluded := w.topic + "-old"
	w.createTopic(excluded, 1, nil)
	w.produce(load{records: 10, topic: excluded, partitions: 1, edit: unmatched})
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": "", "BRIDGE_KAFKA_TOPIC_REGEX": w.topic + "-.*", "BRIDGE_KAFKA_TOPIC_EXCLUDE_REGEX": ".*-old"})
	w.produce(load{records: 200, topic: one, partitions: 2})
	w.waitStored()
	w.createTopic(two, 2, nil)
	w.produce(load{records: 200, topic: two, partitions: 2})
	w.waitStored()
	w.waitCommitted(one, two)
	w.assigned(4, b)
	b.stop()
	w.judge()
}
