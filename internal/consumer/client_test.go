package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"kafka-import-bridge/internal/wire"
)

func fetchFrom(topic wire.TopicMetadata, partition int32, offset int64) *wire.FetchRequest {
	return &wire.FetchRequest{
		MaxWait: 500 * time.Millisecond, MinBytes: 1, MaxBytes: 1 << 20, ReadCommitted: true,
		Topics: []wire.FetchTopic{{Name: topic.Name, ID: topic.ID, Partitions: []wire.FetchPartition{
			{Partition: partition, LeaderEpoch: -1, Offset: offset, LastFetchedEpoch: -1, MaxBytes: 1 << 20},
		}}},
	}
}

func alloc(n int) ([]byte, error) { return make([]byte, n+10), nil }

// values reads what a fetch from offset 0 of partition 0 delivers.
func values(r *clientRig, topic wire.TopicMetadata) (values []string, version int16) {
	r.t.Helper()
	body, version, err := r.client.Fetch(r.t.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), alloc)
	if err != nil {
		r.t.Fatal(err)
	}
	var answer wire.FetchResponse
	if err := answer.Decode(body, version); err != nil || len(answer.Partitions) != 1 || answer.Partitions[0].ErrorCode != 0 {
		r.t.Fatalf("%+v, %v", answer, err)
	}
	var batches wire.Batches
	var batch wire.Batch
	var records wire.Records
	var record wire.Record
	var inflater wire.Inflater
	batches.Reset(answer.Partitions[0].Records, answer.Partitions[0].HighWatermark)
	for batches.Next(&batch) == nil {
		data, err := inflater.Inflate(nil, &batch, 1<<20)
		if err != nil {
			r.t.Fatal(err)
		}
		for records.Reset(&batch, data); records.Next(&record); {
			values = append(values, string(record.Value))
		}
	}
	return values, version
}

func TestClient_fetchesEveryCodec(t *testing.T) {
	for i, codec := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		t.Run(wire.Codec(i).String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newClientRig(t, ClientConfig{})
				var want []string
				for j := range 200 {
					want = append(want, fmt.Sprintf(`{"id":"%d","text":"the same text again and again"}`, j))
				}
				r.produce("orders", 0, codec, want...)
				if got, version := values(r, r.topic("orders")); !slices.Equal(got, want) || version != 13 {
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
		{"2.3", kversion.V2_3_0(), 11, false},
		{"2.7", kversion.V2_7_0(), 12, false},
		{"2.8", kversion.V2_8_0(), 12, true},
		{"3.1", kversion.V3_1_0(), 13, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newClientRig(t, ClientConfig{}, kfake.MaxVersions(tc.offered))
				r.produce("orders", 0, kgo.NoCompression(), "a", "b")
				topic := r.topic("orders")
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

func TestClient_tooOldBroker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{}, kfake.MaxVersions(kversion.V1_0_0()))
		_, err := r.client.Metadata(t.Context(), nil)
		if !errors.Is(err, CodeUnsupportedVersion) {
			t.Errorf("got %v", err)
		}
	})
}

func TestClient_Metadata(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{}, kfake.AllowAutoTopicCreation())
		for range 2 { // asking must not create it
			if got := r.topic("absent"); Code(got.ErrorCode) != CodeUnknownTopic {
				t.Errorf("absent topic: %+v", got)
			}
		}
		answer, err := r.client.Metadata(t.Context(), nil)
		if err != nil || len(answer.Topics) != 2 || len(answer.Brokers) != 1 || answer.ClusterID == "" {
			t.Fatalf("%+v, %v", answer, err)
		}
		if p := r.topic("orders").Partitions; len(p) != 2 || p[1].Partition == p[0].Partition {
			t.Errorf("partitions %+v", p)
		}
	})
}

func TestClient_ListOffsets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		r.produce("orders", 1, kgo.NoCompression(), "a", "b", "c")
		leader := r.topic("orders").Partitions[1].Leader
		for timestamp, want := range map[int64]int64{wire.LatestOffset: 3, wire.EarliestOffset: 0} {
			answer, err := r.client.ListOffsets(t.Context(), leader, &wire.ListOffsetsRequest{Topics: []wire.ListOffsetsTopic{
				{Name: "orders", Partitions: []wire.ListOffsetsPartition{{Partition: 1, Timestamp: timestamp}}},
			}})
			if err != nil || len(answer.Partitions) != 1 || answer.Partitions[0].Offset != want || answer.Partitions[0].ErrorCode != 0 {
				t.Errorf("timestamp %d: %+v, %v", timestamp, answer, err)
			}
		}
	})
}

func TestClient_twoFetchesShareNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		topic := r.topic("orders")
		before, start := r.dials.Load(), time.Now()
		done := make(chan error, 2)
		for p := range int32(2) {
			go func() {
				_, _, err := r.client.Fetch(t.Context(), topic.Partitions[p].Leader, fetchFrom(topic, p, 0), alloc)
				done <- err
			}()
		}
		if err := errors.Join(<-done, <-done); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 700*time.Millisecond || r.dials.Load() != before+2 {
			t.Errorf("two long polls took %v on %d connections", took, r.dials.Load()-before)
		}
	})
}

func TestClient_allocMayBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{CallTimeout: time.Second, DialTimeout: time.Second})
		r.produce("orders", 0, kgo.NoCompression(), strings.Repeat("more than is read ahead ", 10_000))
		topic := r.topic("orders")
		body, version, err := r.client.Fetch(t.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
			time.Sleep(time.Minute)
			return make([]byte, n), nil
		})
		if err != nil || new(wire.FetchResponse).Decode(body, version) != nil {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	})
}

// Memory must not be given to others while alloc may still hand it out.
func TestClient_waitsForAlloc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		topic := r.topic("orders")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		returned := false
		_, _, err := r.client.Fetch(ctx, topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
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
		r := newClientRig(t, ClientConfig{})
		var all, none atomic.Int32
		r.cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
			r.cluster.KeepControl()
			if request.(*kmsg.MetadataRequest).Topics == nil {
				all.Add(1)
			} else if len(request.(*kmsg.MetadataRequest).Topics) == 0 {
				none.Add(1)
			}
			return nil, nil, false
		})
		r.topic("orders")
		time.Sleep(time.Minute)
		if all.Load() != 0 || none.Load() < 10 {
			t.Errorf("%d requests for all topics, %d for none", all.Load(), none.Load())
		}
	})
}

func TestClient_allocRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		topic := r.topic("orders")
		no := errors.New("no memory")
		_, _, err := r.client.Fetch(t.Context(), topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(int) ([]byte, error) { return nil, no })
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
				r := newClientRig(t, ClientConfig{CallTimeout: 5 * time.Second})
				r.client.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
					c, err := r.dial(ctx, network, address)
					return &freezer{Conn: c, frozen: &freeze}, err
				})
				r.produce("orders", 0, kgo.NoCompression(), strings.Repeat("more than is read ahead ", 10_000))
				topic := r.topic("orders")
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				start := time.Now()
				var memory []byte
				_, _, err := r.client.Fetch(ctx, topic.Partitions[0].Leader, fetchFrom(topic, 0, 0), func(n int) ([]byte, error) {
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
	calls := map[string]func(ctx context.Context, c *Client) error{
		"metadata": func(ctx context.Context, c *Client) error { _, err := c.Metadata(ctx, nil); return err },
		"fetch": func(ctx context.Context, c *Client) error {
			_, _, err := c.Fetch(ctx, 0, &wire.FetchRequest{}, alloc)
			return err
		},
		"list offsets": func(ctx context.Context, c *Client) error {
			_, err := c.ListOffsets(ctx, 0, &wire.ListOffsetsRequest{})
			return err
		},
		"fetch offsets": func(ctx context.Context, c *Client) error { _, err := c.FetchOffsets(ctx, "g", nil); return err },
		"commit": func(ctx context.Context, c *Client) error {
			_, err := c.CommitOffsets(ctx, Commit{Group: "g"})
			return err
		},
		"describe": func(ctx context.Context, c *Client) error { _, err := c.DescribeGroup(ctx, "g"); return err },
		"leave":    func(ctx context.Context, c *Client) error { return c.LeaveGroup(ctx, "g", "m") },
		"dial": func(ctx context.Context, c *Client) error {
			_, err := c.Dialer().DialContext(ctx, "tcp", "b:9092")
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := NewClient(ClientConfig{
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
			r := newClientRig(t, ClientConfig{SASL: plain.Mechanism{Username: "u", Password: password}},
				kfake.EnableSASL(), kfake.Superuser("PLAIN", "u", "right"))
			start := time.Now()
			_, err := r.client.Metadata(t.Context(), nil)
			if took := time.Since(start); (err == nil) != ok || took > time.Second {
				t.Errorf("password %s: after %v: %v", password, took, err)
			}
		})
	}
}

func TestClient_newBrokerIsFoundAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		topic := r.topic("orders")
		id, _, err := r.cluster.AddNode(7, 9200)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.cluster.MoveTopicPartition("orders", 0, id); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _, err = r.client.Fetch(t.Context(), id, fetchFrom(topic, 0, 0), alloc)
		if took := time.Since(start); err != nil || took > time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		_, _, err = r.client.Fetch(t.Context(), 99, fetchFrom(topic, 0, 0), alloc)
		if !errors.Is(err, CodeBrokerNotAvailable) {
			t.Errorf("unknown broker: %v", err)
		}
	})
}

func TestClient_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		topic := r.topic("orders")
		failed := make(chan error)
		request := fetchFrom(topic, 0, 0)
		request.MaxWait = time.Hour
		go func() {
			_, _, err := r.client.Fetch(t.Context(), topic.Partitions[0].Leader, request, alloc)
			failed <- err
		}()
		time.Sleep(time.Second)
		r.client.Close()
		if err := <-failed; err == nil {
			t.Error("the call in flight went on")
		}
		if _, err := r.client.Metadata(t.Context(), nil); err == nil {
			t.Error("a closed client answered")
		}
		if n := r.client.OpenConnections(); n > 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

func TestClient_commits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		generation := r.joined("g", "c")
		orders0, orders1, absent := TopicPartition{"orders", 0}, TopicPartition{"orders", 1}, TopicPartition{"absent", 0}
		results, err := r.client.CommitOffsets(t.Context(), Commit{
			Group: "g", Generation: generation.ID, MemberID: generation.MemberID,
			Offsets: []CommitOffset{{orders1, 7, -1, "frontier"}, {absent, 1, -1, ""}, {orders0, 3, -1, ""}},
		})
		want := []CommitResult{{orders1, CodeOK}, {absent, CodeUnknownTopic}, {orders0, CodeOK}}
		if err != nil || !slices.Equal(results, want) {
			t.Errorf("%+v, %v", results, err)
		}
		offsets, err := r.client.FetchOffsets(t.Context(), "g", map[string][]int32{"orders": {0, 1}, "users": {0}})
		if err != nil || len(offsets) != 3 {
			t.Fatalf("%+v, %v", offsets, err)
		}
		if got := offsets[orders1]; got.Offset != 7 || got.Metadata != "frontier" || got.LeaderEpoch != -1 {
			t.Errorf("committed %+v", got)
		}
		if got := offsets[TopicPartition{"users", 0}]; got.Offset != -1 || got.Metadata != "" {
			t.Errorf("never committed: %+v", got)
		}
	})
}

func TestClient_staleCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		generation := r.joined("g", "c")
		commit := func(id int32, member string) (Code, error) {
			results, err := r.client.CommitOffsets(t.Context(), Commit{
				Group: "g", Generation: id, MemberID: member, Offsets: []CommitOffset{{TopicPartition{"orders", 0}, 5, -1, ""}},
			})
			if err != nil {
				return 0, err
			}
			return results[0].Code, nil
		}
		for name, got := range map[string]func() (Code, error){
			"an older generation": func() (Code, error) { return commit(generation.ID-1, generation.MemberID) },
			"another member":      func() (Code, error) { return commit(generation.ID, "somebody") },
			"nobody":              func() (Code, error) { return commit(-1, "") },
		} {
			if code, err := got(); err == nil && !code.Fenced() {
				t.Errorf("%s: code %d", name, code)
			}
		}
		offsets, err := r.client.FetchOffsets(t.Context(), "g", map[string][]int32{"orders": {0}})
		if err != nil || offsets[TopicPartition{"orders", 0}].Offset != -1 {
			t.Errorf("%+v, %v", offsets, err)
		}
	})
}

func TestClient_members(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		if group, err := r.client.DescribeGroup(t.Context(), "g"); err != nil || len(group.Members) > 0 || group.State != "Dead" {
			t.Errorf("before: %+v, %v", group, err)
		}
		generation := r.joined("g", "bridge-0")
		group, err := r.client.DescribeGroup(t.Context(), "g")
		if err != nil || len(group.Members) != 1 || group.State != "Stable" {
			t.Fatalf("%+v, %v", group, err)
		}
		if m := group.Members[0]; m.MemberID != generation.MemberID || m.ClientID != "bridge-0" || m.ClientHost == "" {
			t.Errorf("member %+v", m)
		}
		if err := r.client.LeaveGroup(t.Context(), "g", "nobody"); !errors.Is(err, CodeUnknownMember) {
			t.Errorf("removed nobody: %v", err)
		}
		if err := r.client.LeaveGroup(t.Context(), "g", generation.MemberID); err != nil {
			t.Fatal(err)
		}
		if group, err := r.client.DescribeGroup(t.Context(), "g"); err != nil || len(group.Members) > 0 {
			t.Errorf("after: %+v, %v", group, err)
		}
	})
}

// A member that waits for the others in a rebalance is released when its
// connection is closed.
func TestClient_closeMembership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newClientRig(t, ClientConfig{})
		release := make(chan struct{})
		defer close(release)
		r.cluster.ControlKey(int16(kmsg.JoinGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
			r.cluster.SleepControl(func() { <-release })
			return nil, nil, false
		})
		members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
			ID: "g", Brokers: r.cluster.ListenAddrs(), Topics: []string{"orders"}, Dialer: r.client.Dialer(),
		})
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(2*time.Second, r.client.CloseMembership)
		start := time.Now()
		_, err = members.Next(t.Context())
		if took := time.Since(start); err == nil || took != 2*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
		_ = members.Close()
	})
}
