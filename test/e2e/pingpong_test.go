package e2e

import (
	"bytes"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// TestPingPong_bridgesLeaveEachOthersReceiptsAlone: two bridges, each of which selects
// the other's receipts and dead letters by an expression that is too wide, and could
// import a receipt as it is. Neither does, and one poisoned record stays one dead letter.
func TestPingPong_bridgesLeaveEachOthersReceiptsAlone(t *testing.T) {
	t.Parallel()
	const records = 200
	w := newWorld(t, 1) // its topic is beside what either selects
	ends := func(topic string) (n int64) {
		for _, end := range w.ends(topic) {
			n += end
		}
		return n
	}
	keyed := func(i int, r *kgo.Record, want *truth.Record) {
		id, _, _ := bytes.Cut(bytes.TrimPrefix(r.Value, []byte(`{"id":"`)), []byte(`"`))
		if r.Key = id; i == records/2 {
			r.Value, want.Fate, want.Namespaces = []byte("poison"), truth.LeftOut, nil // dead-lettered, which the test counts itself
		}
	}
	bridges := map[string]*bridge{}
	for _, side := range []string{"a", "b"} {
		for _, kind := range []string{"-in-", "-receipts-", "-letters-"} {
			w.createTopic(w.topic+kind+side, 2, nil)
		}
	}
	for _, side := range []string{"a", "b"} {
		bridges[side] = w.start(environment{
			"BRIDGE_KAFKA_TOPICS": "", "BRIDGE_KAFKA_TOPIC_REGEX": w.topic + "-(in-" + side + "|receipts-.*|letters-.*)", "BRIDGE_KAFKA_GROUP_ID": w.group + "-" + side,
			"BRIDGE_ID": "key", "BRIDGE_ON_INVALID": "dlq", "BRIDGE_DLQ_TOPIC": w.topic + "-letters-" + side, "BRIDGE_RECEIPTS_TOPIC": w.topic + "-receipts-" + side,
		})
		w.produce(load{records: records, topic: w.topic + "-in-" + side, partitions: 2, edit: keyed})
	}
	w.waitStored()
	leftOut := func() (n int64) {
		for _, b := range bridges {
			n += int64(b.metric("records_skipped_total", `reason="receipt"`))
		}
		return n
	}
	written := func() int64 { return ends(w.topic+"-receipts-a") + ends(w.topic+"-receipts-b") }
	settled := func() bool {
		receipts := 0.0 // two of each import: of its storing and of its end
		for _, b := range bridges {
			if b.metric("partitions_held") == 0 {
				return false
			}
			receipts += b.metric("receipts_total", `result="written"`) + b.metric("receipts_total", `result="skipped"`)
		}
		return int(receipts) == 2*len(w.api.Objects()) && leftOut() == written()
	}
	w.eventually("each has read what the other wrote", settled)
	before := written()
	time.Sleep(3 * time.Second) // some batches' ages
	if after := written(); after != before {
		t.Errorf("%d receipts became %d by themselves", before, after)
	}
	for side, b := range bridges {
		if n := ends(w.topic + "-letters-" + side); n != 1 {
			t.Errorf("there are %d dead letters of %s, want one", n, side)
		}
		b.wantSaid("a receipt of a bridge is never imported")
		b.wantSaid("dead letter of a bridge already")
		b.stop()
	}
	w.judge()
}
