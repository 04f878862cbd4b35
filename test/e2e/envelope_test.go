package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// envelope is a way to wrap objects, with the settings that docs/values.md gives for
// it. In the texts OBJECT and ID are those of the record.
type envelope struct {
	settings environment
	value    string
	line     string // "" is OBJECT
	null     string // the value of a tombstone
	without  string // a value that has no object
}

var envelopes = map[string]envelope{
	"debezium": {
		settings: environment{"BRIDGE_VALUE": "field:payload.after", "BRIDGE_NAMESPACE": "field:/payload.source.table"},
		value:    `{"schema":{"fields":[{"after":{"id":"no"}}]},"payload":{"before":{"id":"old"},"after":OBJECT,"source":{"db":"shop","table":"users"},"op":"u"}}`,
		null:     `{"schema":null,"payload":{"before":OBJECT,"after":null,"source":{"db":"shop","table":"users"},"op":"d"}}`,
		without:  `{"schema":null,"payload":{"source":{"db":"shop","table":"users"},"op":"t"}}`,
	},
	"outbox": {
		settings: environment{"BRIDGE_VALUE": "field:payload", "BRIDGE_NAMESPACE": "field:/aggregate", "BRIDGE_ID": "key"},
		value:    "{\n \"payload\" : OBJECT,\n \"aggregate\" : \"users\"\n}",
		line:     `{"id":"ID","namespace":"ns","text":"CONTENTSECRET"}`,
		null:     `{"payload":null,"aggregate":"users"}`,
		without:  `{"aggregate":"users"}`,
	},
	"cloudevents": {
		settings: environment{"BRIDGE_VALUE": "field:data", "BRIDGE_NAMESPACE": "field:/type", "BRIDGE_NAMESPACE_MAP": "com.example.user.updated=users"},
		value:    `{"specversion":"1.0","id":"e-17","type":"com.example.user.updated","source":"/users","data":OBJECT}`,
		null:     `{"specversion":"1.0","id":"e-17","type":"com.example.user.updated","source":"/users","data":null}`,
		without:  `{"specversion":"1.0","id":"e-17","type":"com.example.user.updated","source":"/users","data_base64":"AAAA"}`,
	},
}

// The object of an envelope arrives in its own bytes.
func TestEnvelopes(t *testing.T) {
	for name, e := range envelopes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.env["BRIDGE_ON_INVALID"] = "skip"
			w.produce(load{records: 300, edit: e.edit})
			b := w.start(e.settings)
			w.settle()
			for series, want := range map[string]float64{
				`records_skipped_total reason="tombstone"`: 60,
				`records_skipped_total reason="invalid"`:   30,
				`records_rejected_total reason="no_value"`: 30,
			} {
				name, label, _ := strings.Cut(series, " ")
				if got := b.metric(name, label); got != want {
					t.Errorf("%s{%s} is %v, want %v", name, label, got, want)
				}
			}
			b.stop()
			w.judge()
		})
	}
}

func (e envelope) edit(i int, r *kgo.Record, want *truth.Record) {
	id := fmt.Sprintf("id-%d", i)
	object := fmt.Sprintf(`{ "id":%q, "namespace":"ns","text":"CONTENTSECRET"}`, id)
	if e.line != "" {
		object = `{"namespace":"ns","text":"CONTENTSECRET"}`
	}
	fill := strings.NewReplacer("OBJECT", object, "ID", id)
	r.Key, want.Namespaces = []byte(id), []string{"users"}
	want.Line = []byte(object)
	if e.line != "" {
		want.Line = []byte(fill.Replace(e.line))
	}
	r.Value = []byte(fill.Replace(e.value))
	switch i % 10 {
	case 1:
		r.Value = []byte(fill.Replace(e.null))
	case 2:
		r.Value = nil
	case 3:
		r.Value = []byte(fill.Replace(e.without))
	default:
		return
	}
	want.Namespaces, want.Fate = nil, truth.LeftOut
}
