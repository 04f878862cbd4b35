package record_test

import (
	"fmt"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
)

// benchValues are values of about 1 KiB.
func benchValues() map[string][]byte {
	pad := `{"id":"user-000000012345","ns":"listings","at":1712345678901,"kind":"update","pad":"`
	var fields, pretty, flags strings.Builder
	fields.WriteString(`{"id":"user-000000012345","ns":"listings"`)
	pretty.WriteString("{\n  \"id\": \"user-000000012345\",\n  \"ns\": \"listings\"")
	flags.WriteString(`{"id":"user-000000012345","ns":"listings","list":[{}`)
	for i := range 40 {
		fmt.Fprintf(&flags, `,{"k%d":%s,"n":[%d]}`, i, []string{"true", `"b"`, "null", "1.25"}[i*i/3%4], i)
	}
	for i := range 30 {
		fmt.Fprintf(&fields, `,"field%02d":"some text %d","n%02d":%d.5`, i, i, i, i*1000)
		fmt.Fprintf(&pretty, ",\n  \"field%02d\": \"some text %d\"", i, i)
	}
	return map[string][]byte{
		"padded":     []byte(pad + strings.Repeat("x", 1022-len(pad)) + `"}`),
		"cyrillic":   []byte(pad + strings.Repeat("я", (1022-len(pad))/2) + `"}`),
		"cjk":        []byte(pad + strings.Repeat("日本語 ", (1022-len(pad))/10) + `"}`),
		"escapes":    []byte(pad + strings.Repeat(`\u00e9t\u00e9 <\/b>\n`, (1022-len(pad))/22) + `"}`),
		"nested":     []byte(flags.String() + "]}"),
		"prose":      []byte(pad + strings.Repeat(`she said \"no\" and left. `, 36) + `"}`),
		"manyFields": []byte(fields.String() + "}"),
		"pretty":     []byte(pretty.String() + "\n}\n"),
	}
}

func BenchmarkWorker_Line(b *testing.B) {
	for name, value := range benchValues() {
		for _, id := range []string{"field:id", "key"} {
			b.Run(name+"/id="+id, func(b *testing.B) {
				m, err := record.NewMapper(record.Settings{Namespace: namespaceSource(b, "field:ns"), ID: idSource(b, id)})
				if err != nil {
					b.Fatal(err)
				}
				w, in := m.Worker(), record.Input{Key: []byte("other"), Value: value}
				var scratch []byte
				b.SetBytes(int64(len(value)))
				b.ReportAllocs()
				for b.Loop() {
					_, out, rej := w.Line(scratch[:0], &in)
					if rej != nil {
						b.Fatal(rej)
					}
					scratch = out
				}
			})
		}
	}
}

// BenchmarkWorker_envelope stores a field of the value, and the whole of it, and
// looks for the namespace inside the field both times: the time should be the same.
func BenchmarkWorker_envelope(b *testing.B) {
	for name, object := range benchValues() {
		value := []byte(`{"id":"1","op":"c","source":{"db":"shop","table":"listings"},"after":` + string(object) + `,"before":null}`)
		for _, source := range []string{"whole", "field:after"} {
			b.Run(name+"/value="+source, func(b *testing.B) {
				s := record.Settings{Namespace: namespaceSource(b, "field:/after.ns"), ID: idSource(b, "field:id")}
				if err := s.Value.UnmarshalText([]byte(source)); err != nil {
					b.Fatal(err)
				}
				m, err := record.NewMapper(s)
				if err != nil {
					b.Fatal(err)
				}
				w, in := m.Worker(), record.Input{Value: value}
				var scratch []byte
				b.SetBytes(int64(len(value)))
				for b.Loop() {
					_, out, rej := w.Line(scratch[:0], &in)
					if rej != nil {
						b.Fatal(rej)
					}
					scratch = out
				}
			})
		}
	}
}

// BenchmarkWorker_parallel runs a worker on each core: with -cpu 1,2 the time of a
// record should halve.
func BenchmarkWorker_parallel(b *testing.B) {
	m, err := record.NewMapper(record.Settings{Namespace: namespaceSource(b, "field:ns"), ID: idSource(b, "field:id")})
	if err != nil {
		b.Fatal(err)
	}
	value := benchValues()["manyFields"]
	b.SetBytes(int64(len(value)))
	b.RunParallel(func(pb *testing.PB) {
		w, in := m.Worker(), record.Input{Value: value}
		for pb.Next() {
			if _, _, rej := w.Line(nil, &in); rej != nil {
				panic(rej)
			}
		}
	})
}
