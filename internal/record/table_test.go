package record_test

import (
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
)

// lineCase is one record through one set of options. want is the line, or the
// label of a reason if namespaces is empty.
type lineCase struct {
	name       string
	options    options
	in         record.Input
	want       string
	namespaces []string
}

func (tc lineCase) run(t *testing.T) {
	mapper, _ := build(t, tc.options)
	w := mapper.Worker()
	for _, pass := range []string{"first", "cached"} {
		line, _, rej := w.Line(nil, &tc.in)
		got := string(line.Bytes)
		if rej != nil {
			got = rej.Reason.String()
		}
		if got != tc.want || !slices.Equal(line.Namespaces, tc.namespaces) {
			t.Fatalf("%s: got %s %q (%+v), want %s %q", pass, got, line.Namespaces, rej, tc.want, tc.namespaces)
		}
	}
}

func value(s string) record.Input { return record.Input{Value: []byte(s)} }

func TestWorker_id(t *testing.T) {
	own := options{namespace: "static:n", id: "field:id"}
	numbers := options{namespace: "static:n", id: "field:id", numbers: true}
	path := options{namespace: "static:n", id: "field:user.id"}
	key := options{namespace: "static:n", id: "key"}
	header := options{namespace: "static:n", id: "header:h"}
	n := []string{"n"}
	k40, k70 := strings.Repeat("k", 40), strings.Repeat("k", 70)
	deep := `{"` + k40 + `":{"` + k40 + `":1,"` + k70 + `":"a","kkkkkk":2}}`
	keyed := func(key, value string) record.Input {
		return record.Input{Key: []byte(key), Value: []byte(value)}
	}
	headed := func(h headers) record.Input { return record.Input{Headers: h, Value: []byte(`{}`)} }
	for _, tc := range []lineCase{
		{"own id keeps the bytes", own, value(`{ "id" : "a" }`), `{ "id" : "a" }`, n},
		{"own id missing", own, value(`{"ID":"a"}`), "no_id", nil},
		{"own id deeper only", own, value(`{"a":{"id":"x"},"b":[{"id":"x"}]}`), "no_id", nil},
		{"own id empty", own, value(`{"id":""}`), "bad_id", nil},
		{"own id null", own, value(`{"id":null}`), "bad_id", nil},
		{"own id true", own, value(`{"id":true}`), "bad_id", nil},
		{"own id an object", own, value(`{"id":{"id":"a"}}`), "bad_id", nil},
		{"own id an array", own, value(`{"id":["a"]}`), "bad_id", nil},
		{"own id a number", own, value(`{"id":7}`), "bad_id", nil},
		{"own id with an escaped key", own, value(`{"\u0069d":"a"}`), `{"\u0069d":"a"}`, n},
		{"last duplicate is good", own, value(`{"id":7,"id":"a"}`), `{"id":7,"id":"a"}`, n},
		{"last duplicate is bad", own, value(`{"id":"a","id":7}`), "bad_id", nil},
		{"number as text", numbers, value(`{"a":1.0,"id":-1.50e+3}`), `{"a":1.0,"id":"-1.50e+3"}`, n},
		{"number of 64 digits as text", numbers, value(`{"id":` + strings.Repeat("7", 64) + `}`), `{"id":"` + strings.Repeat("7", 64) + `"}`, n},
		{"number as text in each duplicate", numbers, value(`{"id":"a","id":7}`), `{"id":"7","id":"7"}`, n},
		{"string where numbers are taken", numbers, value(`{ "id":"7"}`), `{ "id":"7"}`, n},
		{"true where numbers are taken", numbers, value(`{"id":true}`), "bad_id", nil},
		{"path", path, value(`{"user":{"id":"\u0061"}}`), `{"id":"\u0061","user":{"id":"\u0061"}}`, n},
		{"path replaces the id", path, value(`{"user":{"id":"a"},"id":{"x":[1, 2]}}`), `{"user":{"id":"a"},"id":"a"}`, n},
		{"path equals the id", path, value(`{ "user":{"id":"a"},"id":"a"}`), `{ "user":{"id":"a"},"id":"a"}`, n},
		{"path through an array", path, value(`{"user":[{"id":"a"}]}`), "no_id", nil},
		{"path through a string", path, value(`{"user":"id"}`), "no_id", nil},
		{"path to null", path, value(`{"user":{"id":null}}`), "no_id", nil},
		{"path to an empty string", path, value(`{"user":{"id":""}}`), "no_id", nil},
		{"path to an array", path, value(`{"user":{"id":[]}}`), "bad_id", nil},
		{"path to a number", path, value(`{"user":{"id":1}}`), "bad_id", nil},
		{"path of long keys", options{namespace: "static:n", id: "field:" + k40 + "." + k70}, value(deep), `{"id":"a",` + deep[1:], n},
		{"last parent counts", path, value(`{"user":{"id":"a"},"user":{}}`), "no_id", nil},
		{"last parent is no object", path, value(`{"user":{"id":"a"},"user":1}`), "no_id", nil},
		{"a literal key with a dot is another", path, value(`{"user.id":"a"}`), "no_id", nil},
		{"key added", key, keyed("k", `{"a":1}`), `{"id":"k","a":1}`, n},
		{"key added to an empty object", key, keyed("k", " { } "), `{"id":"k"}`, n},
		{"key equals the id, with blanks around", key, keyed("k", ` {"id":"k", "a":1} `), ` {"id":"k", "a":1} `, n},
		{"key replaces, with blanks around", key, keyed("k", ` {"id":"x", "a":1} `), `{"id":"k","a":1}`, n},
		{"key added and compacted", key, keyed("k", `{ "a" : 1 }`), `{"id":"k","a":1}`, n},
		{"key replaces", key, keyed("k", `{"a":1,"id":"x","b":2}`), `{"a":1,"id":"k","b":2}`, n},
		{"key replaces each duplicate", key, keyed("k", `{"id":[{"id":1}],"a":"id","id":null}`), `{"id":"k","a":"id","id":"k"}`, n},
		{"key is escaped", key, keyed("\"\\/é\u00a0\u200b\U0001f600", `{}`), `{"id":"\"\\/é` + "\u00a0\u200b\U0001f600" + `"}`, n},
		{"key is not UTF-8", key, keyed("\xff", `{}`), "bad_id", nil},
		{"key is a number in binary", key, keyed("\x00\x00\x00\x00\x00\x00\x00*", `{"id":"a"}`), "bad_id", nil},
		{"key is a UUID in binary", key, keyed("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", `{}`), "bad_id", nil},
		{"key ends in a line feed", key, keyed("a\n", `{}`), "bad_id", nil},
		{"key holds DEL", key, keyed("a\x7f", `{}`), "bad_id", nil},
		{"key holds a control character of two bytes", key, keyed("\u0085", `{}`), "bad_id", nil},
		{"header is binary", header, headed(headers{{"h", "\x00\x01"}}), "bad_id", nil},
		{"key is empty", key, keyed("", `{}`), "no_id", nil},
		{"key is null", key, value(`{"id":"a"}`), "no_id", nil},
		{"header, the last one", header, headed(headers{{"h", "a"}, {"h", "b"}, {"g", "c"}}), `{"id":"b"}`, n},
		{"header is missing", header, headed(headers{{"g", "c"}}), "no_id", nil},
		{"header is empty", header, headed(headers{{"h", "a"}, {"h", ""}}), "no_id", nil},
		{"no headers at all", header, value(`{}`), "no_id", nil},
		{
			"offset",
			options{namespace: "static:n", id: "offset"},
			record.Input{Topic: "orders.v1", Partition: 3, Offset: 1 << 40, Value: []byte(`{"id":"a"}`)},
			`{"id":"orders.v1-3-1099511627776"}`, n,
		},
	} {
		t.Run(tc.name, tc.run)
	}
}

func TestWorker_namespaces(t *testing.T) {
	const id = "field:id"
	ns := options{namespace: "field:ns", id: id}
	mapped := options{namespace: "field:ns", id: id, mapping: "a=x+y, b=y ,c=c,*=rest"}
	allowed := options{namespace: "field:ns", id: id, allow: "a|ab"}
	key := options{namespace: "key", id: id}
	header := options{namespace: "header:h", id: id}
	const line = `{"id":"1"}`
	with := func(ns string) record.Input { return value(`{"id":"1","ns":` + ns + `}`) }
	is := func(ns string) string { return `{"id":"1","ns":` + ns + `}` }
	keyed := func(k string) record.Input { return record.Input{Key: []byte(k), Value: []byte(line)} }
	headed := func(v string) record.Input {
		return record.Input{Headers: headers{{"h", v}}, Value: []byte(line)}
	}
	long := strings.Repeat("n", 255)
	letters := strings.Split("abcdefghijklmnopqrstuvwxyz", "")
	many := `["` + strings.Join(slices.Repeat(letters, 3), `","`) + `"]`
	for _, tc := range []lineCase{
		{"field", ns, with(`"Az_-09"`), is(`"Az_-09"`), []string{"Az_-09"}},
		{"field with escapes", ns, with(`"\u0061"`), is(`"\u0061"`), []string{"a"}},
		{"field as an array", ns, with(`[ "b", "a" ,"b"]`), is(`[ "b", "a" ,"b"]`), []string{"b", "a"}},
		{"field as a long array with repeats", ns, with(many), is(many), letters},
		{"field missing", ns, value(line), "no_namespace", nil},
		{"field null", ns, with(`null`), "no_namespace", nil},
		{"field empty", ns, with(`""`), "no_namespace", nil},
		{"field an empty array", ns, with(`[ ]`), "no_namespace", nil},
		{"field a number", ns, with(`1`), "bad_namespace", nil},
		{"field an object", ns, with(`{"ns":"a"}`), "bad_namespace", nil},
		{"field an array with null", ns, with(`["a",null]`), "bad_namespace", nil},
		{"field an array with an array", ns, with(`["a",["b"]]`), "bad_namespace", nil},
		{"field an array with an empty string", ns, with(`["a",""]`), "bad_namespace", nil},
		{"one bad of many", ns, with(`["a","../x","b"]`), "bad_namespace", nil},
		{"a space", ns, with(`"a b"`), "bad_namespace", nil},
		{"a letter outside ASCII", ns, with(`"é"`), "bad_namespace", nil},
		{"a lone surrogate", ns, with(`"\ud800"`), "bad_namespace", nil},
		{"as long as may be", ns, with(`"` + long + `"`), is(`"` + long + `"`), []string{long}},
		{"too long", ns, with(`"` + long + `n"`), "bad_namespace", nil},
		{"10 KB long", ns, with(`"` + strings.Repeat("n", 10_000) + `"`), "bad_namespace", nil},
		{"field commas are no list", ns, with(`"a,b"`), "bad_namespace", nil},
		{"last duplicate", ns, value(`{"id":"1","ns":["a"],"ns":"b"}`), `{"id":"1","ns":["a"],"ns":"b"}`, []string{"b"}},
		{"last duplicate is null", ns, value(`{"id":"1","ns":"a","ns":null}`), "no_namespace", nil},
		{"mapped to two", mapped, with(`["b","a"]`), is(`["b","a"]`), []string{"y", "x"}},
		{"caught", mapped, with(`"../x"`), is(`"../x"`), []string{"rest"}},
		{"an empty name is not caught", mapped, with(`["b",""]`), "bad_namespace", nil},
		{"nothing is not caught", mapped, with(`[]`), "no_namespace", nil},
		{"targets are not mapped again", mapped, with(`"x"`), is(`"x"`), []string{"rest"}},
		{"allowed", allowed, with(`"ab"`), is(`"ab"`), []string{"ab"}},
		{"allowed in part", allowed, with(`"abc"`), "bad_namespace", nil},
		{"key", key, keyed("a"), line, []string{"a"}},
		{"key is no list", key, keyed("a,b"), "bad_namespace", nil},
		{"key is not trimmed", key, keyed(" a"), "bad_namespace", nil},
		{"key is not UTF-8", key, keyed("\xff"), "bad_namespace", nil},
		{"key is a number in binary", key, keyed("\x00\x00\x00*"), "bad_namespace", nil},
		{"header is binary", header, headed("a,\x00"), "bad_namespace", nil},
		{"key is empty", key, keyed(""), "no_namespace", nil},
		{"key is null", key, value(line), "no_namespace", nil},
		{"header", header, headed("a"), line, []string{"a"}},
		{"header list", header, headed(" b ,\ta,b "), line, []string{"b", "a"}},
		{"header list with nothing between commas", header, headed("a, ,b"), "bad_namespace", nil},
		{"header list with a trailing comma", header, headed("a,"), "bad_namespace", nil},
		{"header comma alone", header, headed(","), "bad_namespace", nil},
		{"header blank", header, headed(" \t"), "no_namespace", nil},
		{"header missing", header, record.Input{Headers: headers{}, Value: []byte(line)}, "no_namespace", nil},
		{"no headers at all", header, value(line), "no_namespace", nil},
		{"topic", options{namespace: "topic", id: id}, record.Input{Topic: "t", Value: []byte(line)}, line, []string{"t"}},
		{"topic that is no namespace", options{namespace: "topic", id: id}, record.Input{Topic: "t.x", Value: []byte(line)}, "bad_namespace", nil},
		{"topic that is mapped", options{namespace: "topic", id: id, mapping: "t.x=t"}, record.Input{Topic: "t.x", Value: []byte(line)}, line, []string{"t"}},
		{"static", options{namespace: "static:s", id: id}, value(line), line, []string{"s"}},
		{"static that is mapped", options{namespace: "static:s", id: id, mapping: "s=a+b+a"}, value(line), line, []string{"a", "b"}},
	} {
		t.Run(tc.name, tc.run)
	}
}

func TestWorker_bytes(t *testing.T) {
	own := options{namespace: "static:n", id: "field:id"}
	n := []string{"n"}
	for _, tc := range []lineCase{
		{"inner spaces stay", own, value(`{"id": "1",	"a": [ 1 ]}`), `{"id": "1",	"a": [ 1 ]}`, n},
		{"line feed between tokens", own, value("{\n \"id\" : \"1 \\n 2\",\n\t\"a\":[ 1.0 , 2E5 ]\n}"), `{"id":"1 \n 2","a":[1.0,2E5]}`, n},
		{"carriage return between tokens", own, value("{\"id\": \"1\",\r\"a\": 1}"), `{"id":"1","a":1}`, n},
		{"trailing CRLF", own, value("{\"id\":\"1\"}\r\n"), `{"id":"1"}`, n},
		{"trailing line feed after spaced tokens", own, value("{\"id\": \"1\"}\n"), `{"id":"1"}`, n},
		{"blanks and tabs around stay", own, value(" \t{\"id\": \"1\"}\t "), " \t{\"id\": \"1\"}\t ", n},
		{"blanks and a line feed around", own, value(" {\"id\": \"1\"} \n"), `{"id":"1"}`, n},
		{"a carriage return before", own, value("\r{\"id\": \"1\"} "), `{"id":"1"}`, n},
		{"characters outside ASCII", own, value("{\n\"id\":\"日本 \\\" é\\\\\" , \"é\" : \" 😀 \"}"), "{\"id\":\"日本 \\\" é\\\\\",\"é\":\" 😀 \"}", n},
		{"null", own, record.Input{}, "tombstone", nil},
		{"empty", own, value(""), "not_json", nil},
	} {
		t.Run(tc.name, tc.run)
	}
}

// TestWorker_sizes goes one byte to either side of each limit.
func TestWorker_sizes(t *testing.T) {
	const line = `{"id":"1"}` // 11 bytes with its newline
	spaced := "{\n\"id\" : \"1\"\n}"
	n := []string{"n"}
	own := func(maxLine, maxFanout int64) options {
		return options{namespace: "static:n", id: "field:id", maxLine: maxLine, maxFanout: maxFanout}
	}
	fan := func(maxFanout int64) options {
		return options{namespace: "header:h", id: "field:id", maxFanout: maxFanout}
	}
	keyed := func(maxLine int64) options {
		return options{namespace: "static:n", id: "key", maxLine: maxLine}
	}
	three := record.Input{Headers: headers{{"h", "a,b,c,a"}}, Value: []byte(line)}
	for _, tc := range []lineCase{
		{"fits", own(11, 11), value(line), line, n},
		{"one byte too many", own(10, 0), value(line), "too_large", nil},
		{"fits once compacted", own(11, 11), value(spaced), line, n},
		{"blanks around count", own(13, 13), value(" " + line + "\t"), " " + line + "\t", n},
		{"one blank around too many", own(12, 0), value(" " + line + "\t"), "too_large", nil},
		{"blanks around do not count once compacted", own(11, 0), value(" " + line + "\t\n"), line, n},
		{"spaces that stay count", own(11, 0), value(`{"id": "1"}`), "too_large", nil},
		{"fits with its new id", keyed(12), record.Input{Key: []byte("22"), Value: []byte(`{"id" : "1"}`)}, `{"id":"22"}`, n},
		{"too large with its new id", keyed(11), record.Input{Key: []byte("22"), Value: []byte(line)}, "too_large", nil},
		{"too large with an added id", keyed(11), record.Input{Key: []byte("22"), Value: []byte(`{}`)}, "too_large", nil},
		{"large id replaced by a small one", keyed(11), record.Input{Key: []byte("1"), Value: []byte(`{"id":[ "a", { "b" : 1 } ]}`)}, line, n},
		{"fan-out fits", fan(33), three, line, []string{"a", "b", "c"}},
		{"fan-out is too large", fan(32), three, "too_large", nil},
		{"not JSON comes before too large", own(1, 1), value(`{"id":"1"`), "not_json", nil},
		{"no id comes before too large", own(1, 1), value(`{}`), "no_id", nil},
		{"too large for the buffer comes before no namespace", options{namespace: "key", id: "field:id", maxFanout: 10}, value(line), "too_large", nil},
		{"too large comes before no namespace", options{namespace: "key", id: "field:id", maxLine: 1}, value(line), "too_large", nil},
	} {
		t.Run(tc.name, tc.run)
	}
}

// TestWorker_fanoutLimitIsNotCached: the same list fits a small line after it
// did not fit a large one.
func TestWorker_fanoutLimitIsNotCached(t *testing.T) {
	mapper, _ := build(t, options{namespace: "key", id: "field:id", mapping: "k=a+b", maxFanout: 30})
	w := mapper.Worker()
	for _, tc := range []struct {
		value string
		ok    bool
	}{{`{"id":"123456789"}`, false}, {`{"id":"1"}`, true}, {`{"id":"123456789"}`, false}} {
		_, _, rej := w.Line(nil, &record.Input{Key: []byte("k"), Value: []byte(tc.value)})
		if (rej == nil) != tc.ok {
			t.Fatalf("value %s: rejection %+v, want accepted %t", tc.value, rej, tc.ok)
		}
	}
}
