package consumer

import (
	"fmt"
	"strings"
	"testing"

	"kafka-import-bridge/internal/wire"
)

func TestLetter_headers(t *testing.T) {
	ours := []Header{
		{"bridge.reason", []byte("not_json")},
		{"bridge.error", []byte("byte 0 is no JSON")},
		{"bridge.source.topic", []byte("orders")},
		{"bridge.source.partition", []byte("12")},
		{"bridge.source.offset", []byte("9007199254740993")},
		{"bridge.source.timestamp", []byte("2023-11-14T22:13:20.007Z")},
	}
	for _, tc := range []struct {
		name   string
		letter letter
		want   []Header
	}{
		{"of a record", letter{}, ours},
		{
			"of a refused batch", letter{namespace: "acme", requestID: "req-1"},
			append(ours[:6:6], Header{"bridge.namespace", []byte("acme")}, Header{"bridge.request_id", []byte("req-1")}),
		},
		{
			"after the original ones, which keep their order and repeats",
			letter{Record: Record{Headers: []Header{{"z", nil}, {"a", []byte{}}, {"z", []byte{0, 255}}, {"bridge.reason", []byte("an earlier bridge's")}}}},
			append([]Header{{"z", nil}, {"a", []byte{}}, {"z", []byte{0, 255}}, {"bridge.reason", []byte("an earlier bridge's")}}, ours...),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := tc.letter
			l.source, l.offset, l.timestamp = TopicPartition{"orders", 12}, 9007199254740993, 1_700_000_000_007
			l.describe("not_json", "byte 0 is no JSON")
			if got := l.outgoing(); headerText(got) != headerText(tc.want) {
				t.Errorf("headers\n%s\nwant\n%s", headerText(got), headerText(tc.want))
			}
			if len(l.Headers) != len(tc.letter.Headers) {
				t.Error("writing a letter adds to its original headers")
			}
		})
	}
}

func headerText(list []Header) string {
	var b strings.Builder
	for _, h := range list {
		fmt.Fprintf(&b, "%s %s\n", h.Name, nullable(h.Value))
	}
	return b.String()
}

func nullable(v []byte) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprintf("%q", v)
}

// TestNewLetter_ownsItsMemory overwrites what a record was decoded from.
func TestNewLetter_ownsItsMemory(t *testing.T) {
	rec := wire.Record{Offset: 7, Timestamp: testTime, Key: []byte("key"), Value: []byte("value")}
	l := newLetter(TopicPartition{"orders", 0}, &rec)
	clear(rec.Key)
	clear(rec.Value)
	if string(l.Key) != "key" || string(l.Value) != "value" {
		t.Errorf("key %q, value %q", l.Key, l.Value)
	}
}
