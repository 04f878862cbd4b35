package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// What an operator does to the group's offsets between two runs counts as it
// is: the frontier of the old commit is not applied to another offset.
func TestOperator_movesOffsets(t *testing.T) {
	const records, back = 200, 50
	for _, tc := range []struct {
		name     string
		metadata bool // the old commit's metadata comes along, as MirrorMaker 2 copies it
		to       int64
	}{
		{"back", false, back},
		{"back with copied metadata", true, back},
		{"to the start", false, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.produce(load{records: records})
			b := w.start()
			w.settle(b)
			w.moveOffset(tc.to, tc.metadata)
			b = w.start()
			want := records + records - int(tc.to)
			w.eventually("the records are sent again", func() bool { return w.truth.Lines() >= want })
			w.waitCommitted(w.topic)
			b.stop()
			if tc.metadata {
				b.expectLog("the committed offset was moved by somebody else; it is taken as it is")
			}
			if got := w.truth.Lines(); got != want {
				t.Errorf("%d lines were stored in all, want %d", got, want)
			}
			w.judge(truth.Repeated, truth.CommitBack) // as the operator asked
		})
	}
}

// An offset that an operator moves forward leaves out what it passes.
func TestOperator_movesOffsetsForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.produce(load{records: 100})
	b := w.start()
	w.settle(b)
	w.produce(load{records: 200, edit: leftOut(100)})
	w.moveOffset(200, true)
	b = w.start()
	w.settle(b)
	w.judge()
}

// moveOffset commits another offset of partition 0, with the old metadata or none.
func (w *world) moveOffset(to int64, keepMetadata bool) {
	w.t.Helper()
	old, err := w.admin.FetchOffsets(w.context(), w.group)
	if err != nil {
		w.t.Fatal(err)
	}
	committed, _ := old.Lookup(w.topic, 0)
	if committed.Metadata == "" {
		w.t.Error("the bridge's commit bears no metadata")
	}
	if !keepMetadata {
		committed.Metadata = ""
	}
	w.commitOffset(to, committed.Metadata)
}

// A log that lost its first records before the group's offset goes on where it
// begins, whatever the reset policy of a new group; with hold it waits.
func TestOffsetReset_truncatedLogWithEachPolicy(t *testing.T) {
	for _, tc := range []struct {
		policy string
		fate   truth.Fate // of what is left
	}{
		{"earliest", truth.Stored}, {"latest", truth.Stored}, {"hold", truth.Held},
	} {
		t.Run(tc.policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			w.env["BRIDGE_KAFKA_OFFSET_RESET"] = tc.policy
			b := w.start()
			w.eventually("the group's start is committed", func() bool { return w.truth.Committed(w.topic, 0) == 0 })
			w.produce(load{records: 100})
			w.settle(b)
			w.produce(load{records: 300, edit: func(i int, _ *kgo.Record, want *truth.Record) {
				want.Fate = tc.fate
				if i < 200 {
					want.Fate = truth.LeftOut
				}
			}})
			w.deleteRecords(300)
			b = w.start()
			if tc.fate == truth.Held {
				w.eventually("the partition is held and says why", func() bool {
					state, problem := b.partition(0)
					return state == "held" && problem != "" && b.says("kafka-consumer-groups --reset-offsets")
				})
			} else {
				w.waitStored()
				w.waitCommitted(w.topic)
				w.wantResets(b, "below_log_start")
				b.wantSaid(`"gap":200`)
			}
			b.stop()
			w.judge()
		})
	}
}

// A dead-letter topic that does not exist stops nothing else, is told, and is
// written to as soon as somebody makes it.
func TestDeadLetters_topicIsMissing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.env["BRIDGE_ON_INVALID"], w.env["BRIDGE_DLQ_TOPIC"] = "dlq", w.topic+"-dlq"
	w.produce(load{records: 200, edit: func(i int, r *kgo.Record, want *truth.Record) {
		if i == 50 {
			r.Value, want.Namespaces, want.Fate = []byte("not JSON"), nil, truth.DeadLettered
		}
	}})
	b := w.start()
	w.eventually("all other records are stored", func() bool { return w.truth.Missing() == 1 })
	w.eventually("the commit waits for the dead letter, and that is told", func() bool {
		return w.truth.Committed(w.topic, 0) == 50 && b.metric("kafka_errors_total", `operation="produce"`) > 0 &&
			b.says("dead letters cannot be written")
	})
	w.deadLetterTopic()
	w.settle(b)
	w.judge()
}

// A record that is too large for the dead-letter topic is held; the others are
// dead-lettered, and a restart sends none of them again.
func TestDeadLetters_tooLargeForTheTopic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.deadLetterTopic("max.message.bytes", "20000")
	w.env["BRIDGE_ON_INVALID"] = "dlq"
	const huge = 60
	ids := w.produce(load{records: 200, edit: func(i int, r *kgo.Record, want *truth.Record) {
		if i%20 != 0 {
			return
		}
		r.Value, want.Namespaces, want.Fate = fmt.Appendf(nil, "not JSON %d", i), nil, truth.DeadLettered
		if i == huge {
			r.Value, want.Fate = make([]byte, 30000), truth.Held
		}
	}})
	b := w.start()
	w.waitStored()
	heldAlone := func() bool {
		return w.truth.Committed(w.topic, 0) == huge && b.metric("partitions_held") == 1
	}
	w.eventually("the large record alone is held", heldAlone)
	b.wantSaid("the dead-letter topic refuses a record for good")
	b.stop()
	b = w.start()
	w.eventually("it is held again", heldAlone)
	b.stop()
	w.truth.Decide(ids[huge], truth.LeftOut, time.Now())
	b = w.start(environment{"BRIDGE_SKIP_RECORDS": fmt.Sprintf("%s/0@%d", w.topic, huge)})
	w.waitCommitted(w.topic)
	b.stop()
	w.judge()
}

// With the policy dlq the records of a refused batch go to the dead-letter
// topic as they were produced, and are acknowledged before the commit.
func TestDeadLetters_ofARefusedBatch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	dlq := w.deadLetterTopic()
	w.env["BRIDGE_ON_REJECTED"] = "dlq"
	w.api.Inject(refuse("ns-bad"))
	originals := map[string]*kgo.Record{}
	w.produce(load{
		records:   600,
		namespace: func(i int) string { return []string{"ns-good", "ns-bad", "ns-better"}[i%3] },
		edit: func(i int, r *kgo.Record, want *truth.Record) {
			r.Key = fmt.Appendf(nil, "key-%d", i)
			r.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 1, 2}}}
			if want.Namespaces[0] == "ns-bad" {
				want.Fate, want.Namespaces = truth.DeadLettered, nil
				originals[string(r.Key)] = r
			}
		},
	})
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("dlq_records_total", `reason="refused"`); got != 200 {
		t.Errorf("dlq_records_total of reason refused is %v, want 200", got)
	}
	b.stop()
	b.expectLog("batch refused; its records go to the dead-letter topic")
	dlq.compare(originals)
	w.judge()
}
