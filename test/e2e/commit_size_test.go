package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"kafka-import-bridge/test/kafkatest"
)

// A topic of the group's offsets that takes small batches only: a commit of all
// partitions is refused, and smaller ones bring them all, at a stop as well.
func TestCommit_isLargerThanItsTopicTakes(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, kafkatest.New(t, kafkatest.Options{}), 60)
	b := w.start()
	w.eventually("it is ready", b.ready)
	limit := kadm.AlterConfig{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr("2000")}
	if _, err := w.admin.AlterTopicConfigs(w.context(), []kadm.AlterConfig{limit}, "__consumer_offsets"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.produce(load{records: 3000})
		w.waitStored()
		w.waitCommitted(w.topic)
	}
	w.produce(load{records: 3000})
	b.stop()
	if !b.says("commit refused, perhaps as too large") {
		t.Error("no commit was refused: the test shows nothing")
	}
	w.settle(w.start())
	w.judge()
}
