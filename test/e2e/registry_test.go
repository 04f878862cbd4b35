package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/registry"
	"kafka-import-bridge/test/truth"
)

// avroSchema is a schema that is registered, with what writes by it.
type avroSchema struct {
	id uint32
	*avro.Schema
}

func (w *world) register(r *registry.Registry, name, fields string) avroSchema {
	w.t.Helper()
	text := fmt.Sprintf(`{"type":"record","name":%q,"fields":[{"name":"id","type":"string"},{"name":"namespace","type":"string"},{"name":"text","type":"string"}%s]}`, name, fields)
	schema, err := avro.Parse(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return avroSchema{r.Register(w.t, registry.Schema{Type: "AVRO", Subject: w.topic + "-" + name, Text: text}), schema}
}

// write turns a record's JSON into Avro, in Confluent's wire format.
func (s avroSchema) write(t *testing.T, r *kgo.Record, more map[string]any) {
	t.Helper()
	var object map[string]any
	if err := json.Unmarshal(r.Value, &object); err != nil {
		t.Fatal(err)
	}
	for k, v := range more {
		object[k] = v
	}
	var err error
	if r.Value, err = s.AppendEncode(binary.BigEndian.AppendUint32([]byte{0}, s.id), object); err != nil {
		t.Fatal(err)
	}
}

// Records of several schemas, also in one batch, become plain JSON. While the
// registry is away a partition that needs a schema which is not known waits and says
// so; the others go on, and nothing is lost.
func TestRegistry_partitionsWaitForTheirSchemasOnly(t *testing.T) {
	t.Parallel()
	r := registry.Start(t)
	w := newWorld(t, 2)
	w.env = w.env.with(environment{
		"BRIDGE_VALUE_FORMAT": "registry", "BRIDGE_SCHEMA_REGISTRY_URL": r.URL, "BRIDGE_ON_INVALID": "skip",
	})
	first := w.register(r, "first", "")
	second := w.register(r, "second", `,{"name":"more","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}`)
	write := func(of func(i int, p int32) avroSchema) func(int, *kgo.Record, *truth.Record) {
		return func(i int, rec *kgo.Record, want *truth.Record) {
			line := fmt.Sprintf(`{"id":"%s-%d","namespace":%q,"text":%q`, w.topic, w.next[w.topic], want.Namespaces[0], secretContent)
			rec.Value = []byte(line + "}")
			schema := of(i, rec.Partition)
			switch {
			case i%20 == 9:
				rec.Value, want.Namespaces, want.Fate = []byte(`{"no":"frame"}`), nil, truth.LeftOut
			case i%20 == 11:
				rec.Value, want.Namespaces, want.Fate = nil, nil, truth.LeftOut
			case schema == first:
				first.write(t, rec, nil)
				want.Line = []byte(line + "}")
			default:
				schema.write(t, rec, map[string]any{"more": int64(1767323045678)})
				want.Line = []byte(line + `,"more":"2026-01-02T03:04:05.678Z"}`)
			}
		}
	}
	w.produce(load{records: 400, edit: write(func(i int, _ int32) avroSchema { return []avroSchema{first, second}[i/2%2] })})
	out, code := w.command("check", "-sample", "100")
	for _, schema := range []avroSchema{first, second} {
		if want := fmt.Sprintf("by schema %d (AVRO)", schema.id); !strings.Contains(out, want) {
			t.Errorf("bridge check (exit code %d) does not say %q: %s", code, want, out)
		}
	}
	b := w.start()
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := b.metric("records_skipped_total", `reason="invalid"`); got != 20 {
		t.Errorf("%v records were left out as invalid, want 20", got)
	}

	third := w.register(r, "third", `,{"name":"more","type":["null",{"type":"long","logicalType":"timestamp-millis"}]}`)
	r.Freeze()
	w.produce(load{records: 400, edit: write(func(i int, p int32) avroSchema {
		if p == 1 && i%6 == 1 {
			return third
		}
		return first
	})})
	w.eventually("the partition whose schemas are known goes on", func() bool { return w.truth.Committed(w.topic, 0) == 400 })
	w.eventually("the other one says what it waits for", func() bool {
		state, problem := b.partition(1)
		return state == "failed" && strings.Contains(problem, fmt.Sprintf("waits for schema %d", third.id)) && b.metric("schema_registry_unavailable") == 1
	})
	w.eventually("the log says it", func() bool { return b.says("a schema is not to be had") })
	r.Thaw()
	w.waitStored()
	w.eventually("the registry is there again", func() bool { return b.metric("schema_registry_unavailable") == 0 })
	w.settle(b)
	w.judge()
}
