package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/truth"
)

// odd are valid records that a careless program would alter, with the line that
// each becomes: its own bytes, or, where those hold a raw newline, the same
// tokens without the space between them. N stands for a number of its own.
var odd = []struct{ name, value, line string }{
	{"duplicate keys", `{"id":"N","namespace":"ns-00","a":1,"a":2}`, ""},
	{"1,000 levels", `{"id":"N","namespace":"ns-00","a":` + strings.Repeat("[", 998) + strings.Repeat("]", 998) + `}`, ""},
	{"a number of 64 digits", `{"id":"N","namespace":"ns-00","a":` + strings.Repeat("1234567890123456", 4) + `}`, ""},
	{"numbers in every notation", `{"id":"N","namespace":"ns-00","a":[1.50,-0,1E+2,0.1e-7]}`, ""},
	{"escapes", `{"id":"N","namespace":"ns-00","a":"\u00e9\/\n\ud83d\ude00"}`, ""},
	{"an escaped NUL", `{"id":"N","namespace":"ns-00","a":"\u0000"}`, ""},
	{"spaces and tabs", "{ \"id\" : \"N\" ,\t\"namespace\":\"ns-00\" }", ""},
	{"spaces and tabs around", " \t{\"id\":\"N\", \"namespace\":\"ns-00\"}\t ", ""},
	{"newlines between tokens", "{\n\"id\": \"N\",\n \"namespace\":\"ns-00\",\"a\": 1.50 }", `{"id":"N","namespace":"ns-00","a":1.50}`},
	{"CRLF between tokens", "{\"id\":\"N\",\r\n\"namespace\":\"ns-00\"}", `{"id":"N","namespace":"ns-00"}`},
	{"a newline at the end", "{\"id\":\"N\", \"namespace\":\"ns-00\"}\n", `{"id":"N","namespace":"ns-00"}`},
	{"text beyond ASCII", `{"id":"N","namespace":"ns-00","a":"é 😀 <&>"}`, ""},
	{"an empty key", `{"id":"N","namespace":"ns-00","":{}}`, ""},
}

// Valid records arrive byte for byte, however odd they look.
func TestRecords_oddOnesArriveByteExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.produce(load{records: 3 * len(odd), edit: func(i int, r *kgo.Record, want *truth.Record) {
		number := func(text string) []byte { return []byte(strings.Replace(text, `"N"`, fmt.Sprintf(`"odd-%d"`, i), 1)) }
		record := odd[i%len(odd)]
		r.Value = number(record.value)
		want.Namespaces, want.Line = []string{"ns-00"}, r.Value
		if record.line != "" {
			want.Line = number(record.line)
		}
	}})
	b := w.start()
	w.settle(b)
	w.judge()
}

// Records that cannot become a line are held, skipped or dead-lettered, as the
// policy says, and never stop the others. A bad namespace never reaches a path.
func TestRecords_invalidOnesFollowThePolicy(t *testing.T) {
	for policy, fate := range map[string]truth.Fate{"hold": truth.Held, "skip": truth.LeftOut} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2)
			w.env["BRIDGE_ON_INVALID"] = policy
			bad := append(poison[:len(poison):len(poison)], []struct{ value, reason string }{
				{`"bare"`, "not_json"},
				{"", "not_json"},
				{"\x00", "not_json"},
				{`{"id":"a","namespace":"ns-00"} x`, "not_json"},
				{`{"id":"a","namespace":"a b"}`, "bad_namespace"},
				{`{"id":"a","namespace":"` + strings.Repeat("n", 10_000) + `"}`, "bad_namespace"},
				{`{"id":"a","namespace":"ns%2F00"}`, "bad_namespace"},
			}...)
			reasons := map[string]float64{}
			for _, p := range bad {
				reasons[p.reason]++
			}
			w.produce(load{records: 10 * len(bad), edit: func(i int, r *kgo.Record, want *truth.Record) {
				if i%10 == 5 {
					r.Value, want.Namespaces, want.Fate = []byte(bad[i/10].value), nil, fate
				}
			}})
			b := w.start()
			w.waitStored()
			for reason, want := range reasons {
				w.eventually("each is counted as "+reason, func() bool {
					return b.metric("records_rejected_total", fmt.Sprintf("reason=%q", reason)) == want
				})
			}
			if fate == truth.LeftOut {
				w.waitCommitted(w.topic)
			} else {
				w.eventually("the commits stop at the first of them", func() bool {
					return w.truth.Committed(w.topic, 1) == 2 && w.truth.Committed(w.topic, 0) == int64(5*len(bad))
				})
			}
			b.stop()
			b.expectLog("record cannot be imported")
			w.judge()
		})
	}
}
