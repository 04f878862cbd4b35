package discovery_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

// leads lets the partitions of users have a leader, but for those that are named.
func (r *cluster) leads(without ...int32) {
	leader := r.Topic("orders").Partitions[0].Leader
	r.change(func(u *kmsg.MetadataResponseTopic) {
		u.Partitions = []kmsg.MetadataResponseTopicPartition{{Partition: 0, Leader: leader}, {Partition: 1, Leader: leader}}
		for _, n := range without {
			u.Partitions[n].Leader = -1
		}
	})
}

// A partition whose leader comes late starts where it would have at first: what was then
// not too old for a new group is not left out because of an outage.
func TestStarts_byTimeAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var records []*kgo.Record
		for _, age := range []time.Duration{48 * time.Hour, 24*time.Hour - time.Minute, time.Hour} {
			records = append(records, &kgo.Record{Topic: "users", Partition: 0, Value: []byte("{}"), Timestamp: time.Now().Add(-age)})
		}
		r.ProduceRecords(records)
		r.leads(0, 1)
		f := r.start(ctx, func(s *discovery.Starts) { s.Reset = ledger.ResetAgo(24 * time.Hour) })
		time.Sleep(5 * time.Minute)
		f.want(t, 2, 0)
		r.leads()
		time.Sleep(3 * time.Second)
		f.want(t, 3, 0)
		f.mu.Lock()
		defer f.mu.Unlock()
		if got := f.started[kafka.TopicPartition{Topic: "users", Partition: 0}].At.Offset; got != 1 {
			t.Errorf("it starts at %d, want 1", got)
		}
	})
}

// Once one partition of many is back, the others are asked for again at once.
func TestStarts_whatComesBackIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.leads(0, 1)
		f := r.start(ctx, func(s *discovery.Starts) {
			s.Assigned = append(s.Assigned, kafka.TopicPartition{Topic: "users", Partition: 1})
		})
		time.Sleep(time.Minute)
		f.want(t, 2, 0)
		r.leads(1)
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			f.mu.Lock()
			n := len(f.started)
			f.mu.Unlock()
			if n > 2 {
				break
			}
		}
		f.want(t, 3, 0)
		r.leads()
		time.Sleep(500 * time.Millisecond)
		f.want(t, 4, 0)
	})
}

// A topic that is denied is told as such, and not beside it that it has no leader.
func TestStarts_aDeniedTopicHasALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.change(func(u *kmsg.MetadataResponseTopic) { u.ErrorCode, u.Partitions = int16(kafka.CodeTopicDenied), nil })
		f := r.start(ctx)
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
		f.mu.Lock()
		defer f.mu.Unlock()
		if denied := (*kafka.TopicDeniedError)(nil); !errors.As(f.failure, &denied) || strings.Contains(f.failure.Error(), "leader") {
			t.Errorf("it fails with %v", f.failure)
		}
	})
}

// A topic that may not be described for a while is taken for what it was: the generation
// of all the others goes on.
func TestWatch_aDeniedTopicEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		failures, unclear, out, done := 0, []string(nil), make(chan discovery.Found, 100), make(chan struct{})
		w := &discovery.Watch{
			Client: r.Client, Selection: kafka.Selection{Topics: []string{"orders", "users"}}, Subscription: r.subscription(), Every: 30 * time.Second,
			Relead: func(*wire.MetadataResponse) {}, Failed: func(_ error, topics []string) { failures, unclear = failures+1, topics },
		}
		go func() { defer close(done); w.Run(ctx, nil, out) }()
		r.change(func(u *kmsg.MetadataResponseTopic) { u.ErrorCode, u.Partitions = int16(kafka.CodeTopicDenied), nil })
		time.Sleep(10 * time.Minute)
		cancel()
		<-done
		close(out)
		n := 0
		for f := range out {
			if n++; f.Change != kafka.Unchanged || len(f.Topics) != 2 || f.Parts["users"] != 2 {
				t.Errorf("it has changed: %q, %+v", f.Change, f.Subscription)
			}
		}
		if n < 15 || failures != n || len(unclear) != 1 || unclear[0] != "users" {
			t.Errorf("asked %d times, %d failures, of %v", n, failures, unclear)
		}
	})
}

// The coordinator is asked for all that a group has committed, and leaders for a time,
// only where that decides anything.
func TestStarts_asksNoMoreThanItNeeds(t *testing.T) {
	for _, tc := range []struct {
		name      string
		reset     ledger.OffsetReset
		committed int32 // the partition with a commit, -1 for none; 1 is another member's
		all       int
		timed     bool
	}{
		{"a new group that reads all", ledger.ResetEarliest, -1, 0, false},
		{"a new group that reads from a time on", ledger.ResetAgo(time.Hour), -1, 1, true},
		{"a group that has committed its partitions", ledger.ResetAgo(time.Hour), 0, 0, false},
		{"a group that has committed another partition", ledger.ResetAgo(time.Hour), 1, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{})
				if tc.committed >= 0 {
					commit := kafka.CommitOffset{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: tc.committed}, LeaderEpoch: -1}
					if _, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{Group: "bridge", Generation: -1, Offsets: []kafka.CommitOffset{commit}}); err != nil {
						t.Fatal(err)
					}
				} else {
					r.Joined("bridge", "test")
				}
				all, timed := 0, false
				r.Cluster.ControlKey(kmsg.OffsetFetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
					r.Cluster.KeepControl()
					if q.(*kmsg.OffsetFetchRequest).Topics == nil {
						all++
					}
					return nil, nil, false
				})
				r.Cluster.ControlKey(kmsg.ListOffsets.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
					r.Cluster.KeepControl()
					timed = timed || q.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp >= 0
					return nil, nil, false
				})
				s := &discovery.Starts{
					Client: r.Client, Group: "bridge", Generation: 7, Fingerprint: "f", Reset: tc.reset,
					Assigned:     []kafka.TopicPartition{{Topic: "orders", Partition: 0}},
					Subscription: kafka.Subscription{Topics: []string{"orders"}, Parts: map[string]int{"orders": 2}, IDs: map[string]wire.UUID{"orders": r.Topic("orders").ID}},
					Refresh:      func() {}, Failed: func(err error, _ int) { t.Error(err) },
				}
				s.Run(t.Context(), make(chan []discovery.Start, 1))
				if all != tc.all || timed != tc.timed {
					t.Errorf("asked %d times for all that is committed, for a time: %t", all, timed)
				}
			})
		})
	}
}
