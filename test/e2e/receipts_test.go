package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/test/truth"
)

// receiptsTopic makes a topic for receipts and names it to the bridges.
func (w *world) receiptsTopic() string {
	w.t.Helper()
	topic := w.topic + "-receipts"
	w.createTopic(topic, 2, map[string]string{"cleanup.policy": "compact"})
	w.env["BRIDGE_RECEIPTS_TOPIC"] = topic
	return topic
}

// receipts reads what the topic holds now.
func (w *world) receipts(topic string) (all []*kgo.Record) {
	w.t.Helper()
	want := int64(0)
	start := map[int32]kgo.Offset{}
	for p, end := range w.ends(topic) {
		want += end
		start[p] = kgo.NewOffset().AtStart()
	}
	client := w.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: start}))
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.context(), 20*time.Second)
	defer cancel()
	for int64(len(all)) < want && ctx.Err() == nil {
		all = append(all, client.PollFetches(ctx).Records()...)
	}
	return all
}

// verified is what bridge verify -json prints.
type verified struct {
	Partitions []verifiedPartition
	Total      verifiedPartition
	Receipts   struct{ Read, Bad int64 }
	Notes      []string
}

type verifiedPartition struct {
	Records, Deliveries, Covered, Missing, Unread int64
	DeadLettered                                  int64 `json:"dead_lettered"`
	LeftOut                                       int64 `json:"left_out"`
	CoveredTwice                                  int64 `json:"covered_twice"`
	Examples                                      []struct{ Namespace string }
}

func (w *world) verify(args ...string) (v verified, code int) {
	w.t.Helper()
	out, code := w.command(append([]string{"verify", "-json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		w.t.Fatalf("bridge verify ended with %d and printed %s: %v", code, out, err)
	}
	w.inspect("bridge verify", out)
	return v, code
}

// TestReceipts_everyRecordIsAccountedFor over crashes and a refused batch: bridge
// verify finds a receipt or a dead letter for each record, and what is missing if
// a receipt is taken away.
func TestReceipts_everyRecordIsAccountedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 3)
	topic := w.receiptsTopic()
	w.deadLetterTopic()
	w.env["BRIDGE_ON_INVALID"], w.env["BRIDGE_ON_REJECTED"] = "dlq", "dlq"
	w.api.Inject(refuse("ns-bad"))
	w.produce(load{
		records:   6000,
		namespace: func(i int) string { return fmt.Sprintf("ns-%02d", i%7) },
		edit: func(i int, r *kgo.Record, want *truth.Record) {
			switch {
			case i%100 == 7:
				r.Value, want.Fate, want.Namespaces = []byte("no JSON"), truth.DeadLettered, nil
			case i%100 == 8:
				r.Value, want.Fate, want.Namespaces = nil, truth.LeftOut, nil
			case i%1000 == 9:
				r.Value = []byte(strings.Replace(string(r.Value), want.Namespaces[0], "ns-bad", 1))
				want.Fate, want.Namespaces = truth.DeadLettered, nil
			}
		},
	})
	b := w.start()
	w.eventually("some records are stored", func() bool { return w.truth.Lines() > 1000 })
	b.kill()
	again := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	w.eventually("every import has come to its end", func() bool { return again.imports().Followed == 0 })
	again.stop()

	v, code := w.verify()
	if total := v.Total; code != 0 || total.Records != 6000 || total.Missing+total.Unread != 0 || total.DeadLettered != 66 || total.LeftOut != 60 || total.Covered != 5874 {
		t.Errorf("bridge verify ended with %d: %+v, %q", code, total, v.Notes)
	}
	ended := 0
	kept := w.receipts(topic)
	for _, r := range kept {
		if got, err := receipt.Decode(r.Value); err != nil || string(r.Key) != got.RequestID {
			t.Fatalf("receipt %s: %s, %v", r.Key, r.Value, err)
		} else if got.Status == "succeeded" && got.DataCount != nil && int(*got.DataCount) == got.Records {
			ended++
		}
	}
	if ended < 5 {
		t.Errorf("%d of %d receipts tell the end of their import", ended, len(kept))
	}

	w.env["BRIDGE_RECEIPTS_TOPIC"] = topic + "-less"
	w.createTopic(topic+"-less", 1, nil)
	client := w.client()
	first, _ := receipt.Decode(kept[0].Value)
	lost := 0 // lines of one namespace, those that were imported twice included
	for _, r := range kept {
		if got, _ := receipt.Decode(r.Value); got.Namespace == first.Namespace {
			lost += got.Records
		} else {
			client.Produce(w.context(), &kgo.Record{Topic: topic + "-less", Key: r.Key, Value: r.Value}, nil)
		}
	}
	if err := client.Flush(w.context()); err != nil {
		t.Fatal(err)
	}
	v, code = w.verify()
	if code != 1 || v.Total.Missing == 0 || v.Total.Missing > int64(lost) || v.Total.Missing+v.Total.Covered != 5874 {
		t.Errorf("without the receipts of %d records bridge verify ended with %d: %+v", lost, code, v.Total)
	}
	if out, _ := w.command("verify"); !strings.Contains(out, "missing: "+w.topic) || !strings.Contains(out, "namespace "+first.Namespace) || !strings.HasSuffix(out, "are not accounted for\n") {
		t.Errorf("bridge verify prints %s", out)
	}
	if v, code := w.verify("-since", "2100-01-01T00:00:00Z"); code != 0 || v.Total.Records != 0 {
		t.Errorf("of the records of the next century: %d, %+v", code, v.Total)
	}
	w.judge(truth.RepeatedAfterCrash, truth.DeadLetterRepeated)
}

// TestReceipts_offsetsWaitForThem: while the topic is missing imports go on and
// commits wait, which the page says; once it exists they go on. A stop does not
// repeat what is stored for want of receipts: it commits, and logs them whole.
func TestReceipts_offsetsWaitForThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	topic := w.topic + "-receipts"
	w.env["BRIDGE_RECEIPTS_TOPIC"] = topic
	w.produce(load{records: 1000})
	b := w.start()
	w.waitStored()
	w.eventually("the receipts that wait are told", func() bool {
		return strings.HasPrefix(b.status().pin(w.topic, 0), "receipt") && b.imports().ReceiptsError != nil
	})
	for p := range w.ends(w.topic) {
		if got := w.truth.Committed(w.topic, p); got > 0 {
			t.Errorf("%d is committed of partition %d before there is a receipt", got, p)
		}
	}
	w.createTopic(topic, 1, nil)
	w.waitCommitted(w.topic)
	// An import that has ended meanwhile has a second one.
	if got, imports := b.metric("receipts_total", `result="written"`), float64(len(w.api.Objects())); imports < 5 || got < imports || got > 2*imports {
		t.Errorf("%v receipts were written of %v imports", got, imports)
	}
	if _, err := w.admin.DeleteTopics(w.context(), topic); err != nil {
		t.Fatal(err)
	}
	w.produce(load{records: 500})
	w.waitStored()
	if code := b.terminate(); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	w.waitCommitted(w.topic)
	if log := b.logged(); !strings.Contains(log, "receipt could not be written") || !strings.Contains(log, `\"pieces\":[`) {
		t.Errorf("the receipts that were not written are not in the log: %s", b.tail())
	}
	w.judge()
}
