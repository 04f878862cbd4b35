package letters

import (
	"fmt"
	"strings"
	"testing"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

func TestLetter_headers(t *testing.T) {
	ours := []kafka.Header{
		{Name: "bridge.reason", Value: []byte("not_json")},
		{Name: "bridge.error", Value: []byte("byte 0 is no JSON")},
		{Name: "bridge.source.topic", Value: []byte("orders")},
		{Name: "bridge.source.partition", Value: []byte("12")},
		{Name: "bridge.source.offset", Value: []byte("9007199254740993")},
		{Name: "bridge.source.timestamp", Value: []byte("2023-11-14T22:13:20.007Z")},
	}
	for _, tc := range []struct {
		name   string
		letter Letter
		want   []kafka.Header
	}{
		{"of a record", Letter{}, ours},
		{
			"of a refused batch", Letter{Namespace: "acme", RequestID: "req-1"},
			append(ours[:6:6], kafka.Header{Name: "bridge.namespace", Value: []byte("acme")}, kafka.Header{Name: "bridge.request_id", Value: []byte("req-1")}),
		},
		{
			"after the original ones, which keep their order and repeats",
			Letter{Original: fetch.Original{Record: kafka.Record{Headers: []kafka.Header{{Name: "z", Value: nil}, {Name: "a", Value: []byte{}}, {Name: "z", Value: []byte{0, 255}}, {Name: "bridge.reason", Value: []byte("an earlier bridge's")}}}}},
			append([]kafka.Header{{Name: "z", Value: nil}, {Name: "a", Value: []byte{}}, {Name: "z", Value: []byte{0, 255}}, {Name: "bridge.reason", Value: []byte("an earlier bridge's")}}, ours...),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := tc.letter
			l.Source, l.Offset, l.Timestamp = kafka.TopicPartition{Topic: "orders", Partition: 12}, 9007199254740993, 1_700_000_000_007
			l.Describe("not_json", "byte 0 is no JSON")
			if got := l.Outgoing().Headers; headerText(got) != headerText(tc.want) {
				t.Errorf("headers\n%s\nwant\n%s", headerText(got), headerText(tc.want))
			}
			if len(l.Headers) != len(tc.letter.Headers) {
				t.Error("writing a letter adds to its original headers")
			}
		})
	}
}

func headerText(list []kafka.Header) string {
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
