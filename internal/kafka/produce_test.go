package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

// TestProducer writes records to a broker and reads them back byte for byte,
// null apart from empty.
func TestProducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "dlq"))
		producer := kafka.NewProducer(r.Client, "dlq", nil)
		records := []kafka.Record{
			{Key: nil, Value: []byte("poison"), Headers: []kafka.Header{{Name: "h", Value: nil}, {Name: "h", Value: []byte{}}, {Name: "h", Value: []byte("v")}}},
			{Key: []byte{}, Value: nil},
			{Key: []byte{0, 1}, Value: []byte{}},
			{Key: []byte("large"), Value: bytes.Repeat([]byte("x"), kafka.UsualBatchBytes/2+1)},
		}
		for i, err := range producer.Write(t.Context(), records) {
			if err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
		}
		if err := producer.Close(); err != nil {
			t.Error(err)
		}
		got := map[string]bool{}
		for _, text := range produced(r, len(records)) {
			got[text] = true
		}
		for _, rec := range records {
			if want := recordText(rec); !got[want] {
				t.Errorf("missing %s\namong %v", want, got)
			}
		}
	})
}

// A topic that may not be written is named, and is told from one that may not be read.
func TestProducer_denied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "dlq"))
		r.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			answer := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, topic := range req.(*kmsg.ProduceRequest).Topics {
				answer.Topics = append(answer.Topics, kmsg.ProduceResponseTopic{Topic: topic.Topic, Partitions: []kmsg.ProduceResponseTopicPartition{{ErrorCode: int16(kafka.CodeTopicDenied)}}})
			}
			return answer, nil, true
		})
		producer := kafka.NewProducer(r.Client, "dlq", nil)
		defer producer.Close()
		errs := producer.Write(t.Context(), []kafka.Record{{Value: []byte("a")}, {Value: bytes.Repeat([]byte("x"), kafka.UsualBatchBytes)}})
		for i, err := range errs {
			if denied, ok := errors.AsType[*kafka.TopicDeniedError](err); !ok || denied.Topic != "dlq" || !denied.Write || kafka.IsRefused(err) {
				t.Errorf("record %d: %v", i, err)
			}
		}
	})
}

// Where a quota is used up nothing is sent before the time is over that the brokers ask
// for, and then not on the connection on which they are deaf. No other call waits there.
func TestProducer_throttled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(1, "dlq"))
		var asked int
		r.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			asked++
			answer := req.ResponseKind().(*kmsg.ProduceResponse)
			answer.ThrottleMillis = 20_000 / int32(asked)
			for _, topic := range req.(*kmsg.ProduceRequest).Topics {
				answer.Topics = append(answer.Topics, kmsg.ProduceResponseTopic{Topic: topic.Topic, Partitions: []kmsg.ProduceResponseTopicPartition{{}}})
			}
			return answer, nil, true
		})
		var waits time.Duration
		producer := kafka.NewProducer(r.Client, "dlq", func(d time.Duration) { waits += d })
		defer producer.Close()
		write := func() error { return producer.Write(t.Context(), []kafka.Record{{Value: []byte("a")}})[0] }
		if err := write(); err != nil || waits != 20*time.Second {
			t.Fatalf("the first write: %v; asked to wait for %s", err, waits)
		}
		dials := r.Dials.Load()
		time.Sleep(19 * time.Second)
		err := write()
		throttled, ok := errors.AsType[*kafka.ThrottledError](err)
		if !ok || throttled.Topic != "dlq" || time.Until(throttled.Until).Round(time.Second) != time.Second || asked != 1 {
			t.Errorf("too early: %v, %d requests", err, asked)
		}
		if _, err := r.Client.Metadata(t.Context(), nil); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		if err := write(); err != nil || asked != 2 || waits != 30*time.Second {
			t.Errorf("in time: %v, %d requests, waits of %s", err, asked, waits)
		}
		if r.Dials.Load() == dials {
			t.Error("the same connection was used again")
		}
	})
}

// produced reads n records from the topic dlq.
func produced(r *kafkarig.Rig, n int) (got []string) {
	r.T.Helper()
	reader, err := kgo.NewClient(kgo.SeedBrokers(r.Cluster.ListenAddrs()...), kgo.Dialer(r.Net.DialContext), kgo.ConsumeTopics("dlq"))
	if err != nil {
		r.T.Fatal(err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(r.T.Context(), time.Minute)
	defer cancel()
	for len(got) < n && ctx.Err() == nil {
		reader.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			out := kafka.Record{Key: rec.Key, Value: rec.Value}
			for _, h := range rec.Headers {
				out.Headers = append(out.Headers, kafka.Header{Name: h.Key, Value: h.Value})
			}
			got = append(got, recordText(out))
		})
	}
	return got
}

func recordText(r kafka.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %.20s\n", nullText(r.Key), nullText(r.Value))
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s %s\n", h.Name, nullText(h.Value))
	}
	return b.String()
}

func nullText(v []byte) string {
	if v == nil {
		return "null"
	}
	return fmt.Sprintf("%q", v)
}
