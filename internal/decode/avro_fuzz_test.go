package decode

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/twmb/avro"
)

// plainSchemas have no logical types, so that both decoders make the same values.
var plainSchemas = []string{
	`{"type":"record","name":"T","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","T",{"type":"array","items":"T"}]},{"name":"s","type":"string"}]}`,
	`{"type":"array","items":["int","string","boolean",{"type":"enum","name":"E","symbols":["A","B"]},{"type":"map","values":["null","string"]}]}`,
	`{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"map","values":{"type":"array","items":"int"}}},{"name":"b","type":"null"}]}`,
}

// FuzzAvro_agreesWithTwmbAvro compares what is read of any bytes with what another
// implementation reads. That one may accept more: it takes strings as they are.
func FuzzAvro_agreesWithTwmbAvro(f *testing.F) {
	for i := range plainSchemas {
		f.Add(i, []byte("\x02\x02\x04\x00\x02x\x02y"))
		f.Add(i, []byte("\x02\x02\x02\x00\x00"))
	}
	var types []avroType
	var models []*avro.Schema
	for _, text := range plainSchemas {
		n, err := parseAvro(nil, text)
		if err != nil {
			f.Fatal(err)
		}
		m, err := avro.Parse(text)
		if err != nil {
			f.Fatal(err)
		}
		types, models = append(types, n), append(models, m)
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		if which < 0 || which >= len(types) {
			return
		}
		got, flt := readAvro(types[which], data, 1<<16)
		if flt != faultNone {
			return
		}
		if !json.Valid([]byte(got)) {
			t.Fatalf("data %x: no JSON: %s", data, got)
		}
		var v any
		rest, err := models[which].Decode(data, &v)
		if err != nil || len(rest) > 0 {
			t.Fatalf("data %x: got %s, the model has %v and leaves %d bytes", data, got, err, len(rest))
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(value(t, got), value(t, string(text))) {
			t.Fatalf("data %x\n got %s\nwant %s", data, got, text)
		}
	})
}
