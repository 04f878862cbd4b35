package discovery_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

// cluster is one whose metadata of orders and users the test decides, and which
// counts how often it is asked for them.
type cluster struct {
	*kafkarig.Rig
	ids map[string]wire.UUID

	mu     sync.Mutex // guards what follows
	users  kmsg.MetadataResponseTopic
	asked  []time.Time
	topics int // that were asked for last
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	r := &cluster{Rig: kafkarig.New(t, kafka.Config{}), ids: map[string]wire.UUID{}}
	r.Joined("bridge", "test")
	topic := func(name string) kmsg.MetadataResponseTopic {
		md := r.Topic(name)
		r.ids[name] = md.ID
		out := kmsg.MetadataResponseTopic{Topic: &name, TopicID: md.ID}
		for _, p := range md.Partitions {
			out.Partitions = append(out.Partitions, kmsg.MetadataResponseTopicPartition{Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch})
		}
		return out
	}
	orders := topic("orders")
	r.users = topic("users")
	r.Cluster.ControlKey(kmsg.Metadata.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		topics := q.(*kmsg.MetadataRequest).Topics
		if len(topics) == 0 {
			return nil, nil, false // the library's own
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asked, r.topics = append(r.asked, time.Now()), len(topics)
		answer := q.ResponseKind().(*kmsg.MetadataResponse)
		for _, topic := range topics {
			answer.Topics = append(answer.Topics, map[string]kmsg.MetadataResponseTopic{"orders": orders, "users": r.users}[*topic.Topic])
		}
		return answer, nil, true
	})
	return r
}

// asks returns when the topics were asked for.
func (r *cluster) asks() []time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

// change lets the cluster say something else of users from now on.
func (r *cluster) change(f func(*kmsg.MetadataResponseTopic)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.users)
}

func (r *cluster) subscription() kafka.Subscription {
	return kafka.Subscription{Topics: []string{"orders", "users"}, Parts: map[string]int{"orders": 2, "users": 2}, IDs: r.ids}
}

// found is what Run of some Starts has sent so far.
type found struct {
	mu       sync.Mutex
	started  map[kafka.TopicPartition]discovery.Start
	problems []string
	refresh  int
	failed   int
	failure  error // the last one
}

// start begins to look for the starts of orders/0, orders/1 and users/0, or as change
// says.
func (r *cluster) start(ctx context.Context, change ...func(*discovery.Starts)) *found {
	f := &found{started: map[kafka.TopicPartition]discovery.Start{}}
	s := &discovery.Starts{
		Client: r.Client, Group: "bridge", Generation: 7, Fingerprint: "f", Subscription: r.subscription(),
		Assigned: []kafka.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 1}, {Topic: "users", Partition: 0}},
		Refresh:  func() { f.mu.Lock(); defer f.mu.Unlock(); f.refresh++ },
		Failed:   func(err error, _ int) { f.mu.Lock(); defer f.mu.Unlock(); f.failed, f.failure = f.failed+1, err },
	}
	for _, change := range change {
		change(s)
	}
	out := make(chan []discovery.Start)
	go func() { defer close(out); s.Run(ctx, out) }()
	go func() {
		for list := range out {
			f.mu.Lock()
			for _, start := range list {
				if start.Problem != nil {
					f.problems = append(f.problems, start.Topic+": "+start.Problem.Error())
				} else if _, twice := f.started[start.TopicPartition]; twice {
					f.problems = append(f.problems, "started twice")
				} else {
					f.started[start.TopicPartition] = start
				}
			}
			f.mu.Unlock()
		}
	}()
	return f
}

// counts returns how many tries have failed, and how many asked for metadata.
func (f *found) counts() (failed, refresh int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed, f.refresh
}

func (f *found) want(t *testing.T, started, problems int) {
	t.Helper()
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.started) != started || len(f.problems) != problems {
		t.Errorf("%d partitions start, want %d; problems, want %d: %q", len(f.started), started, problems, f.problems)
	}
}

// A topic that is denied, has no leader, or was created anew keeps no other one from
// its start; what is wrong with one alone is sent once for each reason.
func TestStarts_oneTopicHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		parts, id := r.users.Partitions, r.users.TopicID
		r.change(func(u *kmsg.MetadataResponseTopic) { u.ErrorCode, u.Partitions = int16(kafka.CodeTopicDenied), nil })
		f := r.start(ctx)
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
		r.change(func(u *kmsg.MetadataResponseTopic) {
			if r.topics != 1 {
				t.Errorf("%d topics are asked for, though one alone does not start", r.topics)
			}
			u.ErrorCode, u.Partitions = 0, []kmsg.MetadataResponseTopicPartition{{Partition: 0, Leader: -1}, {Partition: 1, Leader: -1}}
		})
		failed, _ := f.counts()
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
		if now, refresh := f.counts(); now == failed || refresh != 0 {
			t.Errorf("without a leader %d tries fail, and %d ask for metadata", now-failed, refresh)
		}
		r.change(func(u *kmsg.MetadataResponseTopic) { u.TopicID, u.Partitions = wire.UUID{9}, parts })
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
		if _, refresh := f.counts(); refresh == 0 {
			t.Error("nobody asks for the metadata of a topic that was created anew")
		}
		r.change(func(u *kmsg.MetadataResponseTopic) { u.TopicID, u.ErrorCode = id, int16(kafka.CodeLeaderNotAvailable) })
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
		r.change(func(u *kmsg.MetadataResponseTopic) { u.ErrorCode = 0 })
		time.Sleep(3 * time.Second)
		f.want(t, 3, 1)
	})
}

// A commit that may not be read holds up its partition alone.
func TestStarts_aCommitThatMayNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newCluster(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r.Cluster.ControlKey(kmsg.OffsetFetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			res := q.ResponseKind().(*kmsg.OffsetFetchResponse)
			for _, topic := range q.(*kmsg.OffsetFetchRequest).Topics {
				out := kmsg.OffsetFetchResponseTopic{Topic: topic.Topic}
				for _, n := range topic.Partitions {
					p := kmsg.OffsetFetchResponseTopicPartition{Partition: n, Offset: -1}
					if topic.Topic == "users" {
						p.ErrorCode = int16(kafka.CodeTopicDenied)
					}
					out.Partitions = append(out.Partitions, p)
				}
				res.Topics = append(res.Topics, out)
			}
			return res, nil, true
		})
		f := r.start(ctx)
		time.Sleep(time.Minute)
		f.want(t, 2, 1)
	})
}

// Where a topic's log is asked for, another topic of its name has none to tell, and a
// topic of which nothing is known yet may still be the same.
func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		orders := r.Topic("orders")
		tp, unknown := kafka.TopicPartition{Topic: "orders", Partition: 0}, 0
		r.Cluster.ControlKey(kmsg.Metadata.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if topics := q.(*kmsg.MetadataRequest).Topics; len(topics) == 1 && unknown > 0 {
				unknown--
				answer := q.ResponseKind().(*kmsg.MetadataResponse)
				answer.Topics = []kmsg.MetadataResponseTopic{{Topic: topics[0].Topic, ErrorCode: int16(kafka.CodeLeaderNotAvailable)}}
				return answer, nil, true
			}
			return nil, nil, false
		})
		leaders, refreshed := []int32{99, 99, orders.Partitions[0].Leader}, 0
		leader := func() (at int32) {
			if at = leaders[0]; len(leaders) > 1 {
				leaders = leaders[1:]
			}
			return at
		}
		began := time.Now()
		unknown = 1
		if _, same, ok := discovery.Extent(t.Context(), r.Client, tp, orders.ID, leader, func() { refreshed++ }); !same || !ok {
			t.Errorf("the same: %t, known: %t", same, ok)
		}
		if took := time.Since(began); refreshed != 2 || took < 4*time.Second {
			t.Errorf("metadata are refreshed %d times, in %s", refreshed, took)
		}
		if _, same, ok := discovery.Extent(t.Context(), r.Client, tp, wire.UUID{9}, leader, func() {}); same || !ok {
			t.Errorf("of another topic: the same: %t, known: %t", same, ok)
		}
	})
}

// The watch asks at its interval, and at once where it is woken, but not more than ten
// times a second; a generation whose assignment leaves something out ends after twice
// as long each time.
func TestWatch_asksAndEnds(t *testing.T) {
	for stale, want := range map[int]time.Duration{0: 0, 1: 30 * time.Second, 2: time.Minute, 3: 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newCluster(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var releads atomic.Int32
			w := &discovery.Watch{
				Client: r.Client, Selection: kafka.Selection{Topics: []string{"orders", "users"}}, Subscription: r.subscription(), Stale: stale, Every: 30 * time.Second,
				Relead: func(*wire.MetadataResponse) { releads.Add(1) }, Failed: func(err error, _ []string) { t.Error(err) },
			}
			began, wake, out, done := time.Now(), make(chan struct{}, 1), make(chan discovery.Found, 100), make(chan struct{})
			go func() { defer close(done); w.Run(ctx, wake, out) }()
			time.Sleep(5 * time.Second)
			for range 2 {
				wake <- struct{}{}
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(time.Second)
			if asks := r.asks(); len(asks) != 2 || asks[0].Sub(began) > 5*time.Second || asks[1].Sub(asks[0]) < 100*time.Millisecond || releads.Load() != 2 {
				t.Errorf("asked %d times at %v, %d leaders told", len(asks), asks, releads.Load())
			}
			time.Sleep(10 * time.Minute)
			select {
			case <-done:
				var last discovery.Found
				for len(out) > 0 {
					last = <-out
				}
				asks := r.asks()
				if ended := asks[len(asks)-1].Sub(began); last.Change == kafka.Unchanged || ended < want || ended > want+35*time.Second {
					t.Errorf("stale %d: it ends after %s for %q, want %s", stale, ended, last.Change, want)
				}
			default:
				if stale > 0 {
					t.Errorf("stale %d: it does not end", stale)
				}
			}
		})
	}
}

// An offset that is held stays where it was committed, whatever this process remembers.
func TestStarts_Place_held(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	s := &discovery.Starts{Reset: ledger.ResetHold, Fingerprint: "f", Recollections: discovery.Recollections{
		tp: {Acked: ledger.CommitPoint{Offset: 50}, Known: ledger.CommitPoint{Offset: 60}},
	}}
	got := s.Place(tp, kafka.Committed{Offset: 50, LeaderEpoch: 4}, kafka.Range{Begin: 100, End: 200, Stable: 200}, false)
	if !got.Recalled || !got.At.Held || got.At.Offset != 50 || got.Committed.LeaderEpoch != 4 {
		t.Errorf("%+v", got)
	}
}

// A partition that the subscription did not know yet starts where it was committed too.
func TestStarts_ofAPartitionThatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.ProduceRecords(dated(1, -2, -1, 0))
		tp := kafka.TopicPartition{Topic: "orders", Partition: 1}
		if _, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{Group: "bridge", Generation: -1, Offsets: []kafka.CommitOffset{{TopicPartition: tp, Offset: 2, LeaderEpoch: -1}}}); err != nil {
			t.Fatal(err)
		}
		s := &discovery.Starts{
			Client: r.Client, Group: "bridge", Generation: 7, Fingerprint: "f", Assigned: []kafka.TopicPartition{tp},
			Subscription: kafka.Subscription{Topics: []string{"orders"}, Parts: map[string]int{"orders": 1}, IDs: map[string]wire.UUID{"orders": r.Topic("orders").ID}},
			Refresh:      func() {}, Failed: func(err error, _ int) { t.Error(err) },
		}
		out := make(chan []discovery.Start, 1)
		s.Run(t.Context(), out)
		if got := <-out; len(got) != 1 || got[0].At.Offset != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// While brokers are upgraded some name the topics' ids and some do not. That keeps no
// partition from its start, ends no generation, and makes no log another one's.
func TestDiscovery_brokersThatBeginToNameIDs(t *testing.T) {
	for _, known := range []bool{false, true} { // when the generation began
		synctest.Test(t, func(t *testing.T) {
			r := newCluster(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			id := r.users.TopicID
			if known {
				r.change(func(u *kmsg.MetadataResponseTopic) { u.TopicID = wire.UUID{} })
			} else {
				r.ids["users"] = wire.UUID{}
			}
			f := r.start(ctx)
			time.Sleep(5 * time.Second)
			f.want(t, 3, 0)
			w := &discovery.Watch{
				Client: r.Client, Selection: kafka.Selection{Topics: []string{"orders", "users"}}, Subscription: r.subscription(), Every: 10 * time.Second,
				Relead: func(*wire.MetadataResponse) {}, Failed: func(err error, _ []string) { t.Error(err) },
			}
			out := make(chan discovery.Found, 100)
			go w.Run(ctx, nil, out)
			time.Sleep(time.Minute)
			synctest.Wait()
			for len(out) > 0 {
				if found := <-out; found.Change != kafka.Unchanged {
					t.Errorf("the generation ends, as %s", found.Change)
				}
			}
			users := kafka.TopicPartition{Topic: "users"}
			leader := func() int32 { return r.users.Partitions[0].Leader }
			if _, same, ok := discovery.Extent(ctx, r.Client, users, id, leader, func() {}); !same || !ok {
				t.Errorf("its log is the same: %t, known: %t", same, ok)
			}
		})
	}
}
