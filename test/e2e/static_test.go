package e2e

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/test/truth"
)

// replica is the environment of a static member that stays when it stops.
func replica(i int) environment {
	return environment{"BRIDGE_INSTANCE_ID": fmt.Sprintf("replica-%d", i), "BRIDGE_LEAVE_ON_STOP": "false"}
}

// owned is which partitions a bridge has, once it has as many as it should.
func (b *bridge) owned(partitions int) map[string]bool {
	b.w.t.Helper()
	var owned map[string]bool
	b.w.eventually(b.name+" has its partitions", func() bool {
		owned = map[string]bool{}
		for _, p := range b.status().Partitions {
			owned[fmt.Sprint(p.Topic, "/", p.Partition)] = true
		}
		return len(owned) == partitions
	})
	return owned
}

// generation is the group's, as a member knows it.
func (b *bridge) generation() int32 { return b.status().Group.Generation }

// Static members that are restarted one after the other keep their partitions, and
// the group does not rebalance.
func TestStaticMembers_rollingRestartMovesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 6)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "30s"
	wait := w.produceMeanwhile(load{records: 20_000, perSecond: 2000, namespaces: 10})
	var replicas []*bridge
	for i := range 3 {
		replicas = append(replicas, w.start(replica(i)))
	}
	w.assigned(2, replicas...)
	generation := replicas[2].generation()
	for i := range replicas {
		w.stored(w.truth.Lines() + 500)
		before := replicas[i].owned(2)
		replicas[i].stop()
		replicas[i] = w.start(replica(i))
		if after := replicas[i].owned(2); !maps.Equal(before, after) {
			t.Errorf("replica %d had %v and has %v", i, before, after)
		}
	}
	wait()
	w.waitStored()
	w.waitCommitted(w.topic)
	for i, b := range replicas {
		if got := b.generation(); got != generation {
			t.Errorf("replica %d is in generation %d, want %d: the group has rebalanced", i, got, generation)
		}
		b.stop()
	}
	w.judge()
}

// A static member that is killed and comes back under its name has its partitions
// again at once, and the others notice nothing.
func TestStaticMembers_returnAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 4)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"], w.env["BRIDGE_KAFKA_REBALANCE_TIMEOUT"] = "1m", "1m"
	first, second := w.start(replica(0)), w.start(replica(1))
	w.assigned(2, first, second)
	w.produce(load{records: 500})
	w.waitStored()
	generation, before := second.generation(), first.owned(2)
	first.kill()
	w.produce(load{records: 500})
	began := time.Now()
	first = w.launch(replica(0))
	after := first.owned(2)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it had its partitions again after %s, with a session timeout of a minute", took)
	}
	if !maps.Equal(before, after) {
		t.Errorf("it had %v and has %v", before, after)
	}
	w.waitStored()
	w.waitCommitted(w.topic)
	if got := second.generation(); got != generation || first.generation() != generation {
		t.Errorf("generation %d, and %d of the one that is back, want %d", got, first.generation(), generation)
	}
	first.stop()
	second.stop()
	w.judge(truth.RepeatedAfterCrash)
}

// Of two living bridges of one name the older one ends at once, with code 1, and
// says why; the newer one goes on.
func TestInstanceID_theOlderTwinEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_INSTANCE_ID"] = "replica-0"
	first := w.start()
	w.produce(load{records: 200})
	w.waitStored()
	w.waitCommitted(w.topic) // who is put out with work under way may repeat it
	first.ended.Store(true)
	second := w.start()
	select {
	case <-first.proc.Done():
	case <-time.After(patience):
		t.Fatal("the older one goes on")
	}
	if code := first.proc.ExitCode(); code != 1 || !strings.Contains(first.tail(), "give each replica a BRIDGE_INSTANCE_ID of its own") {
		t.Errorf("it ended with code %d: %s", code, first.tail())
	}
	w.assigned(2, second)
	w.produce(load{records: 200})
	w.settle(second)
	w.judge()
}

// Static members whose topics change over a restart, which the group takes for no
// reason to rebalance, read the new ones all the same, and the old ones no more.
func TestStaticMembers_readOtherTopicsAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 2)
	w.env["BRIDGE_KAFKA_SESSION_TIMEOUT"] = "30s"
	w.produce(load{records: 200})
	first, second := w.start(replica(0)), w.start(replica(1))
	w.assigned(1, first, second)
	w.settle(first, second)
	other := w.topic + "-other"
	w.createTopic(other, 4, nil)
	w.env["BRIDGE_KAFKA_TOPICS"] = other
	first, second = w.start(replica(0)), w.start(replica(1))
	for _, b := range []*bridge{first, second} {
		for p := range b.owned(2) {
			if !strings.HasPrefix(p, other+"/") {
				t.Errorf("%s still has %s", b, p)
			}
		}
	}
	first.stop()
	second.stop()
	w.judge()
}
