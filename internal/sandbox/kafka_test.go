package sandbox

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestFeed_tallyLearnsOfEveryRecord(t *testing.T) {
	kafka, err := StartKafka(KafkaOptions{Topics: map[string]int32{"users": 2, "listings": 2, "messages": 3}})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	tally := NewTally()
	feed, err := NewFeed(FeedOptions{Brokers: strings.Split(kafka.Addr(), ","), Records: 2000, Seed: 5, OddShare: 0.05, Tally: tally})
	if err != nil {
		t.Fatal(err)
	}
	if err := feed.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	report := tally.Report()
	if report.Records != 2000 || feed.Produced() != 2000 || feed.Tombstones() == 0 {
		t.Errorf("produced %d, %d tombstones; %s", feed.Produced(), feed.Tombstones(), report)
	}
	tally.Skipped(feed.Tombstones())
	for _, record := range consume(t, kafka, 2000) {
		if ids, err := ParseLines(append(record.Value, '\n')); err == nil {
			for _, namespace := range namespacesOf(t, record.Value) {
				tally.Stored(namespace, ids...)
			}
		}
	}
	if report := tally.Report(); report.Stored < 1500 || report.Twice.Count != 0 || report.Disordered.Count != 0 {
		t.Errorf("after storing what was good: %s", report)
	}
}

func TestFeed_unknownTopicIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &Network{}
		kafka, err := StartKafka(KafkaOptions{Network: network, Topics: map[string]int32{"users": 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer kafka.Close()
		feed, err := NewFeed(FeedOptions{Brokers: []string{kafka.Addr()}, Network: network, Records: 50})
		if err != nil {
			t.Fatal(err)
		}
		if err := feed.Run(t.Context()); err == nil {
			t.Error("records for missing topics were produced")
		}
	})
}

func TestFeed_ratesInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &Network{}
		kafka, err := StartKafka(KafkaOptions{Brokers: 2, Network: network, Topics: map[string]int32{"users": 1, "listings": 1, "messages": 1}})
		if err != nil {
			t.Fatal(err)
		}
		defer kafka.Close()
		feed, err := NewFeed(FeedOptions{Brokers: strings.Split(kafka.Addr(), ","), Network: network, Rate: 50, Duration: 4 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := feed.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := feed.Produced(); n < 195 || n > 200 {
			t.Errorf("produced %d records in 4 seconds at 50 a second", n)
		}
	})
}

func TestCountDeadLetters_readsToTheEnd(t *testing.T) {
	kafka, err := StartKafka(KafkaOptions{Topics: map[string]int32{"dlq": 3}})
	if err != nil {
		t.Fatal(err)
	}
	defer kafka.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(kafka.Addr()), kgo.DefaultProduceTopic("dlq"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	letter := func(offset, namespace string) *kgo.Record {
		return &kgo.Record{Value: []byte("x"), Headers: []kgo.RecordHeader{
			{Key: "bridge.reason", Value: []byte("no_id")}, {Key: "bridge.source.topic", Value: []byte("users")},
			{Key: "bridge.source.partition", Value: []byte("1")}, {Key: "bridge.source.offset", Value: []byte(offset)},
			{Key: "bridge.namespace", Value: []byte(namespace)},
		}}
	}
	records := []*kgo.Record{letter("0", ""), letter("1", "x"), letter("1", "y"), {Value: []byte("not ours")}}
	if err := client.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	tally := NewTally()
	tally.Produced("users", 1, 0, "")
	tally.Produced("users", 1, 1, "a", "x", "y")
	reasons, err := CountDeadLetters(t.Context(), []string{kafka.Addr()}, "dlq", tally)
	if err != nil || reasons["no_id"] != 3 {
		t.Fatalf("reasons %v, %v", reasons, err)
	}
	if r := tally.Report(); r.DeadLettered != 3 || r.Unexpected.Count != 1 || r.Lost.Count != 0 {
		t.Error(r)
	}
}

// consume reads n records of the sample topics.
func consume(t *testing.T, kafka *Kafka, n int) (records []*kgo.Record) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(kafka.Addr(), ",")...), kgo.ConsumeTopics(SampleTopics()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func namespacesOf(t *testing.T, value []byte) []string {
	t.Helper()
	var one struct{ Namespace string }
	if json.Unmarshal(value, &one) == nil {
		return []string{one.Namespace}
	}
	var several struct{ Namespace []string }
	if err := json.Unmarshal(value, &several); err != nil {
		t.Fatalf("namespace of %s: %v", value, err)
	}
	return several.Namespace
}
