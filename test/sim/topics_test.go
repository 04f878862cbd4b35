package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What happens to topics besides growing and being created anew.

// lateTopic draws a topic that is subscribed to before it exists.
func (s *schedule) lateTopic(rnd *rand.Rand) {
	s.settings.late, s.settings.regex = "late", rnd.IntN(2) == 0
	c := recipe{topic: s.settings.late, count: 1 + rnd.IntN(30), namespaces: 3, size: 50, codec: "none"}
	partitions, seed := 1+rnd.Int32N(2), rnd.Uint64()
	s.add(time.Duration(rnd.Int64N(int64(s.length))), fmt.Sprintf("topic %s is created with %d partitions; %s", c.topic, partitions, c), func(w *world) {
		w.touch(0, 2*s.settings.refresh+partitionRest, ofTopic(c.topic), "the topic is new")
		if err := w.cluster.CreateTopic(c.topic, partitions, nil); err != nil {
			w.t.Fatal(err)
		}
		w.learnID(c.topic)
		w.produce(c, rand.New(rand.NewPCG(seed, 2)))
	})
}

// compact draws records that compaction removes, most of a partition's batches
// with them, and leaves holes. They have a topic of their own: kfake inflates
// what it compacts, and its zstd decoder does not outlive a bubble.
func (s *schedule) compact(rnd *rand.Rand, at time.Duration) {
	const topic = "c0"
	if !slices.Contains(s.settings.topics, topic) {
		s.settings.topics = append(s.settings.topics, topic)
	}
	partition := rnd.Int32N(s.partitions)
	rounds, wait := 1+rnd.IntN(5), pick(rnd, 0, 10*time.Millisecond, 5*time.Second)
	s.add(at, fmt.Sprintf("%d batches of the same keys to %s/%d", rounds, topic, partition), func(w *world) {
		for range rounds {
			w.produceKeys(topic, partition, "a", "b", "c")
		}
	})
	s.touching(at+wait, 0, partitionRest, ofTopic(topic), topic+" is compacted", func(w *world) { w.compact(topic) })
}

// produceKeys appends one batch with a record for each key.
func (w *world) produceKeys(topic string, partition int32, keys ...string) {
	var batch []*kgo.Record
	for _, key := range keys {
		w.sequence++
		unique := fmt.Sprintf("u%d", w.sequence)
		r := w.truth.produce(topic, partition, valid, unique, []string{"n0"})
		w.truth.mark(func() { r.key = key })
		batch = append(batch, &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: fmt.Appendf(nil, `{"id":"i%s","u":%q,"ns":"n0"}`, unique, unique)})
	}
	if err := w.producer("none").ProduceSync(context.Background(), batch...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// compact removes the records that a later one of their key replaces.
func (w *world) compact(topic string) {
	w.truth.mark(func() {
		for at, log := range w.truth.logs {
			if at.topic != topic || at.incarnation != w.truth.current[topic] {
				continue
			}
			latest := map[string]*produced{}
			for _, r := range log {
				if before := latest[r.key]; r.key != "" && before != nil {
					before.removed = true
				}
				latest[r.key] = r
			}
		}
	})
	w.configure(topic, "cleanup.policy", "compact")
	w.cluster.Compact()
	w.configure(topic, "cleanup.policy", "delete")
}

func (w *world) configure(topic, name, value string) {
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Op, c.Value = name, kmsg.IncrementalAlterConfigOpSet, &value
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := w.operatorClient.Request(ctx, req)
	if err != nil || res.(*kmsg.IncrementalAlterConfigsResponse).Resources[0].ErrorCode != 0 {
		w.t.Fatalf("configure %s: %v, %+v", topic, err, res)
	}
}

// expireOffsets draws committed offsets that are deleted while nobody runs.
func (s *schedule) expireOffsets(_ *rand.Rand, at time.Duration) {
	s.add(at, "all stop, the group's offsets expire, all start", func(w *world) {
		w.background(func() { w.allStopped(w.deleteGroup) })
	})
}

// deleteGroup deletes the group with its offsets; one that has members stays.
func (w *world) deleteGroup() {
	req := kmsg.NewPtrDeleteGroupsRequest()
	req.Groups = []string{group}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	res, err := w.operatorClient.Request(ctx, req)
	if err != nil {
		w.note("delete group: %v", err)
		return
	}
	if code := res.(*kmsg.DeleteGroupsResponse).Groups[0].ErrorCode; code != 0 {
		w.note("delete group: %d", code)
		return
	}
	w.again("offsets expired")
	w.truth.mark(func() {
		clear(w.truth.committed)
		w.truth.forgotten = time.Now()
		w.truth.begin()
		w.truth.orders = false // what was dead-lettered may be stored after what came behind it
	})
}
