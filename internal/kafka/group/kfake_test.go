package group_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/test/kafkarig"
)

// newMember is a member over the real client, against a cluster in memory.
func newMember(r *kafkarig.Rig, instance string) *group.Member {
	return group.New(group.Config{
		Settings:    group.Settings{Group: "g", InstanceID: instance, SessionTimeout: 10 * time.Second, RebalanceTimeout: 30 * time.Second, HeartbeatInterval: time.Second},
		CallTimeout: 3 * time.Second,
	}, r.Client)
}

func join(t *testing.T, m *group.Member, topics ...string) *group.Generation {
	t.Helper()
	counts := map[string]int{}
	for _, topic := range topics {
		counts[topic] = 2
	}
	for range 10 {
		g, err := m.Join(t.Context(), topics, counts)
		if err == nil {
			return g
		}
		t.Log(err)
	}
	t.Fatal("not a member after ten tries")
	return nil
}

func TestMember_overTheRealClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		a := newMember(r, "pod-0")
		g := join(t, a, "orders", "users")
		if n := len(g.Assigned["orders"]) + len(g.Assigned["users"]); n != 4 {
			t.Errorf("it has %v", g.Assigned)
		}
		results, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{Group: "g", Generation: g.ID, MemberID: g.MemberID, InstanceID: "pod-0",
			Offsets: []kafka.CommitOffset{{TopicPartition: kafka.TopicPartition{Topic: "orders"}, Offset: 5, LeaderEpoch: -1}}})
		if err != nil || results[0].Code != kafka.CodeOK {
			t.Errorf("commit: %v, %v", results, err)
		}
		time.Sleep(time.Minute)
		if g.Lease.Check() != nil {
			t.Error("no heartbeats")
		}
		a.Pause() // as after kill -9
		b := newMember(r, "pod-0")
		if again := join(t, b, "orders", "users"); again.ID != g.ID {
			t.Errorf("generation %d after %d: a rebalance", again.ID, g.ID)
		}
		if _, err := a.Join(t.Context(), []string{"orders", "users"}, map[string]int{"orders": 2, "users": 2}); !errors.Is(err, group.ErrFenced) {
			t.Errorf("the older one: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := errors.Join(b.Leave(ctx), a.Leave(ctx)); err != nil {
			t.Error(err)
		}
		if g, err := r.Client.DescribeGroup(t.Context(), "g"); err != nil || len(g.Members) > 0 {
			t.Errorf("%+v, %v", g, err)
		}
	})
}

// Members of earlier releases and of this one share a group, whichever leads: a
// rolling upgrade needs no stop.
func TestMember_besideAnEarlierRelease(t *testing.T) {
	for _, oldLeads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := kafkarig.New(t, kafka.Config{})
			m := newMember(r, "")
			var old *kafkago.Generation
			var g *group.Generation
			balancers := []kafkago.GroupBalancer{earlierBalancer{}}
			if oldLeads {
				r.JoinedWith("g", "old", balancers, "orders", "users")
				g = join(t, m, "orders", "users")
				old = r.Next()
			} else {
				g = join(t, m, "orders", "users")
				joined := make(chan *kafkago.Generation)
				go func() { joined <- r.JoinedWith("g", "old", balancers, "orders", "users") }()
				<-g.Rebalance()
				g = join(t, m, "orders", "users")
				old = <-joined
			}
			seen := map[kafka.TopicPartition]int{}
			for topic, ids := range g.Assigned {
				for _, id := range ids {
					seen[kafka.TopicPartition{Topic: topic, Partition: id}]++
				}
			}
			mine := len(seen)
			for topic, ps := range old.Assignments {
				for _, p := range ps {
					seen[kafka.TopicPartition{Topic: topic, Partition: int32(p.ID)}]++
				}
			}
			if len(seen) != 4 || mine != 2 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
				t.Errorf("old leads %t: new %v, old %v", oldLeads, g.Assigned, old.Assignments)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			if err := m.Leave(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// earlierBalancer is that of the releases before this one.
type earlierBalancer struct{}

func (earlierBalancer) ProtocolName() string      { return "kafka-import-bridge-even" }
func (earlierBalancer) UserData() ([]byte, error) { return nil, nil }
func (earlierBalancer) AssignGroups(members []kafkago.GroupMember, partitions []kafkago.Partition) kafkago.GroupMemberAssignments {
	return kafkago.RoundRobinGroupBalancer{}.AssignGroups(members, partitions)
}
