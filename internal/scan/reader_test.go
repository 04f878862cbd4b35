package scan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

// onCluster runs a test in virtual time with a cluster in memory, which has the
// topics orders and users of two partitions each, and a Reader of it.
func onCluster(t *testing.T, test func(t *testing.T, r *kafkarig.Rig, c *Reader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094))
		test(t, r, &Reader{Client: r.Client, ReadCommitted: true, InflateLimit: 1 << 20})
	})
}

var orders = kafka.TopicPartition{Topic: "orders"}

// got is what one Read yields.
type got struct {
	offsets []int64
	values  []string
	unread  []Unread
}

func read(t *testing.T, c *Reader, r Range) (g got, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	err = c.Read(ctx, &r, func(rec *wire.Record) error {
		g.offsets, g.values = append(g.offsets, rec.Offset), append(g.values, string(rec.Value))
		return nil
	}, func(u Unread) error {
		g.unread = append(g.unread, u)
		return nil
	})
	return g, err
}

// filled produces batches of random sizes and codecs and returns their values.
func filled(r *kafkarig.Rig, rnd *rand.Rand, topic string, partition int32) (all []string) {
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for range 1 + rnd.IntN(6) {
		var values []string
		for range 1 + rnd.IntN(20) {
			values = append(values, fmt.Sprint(topic, partition, len(all)+len(values), strings.Repeat("x", rnd.IntN(200))))
		}
		r.Produce(topic, partition, codecs[rnd.IntN(len(codecs))], values...)
		all = append(all, values...)
	}
	return all
}

// TestReader_readsAnyRange: each record of a range once and in order, wherever it
// begins and ends within batches, and whatever brokers answer for a while.
func TestReader_readsAnyRange(t *testing.T) {
	for seed := range uint64(20) {
		onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			all := filled(r, rnd, "orders", 1)
			from := rnd.IntN(len(all))
			to := from + rnd.IntN(len(all)-from) + 1
			in := Range{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 1}, From: int64(from), To: int64(to)}
			if rnd.IntN(3) == 0 {
				in.To, to = ToEnd, len(all)
			}
			if rnd.IntN(2) == 0 {
				r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition, Count: 1 + rnd.IntN(8)})
				_ = r.Cluster.MoveTopicPartition("orders", 1, rnd.Int32N(3))
			}
			g, err := read(t, c, in)
			if err != nil || fmt.Sprint(g.values) != fmt.Sprint(all[from:to]) || len(g.unread) > 0 || g.offsets[0] != int64(from) {
				t.Errorf("seed %d: %d-%d of %d: offsets %v, unread %v, %v", seed, from, to, len(all), g.offsets, g.unread, err)
			}
		})
	}
}

func TestReader_anEmptyPartition(t *testing.T) {
	onCluster(t, func(t *testing.T, _ *kafkarig.Rig, c *Reader) {
		if g, err := read(t, c, Range{TopicPartition: orders, To: ToEnd}); err != nil || len(g.offsets) > 0 {
			t.Errorf("%v, %v", g, err)
		}
	})
}

// TestReader_waitsForAQuota: answers without records on account of a quota say
// nothing of the log, however many they are.
func TestReader_waitsForAQuota(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
		r.Produce("orders", 0, kgo.NoCompression(), "a", "b")
		left := 3 * maxTries
		r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if left--; left < 0 {
				return nil, nil, false
			}
			answer := q.ResponseKind().(*kmsg.FetchResponse)
			answer.ThrottleMillis = 2000
			return answer, nil, true
		})
		began := time.Now()
		g, err := read(t, c, Range{TopicPartition: orders, To: 2})
		if took := time.Since(began); err != nil || len(g.offsets) != 2 || took < 59*time.Second {
			t.Errorf("%v after %s, %v", g, took, err)
		}
	})
}

// TestReader_leavesOutWhatWasAborted, unless the settings take it.
func TestReader_leavesOutWhatWasAborted(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
		producer, err := kgo.NewClient(kgo.SeedBrokers(r.Cluster.ListenAddrs()...), kgo.Dialer(r.Net.DialContext),
			kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("t"))
		if err != nil {
			t.Fatal(err)
		}
		defer producer.Close()
		for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := producer.EndTransaction(t.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		if g, err := read(t, c, Range{TopicPartition: orders, To: ToEnd}); err != nil || fmt.Sprint(g.values) != "[0 2]" {
			t.Errorf("committed: %v, %v", g.values, err)
		}
		c.ReadCommitted = false
		if g, err := read(t, c, Range{TopicPartition: orders, To: ToEnd}); err != nil || fmt.Sprint(g.values) != "[0 1 2]" {
			t.Errorf("uncommitted: %v, %v", g.values, err)
		}
	})
}

// TestReader_namesABatchThatInflatesTooFar, and reads what lies around it.
func TestReader_namesABatchThatInflatesTooFar(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
		r.Produce("orders", 0, kgo.GzipCompression(), "a")
		r.ProduceLarge("orders", 0, kgo.GzipCompression(), strings.Repeat("x", 700_000), strings.Repeat("y", 700_000))
		r.Produce("orders", 0, kgo.GzipCompression(), "b")
		g, err := read(t, c, Range{TopicPartition: orders, To: 4})
		if err != nil || fmt.Sprint(g.offsets) != "[0 3]" || len(g.unread) != 1 || g.unread[0].First != 1 || g.unread[0].Last != 2 || g.unread[0].Records != 2 {
			t.Errorf("%v, unread %v, %v", g.offsets, g.unread, err)
		}
	})
}

// TestReader_saysWhatItMayNotRead at once.
func TestReader_saysWhatItMayNotRead(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
		r.Produce("orders", 0, kgo.NoCompression(), "a")
		r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		began := time.Now()
		_, err := read(t, c, Range{TopicPartition: orders, To: 1})
		if code, ok := kafka.CodeOf(err); !ok || code != kafka.Code(kerr.TopicAuthorizationFailed.Code) || !strings.Contains(err.Error(), "orders/0@0") || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// TestReader_anErrorOfTheCallerEndsIt at that record, once, and as it is.
func TestReader_anErrorOfTheCallerEndsIt(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Reader) {
		r.Produce("orders", 0, kgo.NoCompression(), "a", "b", "c")
		r.ProduceLarge("orders", 0, kgo.GzipCompression(), strings.Repeat("x", 1_400_000))
		r.Produce("orders", 0, kgo.NoCompression(), "d")
		enough, seen := errors.New("enough"), ""
		each := func(rec *wire.Record) error {
			if seen += string(rec.Value); seen == "ab" {
				return enough
			}
			return nil
		}
		if err := c.Read(t.Context(), &Range{TopicPartition: orders, To: 5}, each, nil); !errors.Is(err, enough) || seen != "ab" {
			t.Errorf("a record: %q, %v", seen, err)
		}
		if err := c.Read(t.Context(), &Range{TopicPartition: orders, From: 2, To: 5}, each, func(Unread) error { return enough }); !errors.Is(err, enough) || seen != "abc" {
			t.Errorf("a batch that cannot be read: %q, %v", seen, err)
		}
	})
}
