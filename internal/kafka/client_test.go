package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

func fetchFrom(topic wire.TopicMetadata, partition int32, offset int64) *wire.FetchRequest {
	return &wire.FetchRequest{
		MaxWait: 500 * time.Millisecond, MaxBytes: 1 << 20, ReadCommitted: true,
		Partitions: []wire.FetchPartition{
			{Topic: topic.Name, TopicID: topic.ID, Partition: partition, LeaderEpoch: -1, Offset: offset, LastFetchedEpoch: -1, MaxBytes: 1 << 20},
		},
	}
}

func alloc(n int) ([]byte, error) { return make([]byte, n+10), nil }

// values reads what a fetch from offset 0 of partition 0 delivers.
func values(r *kafkarig.Rig, topic wire.TopicMetadata) (values []string, version int16) {
	r.T.Helper()
	answer, err := r.Client.Fetch(r.T.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), alloc)
	if err != nil || len(answer.Partitions) != 1 || answer.Partitions[0].ErrorCode != 0 || answer.Partitions[0].Topic != topic.Name {
		r.T.Fatalf("%+v, %v", answer, err)
	}
	var batches wire.Batches
	var batch wire.Batch
	var records wire.Records
	var record wire.Record
	var inflater wire.Inflater
	batches.Reset(answer.Partitions[0].Records, answer.Partitions[0].HighWatermark)
	for batches.Next(&batch) == nil {
		data, err := inflater.Inflate(make([]byte, 0, 1<<20), &batch)
		if err != nil {
			r.T.Fatal(err)
		}
		for records.Reset(&batch, data); records.Next(&record); {
			values = append(values, string(record.Value))
		}
	}
	return values, answer.Version
}

func TestClient_fetchesEveryCodec(t *testing.T) {
	for i, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		t.Run(wire.Codec(i).String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{})
				var want []string
				for j := range 200 {
					want = append(want, fmt.Sprintf(`{"id":"%d","text":"the same text again and again"}`, j))
				}
				r.Produce("orders", 0, codec, want...)
				if got, version := values(r, r.Topic("orders")); !slices.Equal(got, want) || version != 13 {
					t.Errorf("version %d: got %d records, want %d", version, len(got), len(want))
				}
			})
		})
	}
}

func TestClient_oldBrokers(t *testing.T) {
	for _, tc := range []struct {
		name    string
		offered *kversion.Versions
		fetch   int16
		ids     bool
	}{
		{"Event Hubs", eventHubs(), 6, false},
		{"2.4", kversion.V2_4_0(), 11, false},
		{"2.7", kversion.V2_7_0(), 12, false},
		{"2.8", kversion.V2_8_0(), 12, true},
		{"3.1", kversion.V3_1_0(), 13, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{}, kfake.MaxVersions(tc.offered))
				r.Produce("orders", 0, kgo.NoCompression(), "a", "b")
				topic := r.Topic("orders")
				if got := topic.ID != (wire.UUID{}); got != tc.ids {
					t.Errorf("topic id known: %v", got)
				}
				if got, version := values(r, topic); !slices.Equal(got, []string{"a", "b"}) || version != tc.fetch {
					t.Errorf("version %d: got %q", version, got)
				}
			})
		})
	}
}

// eventHubs are the versions that Azure Event Hubs has offered: those of newer group
// calls than of reading.
func eventHubs() *kversion.Versions {
	v := kversion.V2_4_0()
	v.SetMaxKeyVersion(1, 6)
	v.SetMaxKeyVersion(2, 2)
	v.SetMaxKeyVersion(3, 5)
	return v
}

func TestClient_tooOldBroker(t *testing.T) {
	for release, tc := range map[string]struct {
		offered *kversion.Versions
		lacks   string
	}{
		"2.3":        {kversion.V2_3_0(), "LeaveGroup version 3 (it has 2)"},
		"2.1 or 2.2": {kversion.V2_2_0(), "JoinGroup version 5 (it has 4)"},
		"2.0":        {kversion.V2_0_0(), "Heartbeat version 3 (it has 2)"},
		"1.1":        {kversion.V1_1_0(), "SyncGroup version 3 (it has 1)"},
		"1.0":        {kversion.V1_0_0(), "LeaveGroup version 3 (it has 1)"},
		"0.11":       {kversion.V0_11_0(), "JoinGroup version 5 (it has 2)"},
	} {
		t.Run(release, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{}, kfake.MaxVersions(tc.offered))
				_, err := r.Client.Metadata(t.Context(), nil)
				if !errors.Is(err, kafka.CodeUnsupportedVersion) || !strings.Contains(err.Error(), " is older than Kafka 2.4: it lacks ") || !strings.Contains(err.Error(), tc.lacks) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// A controller in KRaft mode speaks Kafka's protocol and has no topics.
func TestClient_aController(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		controller := kversion.Stable()
		controller.SetMaxKeyVersion(int16(kmsg.Metadata), -1)
		r := kafkarig.New(t, kafka.Config{}, kfake.MaxVersions(controller))
		if _, err := r.Client.Metadata(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "is a controller of the cluster, not a broker") {
			t.Errorf("got %v", err)
		}
	})
}

func TestClient_Metadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{}, kfake.AllowAutoTopicCreation())
		for range 2 { // asking must not create it
			if got := r.Topic("absent"); kafka.Code(got.ErrorCode) != kafka.CodeUnknownTopic {
				t.Errorf("absent topic: %+v", got)
			}
		}
		answer, err := r.Client.Metadata(t.Context(), nil)
		if err != nil || len(answer.Topics) != 2 || len(answer.Brokers) != 1 || answer.ClusterID == "" {
			t.Fatalf("%+v, %v", answer, err)
		}
		if p := r.Topic("orders").Partitions; len(p) != 2 || p[1].Partition == p[0].Partition {
			t.Errorf("partitions %+v", p)
		}
	})
}

func TestClient_RangesOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Produce("orders", 1, kgo.NoCompression(), "a", "b", "c")
		leader := r.Topic("orders").Partitions[1].Leader
		orders := kafka.TopicPartition{Topic: "orders", Partition: 1}
		logs, refused, err := r.Client.RangesOf(t.Context(), kafka.RangeQuery{}, leader, []kafka.TopicPartition{orders})
		if log := logs[orders]; err != nil || len(refused) > 0 || len(logs) != 1 || log.Begin != 0 || log.End != 3 {
			t.Errorf("%+v, %v, %v", logs, refused, err)
		}
	})
}

func TestClient_twoFetchesShareNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		before, start := r.Dials.Load(), time.Now()
		done := make(chan error, 2)
		for p := range int32(2) {
			go func() {
				_, err := r.Client.Fetch(t.Context(), topic.Partitions[p].Leader, fetchFrom(topic, p, 0), alloc)
				done <- err
			}()
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 700*time.Millisecond || r.Dials.Load() != before+2 {
			t.Errorf("two long polls took %v on %d connections", took, r.Dials.Load()-before)
		}
	})
}

// A broker whose quota is used up reads nothing more from the connection for a while:
// no other call waits there.
func TestClient_leavesAThrottledConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		throttle := int32(0)
		r.Cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			answer := req.ResponseKind().(*kmsg.FetchResponse)
			answer.ThrottleMillis = throttle
			return answer, nil, true
		})
		for _, throttle = range []int32{0, 12_000} {
			dials := r.Dials.Load()
			for range 5 { // the library may have a connection or two in store
				answer, err := r.Client.Fetch(t.Context(), 0, &wire.FetchRequest{MaxBytes: 1}, nil)
				if err != nil || answer.Throttle != time.Duration(throttle)*time.Millisecond {
					t.Fatalf("%+v, %v", answer, err)
				}
				synctest.Wait() // for the library, which puts the connection aside after the answer
			}
			if more := r.Dials.Load() - dials; more > 2 != (throttle > 0) {
				t.Errorf("throttled for %d ms: %d connections for five calls", throttle, more)
			}
		}
	})
}

// A connection on which nothing is asked is closed long before a managed cluster does
// it, after four minutes at the soonest. One stays: the library asks for addresses.
func TestClient_closesIdleConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		var reads sync.WaitGroup
		for p := range int32(2) {
			reads.Go(func() {
				_, _ = r.Client.Fetch(t.Context(), topic.Partitions[p].Leader, fetchFrom(topic, p, 0), alloc)
			})
		}
		reads.Wait()
		if open := r.Client.OpenConnections(); open < 3 {
			t.Fatalf("%d connections", open)
		}
		time.Sleep(time.Minute)
		if open := r.Client.OpenConnections(); open > 1 {
			t.Errorf("after a minute %d connections are open", open)
		}
		if got := r.Topic("orders"); got.ErrorCode != 0 {
			t.Errorf("afterwards: %+v", got)
		}
	})
}

func TestClient_allocMayBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{CallTimeout: time.Second, DialTimeout: time.Second})
		r.Produce("orders", 0, kgo.NoCompression(), strings.Repeat("more than is read ahead ", 10_000))
		topic := r.Topic("orders")
		answer, err := r.Client.Fetch(t.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
			time.Sleep(time.Minute)
			return make([]byte, n), nil
		})
		if err != nil || len(answer.Partitions[0].Records) == 0 {
			t.Errorf("%+v, %v", answer, err)
		}
	})
}

// Memory must not be given to others while alloc may still hand it out.
func TestClient_waitsForAlloc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		returned := false
		_, err := r.Client.Fetch(ctx, topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
			time.Sleep(10 * time.Second)
			returned = true
			return make([]byte, n), nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || !returned {
			t.Errorf("alloc had returned: %v, %v", returned, err)
		}
	})
}

// kafka-go's own requests for metadata must not list a large cluster's topics
// every few seconds.
func TestClient_asksForNoTopicsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		var all, none atomic.Int32
		r.Cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if request.(*kmsg.MetadataRequest).Topics == nil {
				all.Add(1)
			} else if len(request.(*kmsg.MetadataRequest).Topics) == 0 {
				none.Add(1)
			}
			return nil, nil, false
		})
		r.Topic("orders")
		time.Sleep(time.Minute)
		if all.Load() != 0 || none.Load() < 10 {
			t.Errorf("%d requests for all topics, %d for none", all.Load(), none.Load())
		}
	})
}

func TestClient_allocRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		no := errors.New("no memory")
		_, err := r.Client.Fetch(t.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(int) ([]byte, error) { return nil, no })
		if !errors.Is(err, no) {
			t.Errorf("got %v", err)
		}
		if got, _ := values(r, topic); len(got) != 0 { // the next one does not see the answer that was left
			t.Errorf("got %q", got)
		}
	})
}

// A broker that stops in the middle of an answer: the call ends in time, and
// afterwards nothing writes to the memory that it was given.
func TestClient_frozenInTheMiddle(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cancel bool
		within time.Duration
	}{{"nobody waits", true, 3 * time.Second}, {"the deadline", false, 5 * time.Second}} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var freeze atomic.Bool
				defer freeze.Store(false)
				r := kafkarig.New(t, kafka.Config{CallTimeout: 5 * time.Second})
				r.Client.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := r.Dial(ctx, network, address)
					return &freezer{Conn: c, frozen: &freeze}, err
				})
				r.Produce("orders", 0, kgo.NoCompression(), strings.Repeat("more than is read ahead ", 10_000))
				topic := r.Topic("orders")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				var memory []byte
				_, err := r.Client.Fetch(ctx, topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
					freeze.Store(true)
					memory = make([]byte, n)
					if tc.cancel {
						time.AfterFunc(3*time.Second, cancel)
					}
					return memory, nil
				})
				if took := time.Since(start); err == nil || took < tc.within || took > tc.within+time.Second {
					t.Fatalf("after %v: %v", took, err)
				}
				if tc.cancel != errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
				before := slices.Clone(memory)
				freeze.Store(false)
				time.Sleep(time.Minute)
				if !slices.Equal(before, memory) {
					t.Error("memory was written to after Fetch had returned")
				}
			})
		})
	}
}

// freezer reads nothing while frozen.
type freezer struct {
	net.Conn
	frozen *atomic.Bool
}

func (f *freezer) Read(b []byte) (int, error) {
	if f.frozen.Load() {
		for f.frozen.Load() {
			if n, err := f.Conn.Read(nil); err != nil {
				return n, err
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	return f.Conn.Read(b)
}

// A broker that accepts connections and then says nothing.
func TestClient_everyCallIsBounded(t *testing.T) {
	silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		return ours, nil
	}
	calls := map[string]func(ctx context.Context, c *kafka.Client) error{
		"metadata": func(ctx context.Context, c *kafka.Client) error { _, err := c.Metadata(ctx, nil); return err },
		"fetch": func(ctx context.Context, c *kafka.Client) error {
			_, err := c.Fetch(ctx, 0, &wire.FetchRequest{}, alloc)
			return err
		},
		"list offsets": func(ctx context.Context, c *kafka.Client) error {
			_, _, err := c.RangesOf(ctx, kafka.RangeQuery{}, 0, nil)
			return err
		},
		"fetch offsets": func(ctx context.Context, c *kafka.Client) error { _, err := c.FetchOffsets(ctx, "g", nil); return err },
		"commit": func(ctx context.Context, c *kafka.Client) error {
			_, err := c.CommitOffsets(ctx, kafka.Commit{Group: "g"})
			return err
		},
		"describe": func(ctx context.Context, c *kafka.Client) error { _, err := c.DescribeGroup(ctx, "g"); return err },
		"find coordinator": func(ctx context.Context, c *kafka.Client) error {
			return c.Ask(ctx, -1, &wire.FindCoordinatorRequest{Group: "g"}, &wire.FindCoordinatorResponse{})
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := kafka.NewClient(kafka.Config{
					Brokers: []string{"b:9092"}, Dial: silent, SASL: plain.Mechanism{Username: "u", Password: "p"},
					DialTimeout: 3 * time.Second, CallTimeout: 4 * time.Second,
				})
				defer c.Close()
				start := time.Now()
				err := call(t.Context(), c)
				if took := time.Since(start); err == nil || took > 14*time.Second {
					t.Errorf("after %v: %v", took, err)
				}
			})
		})
	}
}

func TestClient_wrongPassword(t *testing.T) {
	for password, ok := range map[string]bool{"right": true, "wrong": false} {
		synctest.Test(t, func(t *testing.T) {
			r := kafkarig.New(t, kafka.Config{SASL: plain.Mechanism{Username: "u", Password: password}},
				kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"))
			start := time.Now()
			_, err := r.Client.Metadata(t.Context(), nil)
			if took := time.Since(start); (err == nil) != ok || took > time.Second {
				t.Errorf("password %s: after %v: %v", password, took, err)
			}
		})
	}
}

// The library asks for the brokers' addresses every two seconds.
func TestClient_newBrokerIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		id, _, err := r.Cluster.AddNode(7, 9200)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Cluster.MoveTopicPartition("orders", 0, id); err != nil {
			t.Fatal(err)
		}
		if _, err = r.Client.Fetch(t.Context(), id, fetchFrom(topic, 0, 0), alloc); !errors.Is(err, kafka.CodeBrokerNotAvailable) {
			t.Errorf("at once: %v", err)
		}
		time.Sleep(2100 * time.Millisecond)
		if _, err = r.Client.Fetch(t.Context(), id, fetchFrom(topic, 0, 0), alloc); err != nil {
			t.Errorf("after a while: %v", err)
		}
		if _, err = r.Client.Fetch(t.Context(), 99, fetchFrom(topic, 0, 0), alloc); !errors.Is(err, kafka.CodeBrokerNotAvailable) {
			t.Errorf("unknown broker: %v", err)
		}
	})
}

func TestClient_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		topic := r.Topic("orders")
		failed := make(chan error)
		request := fetchFrom(topic, 0, 0)
		request.MaxWait = time.Hour
		go func() {
			_, err := r.Client.Fetch(t.Context(), topic.Partitions[0].Leader, request, alloc)
			failed <- err
		}()
		time.Sleep(time.Second)
		r.Client.Close()
		if err := <-failed; err == nil {
			t.Error("the call in flight went on")
		}
		if _, err := r.Client.Metadata(t.Context(), nil); err == nil {
			t.Error("a closed client answered")
		}
		if n := r.Client.OpenConnections(); n > 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

func TestClient_commits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		generation := r.Joined("g", "c")
		orders0, orders1, absent := kafka.TopicPartition{Topic: "orders", Partition: 0}, kafka.TopicPartition{Topic: "orders", Partition: 1}, kafka.TopicPartition{Topic: "absent", Partition: 0}
		commits := []kafka.CommitOffset{{TopicPartition: orders1, Offset: 7, LeaderEpoch: -1, Metadata: "frontier"}, {TopicPartition: absent, Offset: 1, LeaderEpoch: -1, Metadata: ""}, {TopicPartition: orders0, Offset: 3, LeaderEpoch: -1, Metadata: ""}}
		results, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{
			Group: "g", Generation: generation.ID, MemberID: generation.MemberID,
			Offsets: commits,
		})
		want := []kafka.CommitResult{{CommitOffset: commits[0], Code: kafka.CodeOK}, {CommitOffset: commits[1], Code: kafka.CodeUnknownTopic}, {CommitOffset: commits[2], Code: kafka.CodeOK}}
		if err != nil || !slices.Equal(results, want) {
			t.Errorf("%+v, %v", results, err)
		}
		offsets, err := r.Client.FetchOffsets(t.Context(), "g", []kafka.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 1}, {Topic: "users", Partition: 0}})
		if err != nil || len(offsets) != 3 {
			t.Fatalf("%+v, %v", offsets, err)
		}
		if got := offsets[orders1]; got.Offset != 7 || got.Metadata != "frontier" || got.LeaderEpoch != -1 {
			t.Errorf("committed %+v", got)
		}
		if got := offsets[kafka.TopicPartition{Topic: "users", Partition: 0}]; got.Offset != -1 || got.Metadata != "" {
			t.Errorf("never committed: %+v", got)
		}
	})
}

func TestClient_staleCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		generation := r.Joined("g", "c")
		commit := func(id int32, member string) (kafka.Code, error) {
			results, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{
				Group: "g", Generation: id, MemberID: member, Offsets: []kafka.CommitOffset{{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 0}, Offset: 5, LeaderEpoch: -1, Metadata: ""}},
			})
			if err != nil {
				return 0, err
			}
			return results[0].Code, nil
		}
		for name, got := range map[string]func() (kafka.Code, error){
			"an older generation": func() (kafka.Code, error) { return commit(generation.ID-1, generation.MemberID) },
			"another member":      func() (kafka.Code, error) { return commit(generation.ID, "somebody") },
			"nobody":              func() (kafka.Code, error) { return commit(-1, "") },
		} {
			if code, err := got(); err == nil && !code.Fenced() {
				t.Errorf("%s: code %d", name, code)
			}
		}
		offsets, err := r.Client.FetchOffsets(t.Context(), "g", []kafka.TopicPartition{{Topic: "orders", Partition: 0}})
		if err != nil || offsets[kafka.TopicPartition{Topic: "orders", Partition: 0}].Offset != -1 {
			t.Errorf("%+v, %v", offsets, err)
		}
	})
}

func TestClient_members(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		if group, err := r.Client.DescribeGroup(t.Context(), "g"); err != nil || len(group.Members) > 0 || group.State != "Dead" {
			t.Errorf("before: %+v, %v", group, err)
		}
		r.Joined("g", "bridge-0")
		group, err := r.Client.DescribeGroup(t.Context(), "g")
		if err != nil || len(group.Members) != 1 || group.State != "Stable" {
			t.Fatalf("%+v, %v", group, err)
		}
		if m := group.Members[0]; m.ClientID != "bridge-0" {
			t.Errorf("member %+v", m)
		}
	})
}
