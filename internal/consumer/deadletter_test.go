package consumer

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/wire"
)

func TestLetter_headers(t *testing.T) {
	ours := []header{
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
		want   []header
	}{
		{"of a record", letter{}, ours},
		{
			"of a refused batch", letter{namespace: "acme", requestID: "req-1"},
			append(ours[:6:6], header{"bridge.namespace", []byte("acme")}, header{"bridge.request_id", []byte("req-1")}),
		},
		{
			"after the original ones, which keep their order and repeats",
			letter{headers: []header{{"z", nil}, {"a", []byte{}}, {"z", []byte{0, 255}}, {"bridge.reason", []byte("an earlier bridge's")}}},
			append([]header{{"z", nil}, {"a", []byte{}}, {"z", []byte{0, 255}}, {"bridge.reason", []byte("an earlier bridge's")}}, ours...),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := tc.letter
			l.source, l.offset, l.timestamp = TopicPartition{"orders", 12}, 9007199254740993, 1_700_000_000_007
			l.describe("not_json", "byte 0 is no JSON")
			if got := l.outgoing(); headerText(got) != headerText(tc.want) {
				t.Errorf("headers\n%s\nwant\n%s", headerText(got), headerText(tc.want))
			}
			if len(l.headers) != len(tc.letter.headers) {
				t.Error("writing a letter adds to its original headers")
			}
		})
	}
}

func headerText(list []header) string {
	var b strings.Builder
	for _, h := range list {
		fmt.Fprintf(&b, "%s %s\n", h.name, nullable(h.value))
	}
	return b.String()
}

func nullable(v []byte) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprintf("%q", v)
}

// TestLetterTopic writes letters to a broker and reads them back byte for byte,
// null apart from empty.
func TestLetterTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{MetadataTopics: []string{"dlq"}}, kfake.SeedTopics(1, "dlq"))
		topic := NewLetterTopic(r.client, "dlq")
		letters := []*letter{
			{key: nil, value: []byte("poison"), headers: []header{{"h", nil}, {"h", []byte{}}, {"h", []byte("v")}}},
			{key: []byte{}, value: nil},
			{key: []byte{0, 1}, value: []byte{}},
			{key: []byte("large"), value: bytes.Repeat([]byte("x"), usualBatchBytes/2+1)},
		}
		for i, l := range letters {
			l.source, l.offset, l.timestamp = TopicPartition{"orders", 0}, int64(i), testTime
			l.describe("not_json", "no")
		}
		for i, err := range topic.Write(t.Context(), letters) {
			if err != nil {
				t.Fatalf("letter %d: %v", i, err)
			}
		}
		if err := topic.Close(); err != nil {
			t.Error(err)
		}
		got := map[string]bool{}
		for _, l := range r.letters(len(letters)) {
			got[l] = true
		}
		for _, l := range letters {
			want := fmt.Sprintf("%s %.20s\n%s", nullable(l.key), nullable(l.value), headerText(l.outgoing()))
			if !got[want] {
				t.Errorf("missing %s\namong %v", want, got)
			}
		}
	})
}

// letters reads n letters from the topic dlq.
func (r *clientRig) letters(n int) (got []string) {
	r.t.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.Dialer(r.net.DialContext), kgo.ConsumeTopics("dlq"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	for len(got) < n && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			var list []header
			for _, h := range rec.Headers {
				list = append(list, header{h.Key, h.Value})
			}
			got = append(got, fmt.Sprintf("%s %.20s\n%s", nullable(rec.Key), nullable(rec.Value), headerText(list)))
		})
	}
	return got
}

// TestNewLetter_ownsItsMemory overwrites what a record was decoded from.
func TestNewLetter_ownsItsMemory(t *testing.T) {
	rec := wire.Record{Offset: 7, Timestamp: testTime, Key: []byte("key"), Value: []byte("value")}
	l := newLetter(TopicPartition{"orders", 0}, &rec)
	clear(rec.Key)
	clear(rec.Value)
	if string(l.key) != "key" || string(l.value) != "value" {
		t.Errorf("key %q, value %q", l.key, l.value)
	}
}
