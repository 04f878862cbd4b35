package verify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

// onCluster runs a test in virtual time with a cluster in memory, which has the
// topics orders and users of two partitions each, and a Source of it.
func onCluster(t *testing.T, test func(t *testing.T, r *kafkarig.Rig, c *Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094))
		test(t, r, &Cluster{Client: r.Client, ReadCommitted: true, InflateLimit: 1 << 20})
	})
}

// got is what one Read yields.
type got struct {
	offsets []int64
	values  []string
	unread  []Unread
}

func read(t *testing.T, c *Cluster, r Range) (g got, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	err = c.Read(ctx, &r, func(rec *wire.Record) {
		g.offsets, g.values = append(g.offsets, rec.Offset), append(g.values, string(rec.Value))
	}, func(u Unread) { g.unread = append(g.unread, u) })
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

// TestCluster_readsAnyRange: each record of a range once and in order, wherever it
// begins and ends within batches, and whatever brokers answer for a while.
func TestCluster_readsAnyRange(t *testing.T) {
	for seed := range uint64(20) {
		onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Cluster) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			all := filled(r, rnd, "orders", 1)
			from := rnd.IntN(len(all))
			to := from + rnd.IntN(len(all)-from) + 1
			in := Range{Topic: "orders", Partition: 1, From: int64(from), To: int64(to)}
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

func TestCluster_anEmptyPartition(t *testing.T) {
	onCluster(t, func(t *testing.T, _ *kafkarig.Rig, c *Cluster) {
		if g, err := read(t, c, Range{Topic: "orders", To: ToEnd}); err != nil || len(g.offsets) > 0 {
			t.Errorf("%v, %v", g, err)
		}
	})
}

// TestCluster_waitsForAQuota: answers without records on account of a quota say
// nothing of the log, however many they are.
func TestCluster_waitsForAQuota(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Cluster) {
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
		g, err := read(t, c, Range{Topic: "orders", To: 2})
		if took := time.Since(began); err != nil || len(g.offsets) != 2 || took < 59*time.Second {
			t.Errorf("%v after %s, %v", g, took, err)
		}
	})
}

// TestCluster_leavesOutWhatWasAborted, unless the settings take it.
func TestCluster_leavesOutWhatWasAborted(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Cluster) {
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
		if g, err := read(t, c, Range{Topic: "orders", To: ToEnd}); err != nil || fmt.Sprint(g.values) != "[0 2]" {
			t.Errorf("committed: %v, %v", g.values, err)
		}
		c.ReadCommitted = false
		if g, err := read(t, c, Range{Topic: "orders", To: ToEnd}); err != nil || fmt.Sprint(g.values) != "[0 1 2]" {
			t.Errorf("uncommitted: %v, %v", g.values, err)
		}
	})
}

// TestCluster_namesABatchThatInflatesTooFar, and reads what lies around it.
func TestCluster_namesABatchThatInflatesTooFar(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Cluster) {
		r.Produce("orders", 0, kgo.GzipCompression(), "a")
		r.ProduceLarge("orders", 0, kgo.GzipCompression(), strings.Repeat("x", 700_000), strings.Repeat("y", 700_000))
		r.Produce("orders", 0, kgo.GzipCompression(), "b")
		g, err := read(t, c, Range{Topic: "orders", To: 4})
		if err != nil || fmt.Sprint(g.offsets) != "[0 3]" || len(g.unread) != 1 || g.unread[0].First != 1 || g.unread[0].Last != 2 || g.unread[0].Records != 2 {
			t.Errorf("%v, unread %v, %v", g.offsets, g.unread, err)
		}
	})
}

// TestCluster_saysWhatItMayNotRead at once.
func TestCluster_saysWhatItMayNotRead(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, c *Cluster) {
		r.Produce("orders", 0, kgo.NoCompression(), "a")
		r.Cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		began := time.Now()
		_, err := read(t, c, Range{Topic: "orders", To: 1})
		if code, ok := kafka.CodeOf(err); !ok || code != kafka.Code(kerr.TopicAuthorizationFailed.Code) || !strings.Contains(err.Error(), "orders/0@0") || time.Since(began) > time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// committed sets offsets of the group.
func committed(t *testing.T, r *kafkarig.Rig, offsets map[int32]int64) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.Cluster.ListenAddrs()...), kgo.Dialer(r.Net.DialContext))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var all kadm.Offsets
	for p, at := range offsets {
		all.Add(kadm.Offset{Topic: "orders", Partition: p, At: at, LeaderEpoch: -1})
	}
	if err := kadm.NewClient(client).CommitAllOffsets(t.Context(), "bridge", all); err != nil {
		t.Fatal(err)
	}
}

// TestPlan_input takes what lies between the log's start, or a time, and the
// committed offset, and says what is left out.
func TestPlan_input(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, _ *Cluster) {
		plan := Plan{Topics: kafka.Selection{Topics: []string{"orders"}}, Group: "bridge", Receipts: "users"}
		r.Produce("orders", 0, kgo.NoCompression(), "a", "b", "c")
		r.Produce("users", 1, kgo.NoCompression(), "r")
		time.Sleep(3 * time.Hour)
		middle := time.Now()
		time.Sleep(time.Second)
		r.Produce("orders", 0, kgo.NoCompression(), "d", "e")
		r.Produce("users", 1, kgo.NoCompression(), "r")
		id := r.Topic("orders").ID.String()
		for _, tc := range []struct {
			name    string
			offsets map[int32]int64
			since   time.Time
			records string
			notes   string // a part of them
		}{
			{"one partition has no committed offset", map[int32]int64{0: 4}, time.Time{}, "[{orders " + id + " 0 0 4}]", "orders/1 has no committed offset"},
			{"since a time", map[int32]int64{0: 4}, middle, "[{orders " + id + " 0 3 4}]", "orders/1"},
			{"since the last record", map[int32]int64{0: 4}, time.Now().Add(time.Second), "[]", "orders/1"},
			{"nothing is committed behind the start", map[int32]int64{0: 0, 1: 0}, time.Time{}, "[]", ""},
			{"the log is shorter", map[int32]int64{0: 9, 1: 0}, time.Time{}, "[{orders " + id + " 0 0 5}]", "orders/0 ends at offset 5, below the committed offset 9"},
		} {
			committed(t, r, tc.offsets)
			p := plan
			p.Since = tc.since
			in, notes, err := p.Input(t.Context(), r.Client)
			if err != nil || fmt.Sprint(in.Records) != tc.records || !strings.Contains(fmt.Sprint(notes), tc.notes) || tc.notes == "" && len(notes) > 0 {
				t.Errorf("%s: %v, %q, %v", tc.name, in.Records, notes, err)
			}
			begin := int64(0)
			if !tc.since.IsZero() {
				begin = 1 // an hour of margin does not reach back to the first receipt
			}
			if len(in.Receipts) != 2 || in.Receipts[1].From != begin || in.Receipts[1].To != ToEnd {
				t.Errorf("%s: receipts %v", tc.name, in.Receipts)
			}
		}
	})
}

func TestPlan_namesWhatIsMissing(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig, _ *Cluster) {
		committed(t, r, map[int32]int64{0: 0})
		plan := Plan{Topics: kafka.Selection{Topics: []string{"orders"}}, Group: "bridge", Receipts: "no-such-topic"}
		if _, _, err := plan.Input(t.Context(), r.Client); err == nil || !strings.Contains(err.Error(), "look for BRIDGE_RECEIPTS_TOPIC=no-such-topic") {
			t.Errorf("receipts: %v", err)
		}
		plan.Topics.Topics = []string{"no-such-topic"}
		if _, _, err := plan.Input(t.Context(), r.Client); err == nil || !strings.Contains(err.Error(), "none of [no-such-topic] exists") {
			t.Errorf("topics: %v", err)
		}
	})
}
