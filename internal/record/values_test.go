package record_test

import (
	"encoding/json"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
)

type valueCase struct{ name, value string }

// nested is an object that holds levels-1 arrays or objects inside each other.
func nested(levels int, opening, closing string) string {
	return `{"id":"1","x":` + strings.Repeat(opening, levels-1) + strings.Repeat(closing, levels-1) + `}`
}

func validValues() []valueCase {
	return []valueCase{
		{"one member", `{"id":"1"}`},
		{"space, tab, CR and LF around and between tokens", " \t\r\n{ \"id\"\t:\r\"1\"\n,\"a\" : [ 1 , { } , [ ] ] } \r\n\t"},
		{"blanks and tabs around the object", "\t {\"id\": \"1\" } \t"},
		{"every escape", `{"id":"\"\\\/\b\f\n\r\t\u00e9\uD83d\uDe00"}`},
		{"lone high surrogate escape", `{"id":"\ud800"}`},
		{"lone low surrogate escape", `{"id":"\udc00x"}`},
		{"high surrogate escape before another escape", `{"id":"\ud800\n\ud800\u0041"}`},
		{"escaped NUL", `{"id":"\u0000"}`},
		{"delete character", "{\"id\":\"\x7f\"}"},
		{"two, three and four byte characters", "{\"id\":\"\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff\"}"},
		{"byte order mark inside a string", "{\"id\":\"\ufeff\"}"},
		{"line separators inside a string", "{\"id\":\"\u2028\u2029\u0085\"}"},
		{"keys repeat", `{"id":"1","id":"2","x":1,"x":{}}`},
		{"empty key", `{"":0,"id":"1"}`},
		{"numbers", `{"id":"1","n":[0,-0,1,-1,10,0.0,-0.1,1e1,1E1,1e+1,1e-01,0e0,0E+5,12.34e-56]}`},
		{"64-digit number", `{"id":"1","n":` + strings.Repeat("9", 64) + `.` + strings.Repeat("1", 64) + `}`},
		{"number beyond float64", `{"id":"1","n":1e999999}`},
		{"literals", `{"id":"1","n":[true,false,null]}`},
		{"1,000 arrays deep", nested(1000, "[", "]")},
		{"1,000 objects deep", `{"id":"1","x":` + strings.Repeat(`{"x":`, 998) + "0" + strings.Repeat("}", 998) + `}`},
		{"as deep as may be", nested(record.MaxDepth, "[", "]")},
		{"long string", `{"id":"` + strings.Repeat("0123456789", 1000) + `"}`},
	}
}

func invalidValues() []valueCase {
	return []valueCase{
		{"nothing", ""},
		{"white space only", " \n"},
		{"byte order mark", "\ufeff{\"id\":\"1\"}"},
		{"byte order mark after white space", " \ufeff{}"},
		{"UTF-16", "\xff\xfe{\x00}\x00"},
		{"array", `[{"id":"1"}]`},
		{"string", `"id"`},
		{"number", "1"},
		{"null", "null"},
		{"text", "SECRET"},
		{"two objects", `{"id":"1"}{"id":"2"}`},
		{"two lines", "{\"id\":\"1\"}\n{\"id\":\"2\"}"},
		{"trailing comma", `{"id":"1"},`},
		{"trailing NUL", "{\"id\":\"1\"}\x00"},
		{"trailing vertical tab", "{\"id\":\"1\"}\v"},
		{"trailing no-break space", "{\"id\":\"1\"}\u00a0"},
		{"leading NUL", "\x00{\"id\":\"1\"}"},
		{"NUL between tokens", "{\"id\":\x00\"1\"}"},
		{"NUL in a string", "{\"id\":\"SECRET\x00\"}"},
		{"line feed in a string", "{\"id\":\"SECRET\n\"}"},
		{"tab in a string", "{\"id\":\"\t\"}"},
		{"tab in a key", "{\"i\td\":\"1\"}"},
		{"form feed between tokens", "{\f\"id\":\"1\"}"},
		{"open object", `{`},
		{"open object after a key", `{"id"`},
		{"open object after a colon", `{"id":`},
		{"open object after a value", `{"id":"1"`},
		{"open object after a comma", `{"id":"1",`},
		{"open string", `{"id":"SECRET`},
		{"open string of eight", `{"id":"12345678`},
		{"open escape", `{"id":"\`},
		{"open unicode escape", `{"id":"\u12`},
		{"open array", `{"id":[1`},
		{"wrong closing bracket", `{"id":[1}`},
		{"wrong closing brace", `{"id":{]`},
		{"too many closing braces", `{"id":"1"}}`},
		{"comma first", `{,"id":"1"}`},
		{"comma last", `{"id":"1",}`},
		{"comma last in an array", `{"id":[1,]}`},
		{"comma alone in an array", `{"id":[,]}`},
		{"two commas", `{"id":"1",,"a":1}`},
		{"no comma", `{"id":"1" "a":1}`},
		{"no colon", `{"id" "1"}`},
		{"two colons", `{"id"::"1"}`},
		{"no value", `{"id":}`},
		{"member in an array", `{"id":["a":1]}`},
		{"bare key", `{id:"1"}`},
		{"single quotes", `{'id':'1'}`},
		{"number as a key", `{1:"1"}`},
		{"comment", `{"id":"1"/**/}`},
		{"unknown escape", `{"id":"\x41"}`},
		{"escaped capital", `{"id":"\N"}`},
		{"bad hexadecimal", `{"id":"\u12G4"}`},
		{"escaped line feed", "{\"id\":\"\\\n\"}"},
		{"leading zero", `{"id":01}`},
		{"negative leading zero", `{"id":-01}`},
		{"plus sign", `{"id":+1}`},
		{"minus alone", `{"id":-}`},
		{"leading point", `{"id":.5}`},
		{"trailing point", `{"id":5.}`},
		{"point before an exponent", `{"id":5.e1}`},
		{"empty exponent", `{"id":5e}`},
		{"signed empty exponent", `{"id":5e+}`},
		{"two exponents", `{"id":5e1e1}`},
		{"hexadecimal number", `{"id":0x1}`},
		{"number with a separator", `{"id":1_000}`},
		{"NaN", `{"id":NaN}`},
		{"infinity", `{"id":-Infinity}`},
		{"capital literal", `{"id":True}`},
		{"cut literal", `{"id":nul}`},
		{"long literal", `{"id":nulll}`},
		{"undefined", `{"id":undefined}`},
		{"lone continuation byte", "{\"id\":\"\x80\"}"},
		{"overlong slash", "{\"id\":\"\xc0\xaf\"}"},
		{"overlong of three", "{\"id\":\"\xe0\x80\x80\"}"},
		{"overlong of four", "{\"id\":\"\xf0\x80\x80\x80\"}"},
		{"encoded surrogate", "{\"id\":\"\xed\xa0\x80\"}"},
		{"beyond Unicode", "{\"id\":\"\xf4\x90\x80\x80\"}"},
		{"first byte beyond Unicode", "{\"id\":\"\xf5\x80\x80\x80\"}"},
		{"cut character of two", "{\"id\":\"\xc3\"}"},
		{"cut character of three", "{\"id\":\"\xe2\x82\"}"},
		{"cut character of four", "{\"id\":\"\xf0\x9f\x98\"}"},
		{"Latin-1 in a long string", "{\"id\":\"SECRET text with caf\xe9 in it\"}"},
		{"invalid UTF-8 in a key", "{\"\xff\":1,\"id\":\"1\"}"},
		{"no-break space between tokens", "{\u00a0\"id\":\"1\"}"},
		{"too deep", nested(record.MaxDepth+1, "[", "]")},
		{"too deep and open", `{"id":` + strings.Repeat("[", 200_000)},
	}
}

func TestWorker_validValues(t *testing.T) {
	mapper, m := build(t, options{namespace: "static:n", id: "field:id"})
	for _, tc := range validValues() {
		t.Run(tc.name, func(t *testing.T) {
			in := &record.Input{Value: []byte(tc.value)}
			line, _, rej := mapper.Worker().Line(nil, in)
			if rej != nil {
				t.Fatalf("rejected: %+v", rej)
			}
			if !json.Valid(line.Bytes) {
				t.Fatalf("line is not JSON: %q", line.Bytes)
			}
			compare(t, mapper.Worker(), m, in)
		})
	}
}

func TestWorker_invalidValues(t *testing.T) {
	mapper, m := build(t, options{namespace: "static:n", id: "offset"})
	for _, tc := range invalidValues() {
		t.Run(tc.name, func(t *testing.T) {
			in := &record.Input{Value: []byte(tc.value)}
			line, _, rej := mapper.Worker().Line(nil, in)
			if rej == nil || rej.Reason != record.NotJSON {
				t.Fatalf("got line %q, rejection %+v", line.Bytes, rej)
			}
			compare(t, mapper.Worker(), m, in)
		})
	}
}

// TestWorker_everyByteMatters cuts and damages one value at each position, so
// that the wide scan of strings meets every alignment.
func TestWorker_everyByteMatters(t *testing.T) {
	mapper, m := build(t, options{namespace: "static:n", id: "field:id"})
	w := mapper.Worker()
	const value = `{"id":"0123456789abcdef","é日😀":[1.5e3,true,{"\u00e9\n":null}],"long":"` + "0123456789é0123456789abcdefgh" + `"}`
	for i := range len(value) {
		compare(t, w, m, &record.Input{Value: []byte(value[:i])})
		for b := range 256 {
			damaged := []byte(value)
			damaged[i] = byte(b)
			compare(t, w, m, &record.Input{Value: damaged})
		}
	}
}
