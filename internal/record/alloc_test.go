package record_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"kafka-import-bridge/internal/record"
)

// TestWorker_steadyStateAllocatesNothing covers accepted records of each kind,
// and floods of bad ones.
func TestWorker_steadyStateAllocatesNothing(t *testing.T) {
	pad := strings.Repeat("é text ", 100)
	for _, tc := range []struct {
		name    string
		options options
		value   string
		ok      bool
	}{
		{"own bytes", options{namespace: "field:ns", id: "field:id"}, `{"id":"1","ns":["a","b"],"p":"` + pad + `"}`, true},
		{"compacted", options{namespace: "field:a.ns", id: "field:id"}, "{\n\"id\":\"1\", \"a\":{\"n\\u0073\":\"x\"},\"p\":\"" + pad + `"}`, true},
		{"number as id", options{namespace: "topic", id: "field:id", numbers: true}, `{"id":1,"p":"` + pad + `"}`, true},
		{"id from the key", options{namespace: "header:h", id: "key"}, `{"p":"` + pad + `"}`, true},
		{"id from the offset", options{namespace: "key", id: "offset"}, `{"id":"1"}`, true},
		{"id from a header", options{namespace: "static:s", id: "header:h", mapping: "s=a+b"}, `{"id":"1"}`, true},
		{"a field", options{value: "field:a.b", namespace: "field:/ns", id: "field:id"}, `{"ns":"x","a":{"b":{"id":"1"}}}`, true},
		{"no field", options{value: "field:a.b", namespace: "topic", id: "field:id"}, `{"b":{"id":"1"}}`, false},
		{"a field of another kind", options{value: "field:a.b", namespace: "topic", id: "field:id"}, `{"a":{"b":"{}"}}`, false},
		{"not JSON", options{namespace: "topic", id: "offset"}, "\x00\x00\x00\x00\x01avro", false},
		{"no id", options{namespace: "topic", id: "field:id"}, `{}`, false},
		{"bad namespace", options{namespace: "field:ns", id: "field:id"}, `{"id":"1","ns":"a b"}`, false},
		{"no namespace", options{namespace: "field:ns", id: "field:id"}, `{"id":"1","ns":[]}`, false},
		{"too large", options{namespace: "field:ns", id: "field:id", maxLine: 5}, `{"id":"1"}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mapper, _ := build(t, tc.options)
			w := mapper.Worker()
			in := &record.Input{
				Topic: "topic", Key: []byte("key"), Value: []byte(tc.value),
				Headers: record.Headers(headers{{"h", "x, y"}}),
			}
			var scratch []byte
			allocs := testing.AllocsPerRun(100, func() {
				_, out, rej := w.Line(scratch[:0], in)
				if (rej == nil) != tc.ok {
					t.Fatalf("rejection %+v, want accepted %t", rej, tc.ok)
				}
				scratch = out
			})
			// The headers of these tests copy what they give.
			if want := strings.Count(tc.options.namespace+tc.options.id, "header:"); int(allocs) > want {
				t.Errorf("%v allocations per record, want %d", allocs, want)
			}
		})
	}
}

// TestWorker_manyNamespaces sends more namespaces than the cache holds.
func TestWorker_manyNamespaces(t *testing.T) {
	mapper, _ := build(t, options{namespace: "key", id: "offset"})
	w := mapper.Worker()
	for round := range 2 {
		for i := range 40_000 {
			want := fmt.Sprintf("%0*d", 1+i%200, i)
			line, _, rej := w.Line(nil, &record.Input{Key: []byte(want), Value: []byte("{}")})
			if rej != nil || len(line.Namespaces) != 1 || line.Namespaces[0] != want {
				t.Fatalf("round %d: got %q, %+v, want %q", round, line.Namespaces, rej, want)
			}
		}
	}
}

// TestWorker_namespacesOutliveTheRecord changes the record's memory afterwards.
func TestWorker_namespacesOutliveTheRecord(t *testing.T) {
	mapper, _ := build(t, options{namespace: "field:ns", id: "field:id"})
	w := mapper.Worker()
	in := value(`{"id":"1","ns":["aa","bb"]}`)
	first, _, _ := w.Line(nil, &in)
	clear(in.Value)
	in = value(`{"id":"2","ns":["aa","bb"]}`)
	second, _, _ := w.Line(nil, &in)
	if got := strings.Join(first.Namespaces, " "); got != "aa bb" {
		t.Errorf("namespaces became %q", got)
	}
	if unsafe.SliceData(first.Namespaces) != unsafe.SliceData(second.Namespaces) {
		t.Error("equal lists are not shared")
	}
}

// TestWorker_linesDoNotGrowIntoEachOther appends to a line and to the scratch.
func TestWorker_linesDoNotGrowIntoEachOther(t *testing.T) {
	mapper, _ := build(t, options{namespace: "static:n", id: "key"})
	w := mapper.Worker()
	scratch := make([]byte, 0, 1024)
	same := record.Input{Key: []byte("1"), Value: append([]byte(`{"id":"1"}`), "after"...)[:10]}
	first, out, _ := w.Line(scratch, &same)
	_ = append(first.Bytes, "WRONG"...)
	second, out, _ := w.Line(out, &record.Input{Key: []byte("2"), Value: []byte(`{}`)})
	third, _, _ := w.Line(out, &record.Input{Key: []byte("3"), Value: []byte(`{}`)})
	_ = append(second.Bytes, "WRONG"...)
	if got := string(same.Value[:15]) + string(second.Bytes) + string(third.Bytes); got != `{"id":"1"}after{"id":"2"}{"id":"3"}` {
		t.Errorf("got %s", got)
	}
}

// TestMapper_workersAreIndependent gives the race detector something to see.
func TestMapper_workersAreIndependent(t *testing.T) {
	mapper, _ := build(t, options{namespace: "field:ns", id: "key", mapping: "*=a+b", allow: "a|b"})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			w := mapper.Worker()
			for i := range 200 {
				in := record.Input{Key: []byte{byte('0' + g)}, Value: fmt.Appendf(nil, `{"ns":"%d"}`, i%7)}
				if line, _, rej := w.Line(nil, &in); rej != nil || len(line.Namespaces) != 2 {
					t.Errorf("got %q, %+v", line.Namespaces, rej)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestRejection_details(t *testing.T) {
	for _, tc := range []struct {
		options options
		value   string
		want    string
	}{
		{options{namespace: "topic", id: "field:id"}, `{"id":"SECRET` + "\n", "a raw control character in a string, at byte 13"},
		{options{namespace: "topic", id: "field:id"}, "\ufeff{}", "the value begins with a byte order mark, at byte 0"},
		{options{namespace: "topic", id: "field:id"}, `{"id":"1"} {`, "something follows the JSON object, at byte 11"},
		{options{namespace: "topic", id: "field:id"}, `{"id":1}`, "BRIDGE_ID=field:id: a number; BRIDGE_ID_NUMBERS=string takes it as text"},
		{options{namespace: "field:a.b", id: "field:id"}, `{"id":"1"}`, "BRIDGE_NAMESPACE=field:a.b: the record has none"},
		{options{namespace: "field:a", id: "field:id", allow: "x"}, `{"id":"1","a":"SECRET"}`, "BRIDGE_NAMESPACE=field:a: a namespace is not allowed by BRIDGE_NAMESPACE_ALLOW"},
		{options{namespace: "field:a", id: "field:id", maxLine: 1}, `{"id":"1"}`, "the line with its newline is larger than a batch may be (BRIDGE_BATCH_MAX_BYTES)"},
		{options{namespace: "field:a", id: "field:id", maxLine: 20, maxFanout: 10}, `{"id":"1"}`, "the line with its newline is larger than a quarter of the buffer (BRIDGE_BUFFER_MAX_BYTES)"},
		{
			options{namespace: "field:a", id: "field:id", maxLine: 10, maxFanout: 5}, `{"id":"1"}`,
			"the line with its newline is larger than a batch may be (BRIDGE_BATCH_MAX_BYTES) and than a quarter of the buffer (BRIDGE_BUFFER_MAX_BYTES)",
		},
		{options{namespace: "topic", id: "field:id", mapping: "t=a+b", maxFanout: 21}, `{"id":"1"}`, "the line times its namespaces, with their bookkeeping, is larger than a quarter of the buffer (BRIDGE_BUFFER_MAX_BYTES)"},
	} {
		mapper, _ := build(t, tc.options)
		_, _, rej := mapper.Worker().Line(nil, &record.Input{Topic: "t", Value: []byte(tc.value)})
		if rej == nil || rej.Detail != tc.want {
			t.Errorf("value %q: got %+v, want %q", tc.value, rej, tc.want)
		}
	}
}
