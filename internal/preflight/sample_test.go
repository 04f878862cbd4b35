package preflight

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/test/kafkarig"
)

// preflight runs a preflight of the rig's topics and returns what it found, one
// "check: detail" each, a failure with "FAIL" before it.
func preflight(r *kafkarig.Rig, sample int, change func(*process.Config)) (found []string) {
	r.T.Helper()
	var namespace record.NamespaceSource
	if err := namespace.UnmarshalText([]byte("field:ns")); err != nil {
		r.T.Fatal(err)
	}
	var id record.IDSource
	if err := id.UnmarshalText([]byte("field:id")); err != nil {
		r.T.Fatal(err)
	}
	cfg := process.Config{
		Settings: group.Settings{Group: "bridge"}, Topics: kafka.Selection{Topics: []string{"orders", "users"}}, ReadCommitted: true, BufferMaxBytes: 64 << 20,
		Record: record.Settings{Namespace: namespace, ID: id},
	}
	if change != nil {
		change(&cfg)
	}
	p, err := New(&cfg, r.Client)
	if err != nil {
		r.T.Fatal(err)
	}
	p.Run(r.T.Context(), sample, func(f Finding) {
		line := f.Check + ": " + f.Detail
		if !f.OK {
			line = "FAIL " + line
		}
		found = append(found, line)
	})
	return found
}

func finds(r *kafkarig.Rig, found []string, wants ...string) {
	r.T.Helper()
	for _, want := range wants {
		if !strings.Contains(strings.Join(found, "\n")+"\n", want+"\n") {
			r.T.Errorf("not found: %q in\n%s", want, strings.Join(found, "\n"))
		}
	}
}

func inNamespace(namespace string, n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf(`{"id":"%d","ns":%q}`, i, namespace))
	}
	return values
}

func TestSample_sharesOfPartitions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Produce("orders", 0, kgo.Lz4Compression(), inNamespace("first", 100)...)
		r.Produce("orders", 1, kgo.ZstdCompression(), inNamespace("second", 3)...)
		r.Produce("users", 1, kgo.NoCompression(), inNamespace("third", 4)...)
		finds(r, preflight(r, 10, nil),
			"sample orders: read 10 records, the oldest of the 103 ahead",
			"sample orders: namespace first would get 7 lines, 168 bytes", // what the second leaves over
			"sample orders: namespace second would get 3 lines, 75 bytes",
			"sample users: read 4 records, the oldest of the 4 ahead")
	})
}

// A topic of more partitions than records that are asked for gives no more of them.
func TestSample_ofMorePartitionsThanRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Produce("orders", 0, kgo.NoCompression(), inNamespace("a", 20)...)
		r.Produce("orders", 1, kgo.NoCompression(), inNamespace("b", 20)...)
		finds(r, preflight(r, 1, nil), "sample orders: read 1 record, the oldest of the 40 ahead")
	})
}

// A turn that ends inside of a batch goes on there.
func TestSample_withinBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Produce("orders", 0, kgo.GzipCompression(), append(inNamespace("a", 5), inNamespace("b", 5)...)...)
		r.Produce("orders", 1, kgo.NoCompression(), inNamespace("c", 1)...)
		finds(r, preflight(r, 8, nil), // 4 and 1, then 3
			"sample orders: namespace a would get 5 lines, 100 bytes",
			"sample orders: namespace b would get 2 lines, 40 bytes",
			"sample orders: namespace c would get 1 line, 20 bytes")
	})
}

// More than one answer's worth of records, in several batches.
func TestSample_readsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		filler := strings.Repeat("x", 1000)
		for range 6 {
			var values []string
			for i := range 500 {
				values = append(values, fmt.Sprintf(`{"id":"%d","ns":"a","text":%q}`, i, filler))
			}
			r.Produce("orders", 0, kgo.NoCompression(), values...)
		}
		finds(r, preflight(r, 2600, nil), "sample orders: read 2600 records, the oldest of the 3000 ahead")
		finds(r, preflight(r, 9000, nil), "sample orders: read 3000 records, the oldest of the 3000 ahead")
	})
}

// What bridges wrote themselves is named, and what becomes of it: receipts are left
// out, and dead letters are not dead-lettered again.
func TestSample_whatBridgesWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		receipts := []kgo.RecordHeader{{Key: "bridge.receipt", Value: []byte("1")}}
		letter := []kgo.RecordHeader{{Key: "bridge.reason", Value: []byte("not_json")}, {Key: "bridge.source.topic", Value: []byte("x")}}
		r.ProduceRecords([]*kgo.Record{
			{Topic: "orders", Value: []byte(inNamespace("a", 1)[0]), Headers: receipts},
			{Topic: "orders", Value: []byte(`{"version":1}`), Headers: receipts},
			{Topic: "orders", Value: []byte("poison"), Headers: letter},
			{Topic: "orders", Value: []byte(inNamespace("a", 1)[0]), Headers: letter},
			{Topic: "orders", Value: []byte("poison")},
		})
		finds(r, preflight(r, 10, func(c *process.Config) { c.OnInvalid = record.DeadLetter }),
			"sample orders: 2 records would be left out as receipt, for instance orders/0@0: a receipt of a bridge is never imported; leave its topic out of the selection",
			"sample orders: 2 records were written by a bridge as dead letters: they are read as any other, and held where they are invalid, never dead-lettered again; leave the topic out of the selection if that is not meant",
			"sample orders: namespace a would get 1 line, 20 bytes",
			"FAIL sample orders: 1 record would be held as not_json, for instance orders/0@2: the value is not a JSON object, at byte 0 (it is a dead letter of a bridge already)",
			"sample orders: 1 record would be dead-lettered as not_json, for instance orders/0@4: the value is not a JSON object, at byte 0")
	})
}

// The bridge's own topics are left out of what its expression matches, and named.
func TestTopics_theBridgesOwnAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		finds(r, preflight(r, 0, func(c *process.Config) {
			c.Topics = kafka.Selection{Regex: regexp.MustCompile("^(?:.*)$"), Own: []string{"users", "elsewhere"}}
		}), "topic users: BRIDGE_KAFKA_TOPIC_REGEX matches it; it is left out, since this bridge writes to it. Other bridges with such an expression do read it")
	})
}

func TestSample_abortedTransactions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		producer, err := kgo.NewClient(kgo.SeedBrokers(r.Cluster.ListenAddrs()...), kgo.Dialer(r.Net.DialContext),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("tx"))
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		for _, end := range []struct {
			namespace string
			how       kgo.TransactionEndTry
		}{{"kept", kgo.TryCommit}, {"aborted", kgo.TryAbort}, {"kept", kgo.TryCommit}} {
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for _, v := range inNamespace(end.namespace, 5) {
				if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte(v)}).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := producer.EndTransaction(t.Context(), end.how); err != nil {
				t.Fatal(err)
			}
		}
		found := preflight(r, 100, nil)
		finds(r, found, "sample orders: read 10 records, the oldest of the 18 ahead", "sample orders: namespace kept would get 10 lines, 230 bytes")
		if strings.Contains(strings.Join(found, "\n"), "aborted") {
			t.Errorf("aborted records were read: %v", found)
		}
		finds(r, preflight(r, 100, func(c *process.Config) { c.ReadCommitted = false }),
			"sample orders: read 15 records, the oldest of the 18 ahead", "sample orders: namespace aborted would get 5 lines, 130 bytes")
	})
}

// Whatever lies where, as many records are read as were asked for or exist.
func TestSample_countsRight(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	synctest.Test(t, func(t *testing.T) {
		for range 10 {
			r := kafkarig.New(t, kafka.Config{})
			total := 0
			for range rnd.IntN(5) {
				n := 1 + rnd.IntN(20)
				r.Produce("orders", int32(rnd.IntN(2)), kgo.SnappyCompression(), inNamespace("a", n)...)
				total += n
			}
			asked := 1 + rnd.IntN(50)
			want := fmt.Sprintf("sample orders: read %s, the oldest of the %d ahead", count(min(asked, total), "record"), total)
			if total == 0 {
				want = "sample orders: no record is ahead, so none was read"
			}
			finds(r, preflight(r, asked, nil), want)
		}
	})
}

func TestSample_manyNamespaces(t *testing.T) {
	seen := newTally()
	for i := range 60 {
		for range i + 1 {
			seen.take(&scan.Fate{Namespaces: []string{fmt.Sprintf("ns-%02d", i)}, Bytes: 10}, kafka.Place{})
		}
	}
	var found []Finding
	seen.report(&Preflight{report: func(f Finding) { found = append(found, f) }}, "sample x", 60)
	if n := len(found); n != 52 || found[1].Detail != "namespace ns-59 would get 60 lines, 600 bytes" || found[51].Detail != "and 10 more namespaces would get less" {
		t.Errorf("%d findings: %+v", n, found)
	}
}
