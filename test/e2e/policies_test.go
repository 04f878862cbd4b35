package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

type truthRecord = truth.Record

// pad lengthens a JSON object to so many bytes.
func pad(value []byte, size int) []byte {
	padded := append(value[:len(value)-1:len(value)-1], `,"pad":"`...)
	for len(padded) < size-len(`"}`) {
		padded = append(padded, 'x')
	}
	return append(padded, `"}`...)
}

// A held record pins the committed offset and nothing else. A setting that makes
// it valid, or names it, releases it at the next start: it alone is sent then.
func TestHold_isReleasedByASetting(t *testing.T) {
	const held = 101 // the record, on partition 1
	for _, tc := range []struct {
		name    string
		edit    func(r *kgo.Record, want *truth.Record)
		before  environment
		after   environment
		becomes truth.Fate
	}{
		{
			"a namespace is allowed",
			func(r *kgo.Record, want *truth.Record) {
				r.Value = value(r.Topic, held, "other")
				want.Namespaces, want.Line = []string{"other"}, r.Value
			},
			environment{"BRIDGE_NAMESPACE_ALLOW": "ns-.*"}, environment{"BRIDGE_NAMESPACE_ALLOW": ""}, truth.Stored,
		},
		{
			"a namespace is mapped",
			func(r *kgo.Record, want *truth.Record) {
				r.Value = value(r.Topic, held, "not valid")
				want.Namespaces, want.Line = []string{"fixed"}, r.Value
			},
			nil, environment{"BRIDGE_NAMESPACE_MAP": "not valid=fixed"}, truth.Stored,
		},
		{
			"numbers become ids",
			func(r *kgo.Record, want *truth.Record) {
				r.Value = []byte(`{"id":1.0e2,"namespace":"ns-00"}`)
				want.Namespaces, want.Line = []string{"ns-00"}, []byte(`{"id":"1.0e2","namespace":"ns-00"}`)
			},
			nil, environment{"BRIDGE_ID_NUMBERS": "string"}, truth.Stored,
		},
		{
			"the policy becomes skip",
			func(r *kgo.Record, want *truth.Record) {
				r.Value, want.Namespaces = []byte(`{"broken":`), nil
			},
			nil, environment{"BRIDGE_ON_INVALID": "skip"}, truth.LeftOut,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			ids := w.produce(load{records: 400, edit: func(i int, r *kgo.Record, want *truth.Record) {
				if i == held {
					tc.edit(r, want)
					want.Fate = truth.Held
				}
			}})
			offset := w.truth.Offset(ids[held])
			b := w.start(tc.before)
			w.waitStored()
			w.eventually("the commit stops at the held record", func() bool {
				return w.truth.Committed(w.topic, 1) == offset && w.truth.Committed(w.topic, 0) == 200
			})
			if got := b.metric("partitions_held"); got != 1 {
				t.Errorf("partitions_held is %v, want 1", got)
			}
			b.stop()
			before := w.truth.Lines()
			w.truth.Decide(ids[held], tc.becomes, time.Now())
			b = w.start(tc.before, tc.after)
			w.settle(b)
			want := before
			if tc.becomes == truth.Stored {
				want++
			}
			if got := w.truth.Lines(); got != want {
				t.Errorf("%d lines were stored after the restart, want %d", got-before, want-before)
			}
			w.judge()
		})
	}
}

// BRIDGE_SKIP_RECORDS leaves out a held record by its name.
func TestHold_isSkippedByName(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	ids := w.produce(load{records: 100, edit: func(i int, r *kgo.Record, want *truth.Record) {
		if i == 50 {
			r.Value, want.Namespaces, want.Fate = []byte("not JSON"), nil, truth.Held
		}
	}})
	b := w.start()
	w.waitStored()
	w.eventually("the commit stops at the held record", func() bool { return w.truth.Committed(w.topic, 0) == 50 })
	b.stop()
	w.truth.Decide(ids[50], truth.LeftOut, time.Now())
	b = w.start(environment{"BRIDGE_SKIP_RECORDS": fmt.Sprintf("%s/0@50", w.topic)})
	w.waitCommitted(w.topic)
	if got := b.metric("records_skipped_total", `reason="operator"`); got != 1 {
		t.Errorf("records_skipped_total of reason operator is %v, want 1", got)
	}
	b.stop()
	w.judge()
}

// poison are values that cannot become a line, with the reason.
var poison = []struct{ value, reason string }{
	{`not JSON`, "not_json"},
	{`{"id":"a","namespace":"ns-00"} {"id":"b"}`, "not_json"},
	{`["id"]`, "not_json"},
	{"{\"id\":\"\xff\",\"namespace\":\"ns-00\"}", "not_json"},
	{"\xef\xbb\xbf{\"id\":\"a\",\"namespace\":\"ns-00\"}", "not_json"},
	{`{"namespace":"ns-00"}`, "no_id"},
	{`{"id":"","namespace":"ns-00"}`, "bad_id"},
	{`{"id":7,"namespace":"ns-00"}`, "bad_id"},
	{`{"id":"a"}`, "no_namespace"},
	{`{"id":"a","namespace":"../x"}`, "bad_namespace"},
}

// Invalid records and tombstones go to the dead-letter topic, byte for byte, and
// are acknowledged there before the commit passes them.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	dlq := w.deadLetterTopic()
	w.env["BRIDGE_ON_INVALID"], w.env["BRIDGE_ON_TOMBSTONE"] = "dlq", "dlq"
	originals := map[string]*kgo.Record{}
	w.produce(load{records: 1000, edit: func(i int, r *kgo.Record, want *truth.Record) {
		r.Key = fmt.Appendf(nil, "key-%d", i)
		r.Headers = []kgo.RecordHeader{{Key: "trace", Value: []byte{0, 1, 2}}}
		switch i % 20 {
		case 3:
			r.Value = []byte(poison[i/20%len(poison)].value)
		case 5:
			r.Value = nil
		case 7:
			r.Value = pad(r.Value, batchMaxBytes)
		default:
			return
		}
		want.Fate, want.Namespaces = truth.DeadLettered, nil
		originals[string(r.Key)] = r
	}})
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	for reason, want := range map[string]float64{"tombstone": 50, "too_large": 50, "not_json": 25, "no_id": 5, "bad_id": 10, "no_namespace": 5, "bad_namespace": 5} {
		if got := b.metric("dlq_records_total", fmt.Sprintf("reason=%q", reason)); got != want {
			t.Errorf("dlq_records_total of reason %s is %v, want %v", reason, got, want)
		}
	}
	b.stop()
	dlq.compare(originals)
	w.judge()
}

// By default tombstones are left out, counted, and pin nothing.
func TestTombstones_areSkipped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.produce(load{records: 500, edit: func(i int, r *kgo.Record, want *truth.Record) {
		if i%10 == 4 {
			r.Value, want.Namespaces, want.Fate = nil, nil, truth.LeftOut
		}
	}})
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("records_skipped_total", `reason="tombstone"`); got != 50 {
		t.Errorf("records_skipped_total of reason tombstone is %v, want 50", got)
	}
	b.stop()
	w.judge()
}

// A namespace that the API refuses for good is held: the others of the same
// partitions go on, and after a restart nothing that was stored is sent again.
func TestRefusedNamespace_doesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.api.Inject(refuse("ns-00"))
	refused := 0
	w.produce(load{records: 2000, edit: func(_ int, _ *kgo.Record, want *truth.Record) {
		if want.Namespaces[0] == "ns-00" {
			refused++
		}
	}})
	b := w.start()
	w.eventually("the other namespaces are stored", func() bool { return w.truth.Missing() == refused })
	w.eventually("the namespace is held", func() bool { return b.metric("namespaces_held") == 1 })
	b.stop()
	b = w.start()
	w.eventually("the namespace is held again", func() bool { return b.metric("namespaces_held") == 1 })
	b.expect(map[string]float64{"namespace_held": 1, `namespace_held namespace="ns-00"`: 1})
	w.api.ClearFaults()
	w.settle()
	b.expect(map[string]float64{"namespace_held": 0, "namespaces_held": 0})
	b.stop()
	b.expectLog("namespace held: its records wait in Kafka, the others go on", "imports of the namespace succeed again")
	w.judge()
}

// A dead letter that its topic refuses for good is held as its record is: here
// those without a key, which a compacted topic does not take. The others are
// written, the records are imported, and a stop waits for nothing.
func TestDeadLetters_whatTheTopicRefusesIsHeld(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.env["BRIDGE_ON_INVALID"] = "dlq"
	w.deadLetterTopic("cleanup.policy", "compact")
	const first = 7 // the first one without a key
	w.produce(load{records: 600, edit: func(i int, r *kgo.Record, want *truth.Record) {
		switch {
		case i == first || i > first && i%3 == 0:
			r.Value, want.Namespaces, want.Fate = []byte("poison"), nil, truth.Held
		case i%5 == 1:
			r.Key, r.Value, want.Namespaces, want.Fate = fmt.Append(nil, i), []byte("poison"), nil, truth.DeadLettered
		}
	}})
	b := w.start()
	w.waitStored()
	w.eventually("the commits stop at the first of them", func() bool { return w.truth.Committed(w.topic, 0) == first })
	w.eventually("the partition is held", func() bool { state, _ := b.partition(0); return state == "held" })
	w.eventually("/status says that the dead-letter topic refuses the record", func() bool {
		return strings.Contains(b.page("/status", "{"), "refuses it")
	})
	began := time.Now()
	b.stop()
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %s", took)
	}
	w.judge()
}
