package e2e

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// TestRedrive_importsDeadLettersOnceMended: a bridge on the dead-letter topic,
// with a group of its own, imports what another one could not: a refused batch
// once the API takes it, and records without an id once a setting gives them one.
func TestRedrive_importsDeadLettersOnceMended(t *testing.T) {
	for name, tc := range map[string]struct {
		first  environment
		again  environment
		broken func(i int, r *kgo.Record)
		// mended is the namespace and the line of a dead letter.
		mended func(w *world, r *kgo.Record) (string, []byte)
	}{
		"a refused batch": {
			first:  environment{"BRIDGE_ON_REJECTED": "dlq"},
			again:  environment{"BRIDGE_NAMESPACE": "header:bridge.namespace"},
			broken: func(int, *kgo.Record) {},
			mended: func(_ *world, r *kgo.Record) (string, []byte) { return "ns-bad", r.Value },
		},
		"records without an id": {
			first: environment{"BRIDGE_ON_INVALID": "dlq"},
			again: environment{"BRIDGE_NAMESPACE": "header:bridge.source.topic", "BRIDGE_ID": "key"},
			broken: func(_ int, r *kgo.Record) {
				_, rest, _ := bytes.Cut(r.Value, []byte(","))
				r.Value = append([]byte("{"), rest...)
			},
			mended: func(w *world, r *kgo.Record) (string, []byte) {
				return w.topic, append(fmt.Appendf(nil, `{"id":%q,`, r.Key), r.Value[1:]...)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			dlq := w.deadLetterTopic()
			w.api.Inject(refuse("ns-bad"))
			w.produce(load{
				records:   300,
				namespace: func(i int) string { return []string{"ns-good", "ns-bad", "ns-better"}[i%3] },
				edit: func(i int, r *kgo.Record, want *truth.Record) {
					if r.Key = fmt.Appendf(nil, "key-%d", i); i%3 == 1 {
						tc.broken(i, r)
						want.Fate, want.Namespaces = truth.DeadLettered, nil
					}
				},
			})
			w.settle(w.start(tc.first))

			w.api.ClearFaults()
			dlq.mu.Lock()
			letters := dlq.list
			dlq.mu.Unlock()
			if len(letters) != 100 {
				t.Fatalf("%d dead letters, want 100", len(letters))
			}
			for _, r := range letters {
				namespace, line := tc.mended(w, r)
				id := w.truth.Produce(truth.Record{Topic: r.Topic, Partition: r.Partition, Namespaces: []string{namespace}, Line: line})
				w.truth.Acknowledge(id, r.Offset)
			}
			b := w.start(tc.again, environment{"BRIDGE_KAFKA_TOPICS": letters[0].Topic, "BRIDGE_KAFKA_GROUP_ID": w.group + "-again", "BRIDGE_DLQ_TOPIC": ""})
			w.waitStored()
			b.stop()
			w.judge()
		})
	}
}
