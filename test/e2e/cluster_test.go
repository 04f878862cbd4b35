package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"kafka-import-bridge/test/kafkatest"
)

// In a cluster of three nodes leaders and the group's coordinator move under
// load, by choice and because a node dies, which may be the only one that is
// configured: nothing is lost and nothing is sent twice, and commits go on.
func TestLeader_moves(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, kafkatest.New(t, kafkatest.Options{Nodes: 3}), 3)
	b := w.start(environment{"BRIDGE_KAFKA_BROKERS": w.kafka.Nodes[0].Addr})
	for _, node := range w.kafka.Nodes[:2] {
		wait := w.produceMeanwhile(load{records: 3000, perSecond: 1000})
		w.stored(w.truth.Lines() + 500)
		node.Kill()
		wait()
		w.waitStored() // the others have taken over
		w.waitCommitted(w.topic)
		if err := w.kafka.Restart(t.Context(), node); err != nil {
			t.Fatal(err)
		}
		wait = w.produceMeanwhile(load{records: 3000, perSecond: 1000})
		w.preferLeaders()
		wait()
		w.waitStored()
	}
	w.waitCommitted(w.topic)
	w.eventually("it is ready", b.ready)
	b.stop()
	w.judge()
}

// preferLeaders moves every partition back to its first replica once that is in
// sync again.
func (w *world) preferLeaders() {
	w.t.Helper()
	w.eventually("the preferred leaders lead again", func() bool {
		if _, err := w.admin.ElectLeaders(w.context(), kadm.ElectPreferredReplica, nil); err != nil {
			return false
		}
		topics, err := w.admin.ListTopics(w.context(), w.topic)
		if err != nil || len(topics[w.topic].Partitions) != w.partitions {
			return false
		}
		for _, p := range topics[w.topic].Partitions {
			if len(p.ISR) < len(w.kafka.Nodes) || p.Leader != p.Replicas[0] {
				return false
			}
		}
		return true
	})
}
