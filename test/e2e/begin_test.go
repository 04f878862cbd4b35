package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// dated gives record i the time at(i), and expects it to be left out before the first
// one that is stored.
func dated(at func(i int) time.Time, first int) func(int, *kgo.Record, *truth.Record) {
	return func(i int, r *kgo.Record, want *truth.Record) {
		if r.Timestamp = at(i); i < first {
			want.Fate = truth.LeftOut
		}
	}
}

// A new group starts at the first record that is not older than a time, exactly: in a
// batch, where later records are older, before the log's start, after its end, and in
// a partition that is empty. The start is committed at once and never moves.
func TestOffsetReset_timestamp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	when := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	after, before, empty := w.topic+"-after", w.topic+"-before", w.topic+"-empty"
	for _, topic := range []string{after, before, empty} {
		w.createTopic(topic, 1, nil)
	}
	// One batch: 40 older records by a millisecond at last, the one of the time
	// itself, and then as many older as younger ones.
	w.produce(load{records: 80, edit: dated(func(i int) time.Time {
		if i > 40 && i%2 == 0 {
			return when.Add(-time.Hour)
		}
		return when.Add(time.Duration(i-40) * time.Millisecond)
	}, 40)})
	w.produce(load{records: 50, topic: after, partitions: 1, edit: dated(func(int) time.Time { return when.Add(-time.Millisecond) }, 50)})
	w.produce(load{records: 50, topic: before, partitions: 1, edit: dated(func(int) time.Time { return when.Add(time.Hour) }, 0)})
	all := []string{w.topic, after, before, empty}
	env := environment{"BRIDGE_KAFKA_TOPICS": w.topic + "," + after + "," + before + "," + empty, "BRIDGE_KAFKA_OFFSET_RESET": "timestamp:" + when.Format(time.RFC3339)}
	b := w.start(env)
	w.waitStored()
	w.waitCommitted(all...)
	b.stop()
	if got := w.truth.Committed(after, 0); got != 50 {
		t.Errorf("the partition without a record of the time starts at %d, want 50", got)
	}
	for i, topic := range all { // older ones, which come behind the start
		w.produce(load{records: 20, topic: topic, partitions: 1, edit: dated(func(int) time.Time { return when.Add(-time.Duration(i) * time.Hour) }, 0)})
	}
	env["BRIDGE_KAFKA_OFFSET_RESET"] = "timestamp:" + time.Now().Add(-time.Minute).Format(time.RFC3339)
	b = w.start(env)
	w.waitStored()
	w.waitCommitted(all...)
	b.stop()
	w.judge()
}

// With the broker's own timestamps those count, whatever the producer says.
func TestOffsetReset_timestampOfTheAppend(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	topic := w.topic + "-appended"
	w.createTopic(topic, 1, map[string]string{"message.timestamp.type": "LogAppendTime"})
	w.produce(load{records: 50, topic: topic, partitions: 1, edit: dated(func(int) time.Time { return time.Now() }, 50)})
	<-time.After(1100 * time.Millisecond)
	when := time.Now()
	<-time.After(100 * time.Millisecond)
	w.produce(load{records: 50, topic: topic, partitions: 1, edit: dated(func(int) time.Time { return when.Add(-time.Hour) }, 0)})
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": topic, "BRIDGE_KAFKA_OFFSET_RESET": "timestamp:" + when.Format(time.RFC3339Nano)})
	w.waitStored()
	w.waitCommitted(topic)
	b.stop()
	w.judge()
}

// Where compaction has removed the first record of the time, the next one that is
// left is the start.
func TestOffsetReset_timestampInAHole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	topic := w.topic + "-compacted"
	w.createTopic(topic, 1, compacted)
	began := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	const rounds, each = 6, 500
	ids := w.produceRounds(topic, rounds, each, func(i int) time.Time { return began.Add(time.Duration(i) * time.Second) })
	survivors := w.awaitCompaction(topic, rounds*each)
	hole := -1
	for i, offset := range survivors[1:] {
		if before := survivors[i]; before >= each && offset > before+1 {
			hole = int(before) + 1
			break
		}
	}
	if hole < 0 {
		t.Fatal("compaction has left no hole behind the first round")
	}
	for _, offset := range survivors {
		if int(offset) > hole {
			w.truth.Decide(ids[offset], truth.Stored, time.Now())
		}
	}
	when := began.Add(time.Duration(hole) * time.Second)
	b := w.start(environment{"BRIDGE_KAFKA_TOPICS": topic, "BRIDGE_KAFKA_OFFSET_RESET": "timestamp:" + when.Format(time.RFC3339)})
	w.waitStored()
	w.waitCommitted(topic)
	b.stop()
	w.judge()
}

func TestOffsetReset_duration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.env["BRIDGE_KAFKA_OFFSET_RESET"] = "duration:24h"
	w.produce(load{records: 100, edit: dated(func(i int) time.Time { return time.Now().Add(-time.Duration(100-i) * 30 * time.Minute) }, 53)})
	b := w.start()
	w.settle(b)
	w.judge()
}

// A group that has read other topics is not new: nothing of a topic that it turns to
// is left out.
func TestOffsetReset_otherTopicsBefore(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]string{"latest": "latest", "duration": "duration:1s"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			other := w.topic + "-other"
			w.createTopic(other, 1, nil)
			env := environment{"BRIDGE_KAFKA_OFFSET_RESET": policy}
			b := w.start(env)
			w.eventually("the group's start is committed", func() bool { return w.truth.Committed(w.topic, 0) == 0 })
			b.stop()
			w.produce(load{records: 100, topic: other, partitions: 1, edit: dated(func(int) time.Time { return time.Now().Add(-time.Hour) }, 0)})
			env["BRIDGE_KAFKA_TOPICS"] = other
			b = w.start(env)
			w.waitStored()
			w.waitCommitted(other)
			b.stop()
			w.judge()
		})
	}
}
