package record_test

import (
	"testing"

	"kafka-import-bridge/internal/record"
)

// TestWorker_value stores a field of the value.
func TestWorker_value(t *testing.T) {
	after := options{value: "field:payload.after", namespace: "field:/payload.source.table", id: "field:id"}
	data := options{value: "field:data", namespace: "static:n", id: "field:id"}
	envelope := options{value: "field:data", namespace: "static:n", id: "field:/id"}
	users, n := []string{"users"}, []string{"n"}
	change := func(after string) record.Input {
		return value(`{"schema":{"after":{"id":"no"}},"payload":{"before":null,"after":` + after + `,"source":{"table":"users"},"op":"c"}}`)
	}
	for _, tc := range []lineCase{
		{"its own bytes", after, change(`{"id":"1","n":1.50,"big":12345678901234567890}`), `{"id":"1","n":1.50,"big":12345678901234567890}`, users},
		{"blanks inside are kept", after, change(`{ "id" : "1" }`), `{ "id" : "1" }`, users},
		{"blanks outside are not", data, value("{ \"data\" : \t{\"id\":\"1\"} }"), `{"id":"1"}`, n},
		{"newlines outside compact nothing", data, value("{\r\n \"data\" :\n{ \"id\":\"1\"}\n}\n"), `{ "id":"1"}`, n},
		{"newlines behind compact nothing", data, value("{\"data\":{ \"id\":\"1\"}\n,\"a\":{\n}}"), `{ "id":"1"}`, n},
		{"newlines inside compact it", data, value("{ \"data\": {\"id\" :\n\"1\", \"a\":[ 1] } }"), `{"id":"1","a":[1]}`, n},
		{"null is a tombstone", after, change("null"), "tombstone", nil},
		{"no value is a tombstone", after, record.Input{}, "tombstone", nil},
		{"nothing there", after, value(`{"payload":{"source":{"table":"users"}}}`), "no_value", nil},
		{"nothing above it", after, value(`{"after":{"id":"1"}}`), "no_value", nil},
		{"null above it", after, value(`{"payload":null}`), "no_value", nil},
		{"an array above it", after, value(`{"payload":[{"after":{"id":"1"}}]}`), "no_value", nil},
		{"an array", after, change(`[{"id":"1"}]`), "not_json", nil},
		{"a string that holds JSON", after, change(`"{\"id\":\"1\"}"`), "not_json", nil},
		{"a number", after, change(`7`), "not_json", nil},
		{"the last of two", data, value(`{"data":{"id":"1","id":"2"},"data":{"id":"3"}}`), `{"id":"3"}`, n},
		{"the last of two is none", data, value(`{"data":{"id":"1"},"data":1}`), "not_json", nil},
		{"the last parent of two is without", after, value(`{"payload":{"after":{"id":"1"}},"payload":{}}`), "no_value", nil},
		{"a damaged envelope", data, value(`{"data":{"id":"1"},"x":}`), "not_json", nil},
		{"a cut envelope", data, value(`{"data":{"id":"1"}`), "not_json", nil},
		{"no object at all", data, value(`[{"data":{"id":"1"}}]`), "not_json", nil},
		{"an id inside only", data, value(`{"id":"1","data":{}}`), "no_id", nil},
		{"an id deeper only", data, value(`{"data":{"data":{"id":"1"}}}`), "no_id", nil},
		{"the id of the envelope is set", envelope, value(`{"id":"1","data":{ "a" : 1}}`), `{"id":"1","a":1}`, n},
		{"the id of the envelope replaces", envelope, value(`{"data":{"id":0,"a":1,"id":[ ]},"id":"1"}`), `{"id":"1","a":1,"id":"1"}`, n},
		{"the id of the envelope is there already", envelope, value(`{"data":{ "id":"1" },"id":"1"}`), `{ "id":"1" }`, n},
		{"ids of an earlier one of two are forgotten", envelope, value(`{"data":{"id":"9","id":8},"id":"1","data":{"id":2}}`), `{"id":"1"}`, n},
		{"an id set in an empty object", envelope, value(`{"id":"1","data":{ }}`), `{"id":"1"}`, n},
		{"the object's own id by the whole path", options{value: "field:data", namespace: "static:n", id: "field:/data.id"}, value(`{"data":{ "id":"1" }}`), `{ "id":"1" }`, n},
		{"that id is bad as the object's own", options{value: "field:data", namespace: "static:n", id: "field:/data.id"}, value(`{"data":{"id":""}}`), "bad_id", nil},
		{"a namespace inside", options{value: "field:data", namespace: "field:ns", id: "key"}, record.Input{Key: []byte("k"), Value: []byte(`{"ns":"x","data":{"ns":["y","z"]}}`)}, `{"id":"k","ns":["y","z"]}`, []string{"y", "z"}},
		{"the size is that of the object", options{value: "field:data", namespace: "static:n", id: "field:id", maxLine: 11}, value(`{"padding":"padding","data":{"id":"1"}}`), `{"id":"1"}`, n},
		{"an object that is too large", options{value: "field:data", namespace: "static:n", id: "field:id", maxLine: 10}, value(`{"data":{"id":"1"}}`), "too_large", nil},
		{"a slash without an envelope", options{namespace: "field:/ns", id: "field:/id"}, value(`{ "id":"1","ns":"x"}`), `{ "id":"1","ns":"x"}`, []string{"x"}},
		{"a key that begins with a slash", options{namespace: "static:n", id: "field://id"}, value(`{"/id":"1"}`), `{"id":"1","/id":"1"}`, n},
	} {
		t.Run(tc.name, tc.run)
		t.Run(tc.name+", byte by byte", func(t *testing.T) {
			defer record.WalkOnly()()
			tc.run(t)
		})
	}
}
