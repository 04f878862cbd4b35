package e2e

import (
	"slices"
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
	"kafka-import-bridge/test/truth"
)

// How many records each partition has before the histories part, and how many
// more the old leader alone has.
const (
	commonRecords = 100
	lostRecords   = 100
)

// An unclean election takes back records that were read, and new ones get their
// offsets: none of these is taken for done, whether the new log is shorter or
// longer than what was read of the old one, also where the committed offset lies far
// below; and the reset is told.
func TestTruncation_byAnUncleanElection(t *testing.T) {
	t.Parallel()
	kafka := kafkatest.New(t, kafkatest.Options{Nodes: 3, Racks: []string{"1", "2", "3"}})
	for _, tc := range []struct {
		name        string
		coordinator bool // the leader that dies is the group's coordinator too
		stopped     bool // the bridge does not run meanwhile
		near        bool // the bridge is in the rack of the node that takes over
		held        bool // the commit of partition 0 waits for its first record
	}{
		{"while it reads from the follower", false, false, true, false},
		{"while it reads and its coordinator dies too", true, false, false, false},
		{"while it is stopped", true, true, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorldOn(t, kafka, 2)
			waitCommitted := func() {
				if !tc.held {
					w.waitCommitted(w.topic)
					return
				}
				w.eventually("all is committed but for what is held", func() bool {
					return w.truth.Committed(w.topic, 0) == 0 && w.truth.Committed(w.topic, 1) == w.ends(w.topic)[1]
				})
			}
			leader := w.coordinator()
			if !tc.coordinator {
				leader = w.otherNode(leader)
			}
			follower := w.otherNode(leader, w.coordinator())
			w.replicate(leader, follower)
			if tc.near {
				w.env["BRIDGE_KAFKA_RACK"] = strconv.Itoa(int(w.number(follower)))
			}

			b := w.start()
			w.produce(load{records: 2 * commonRecords, edit: func(i int, r *kgo.Record, want *truth.Record) {
				if tc.held && i == 0 {
					r.Value, want.Namespaces, want.Fate = []byte("not JSON"), nil, truth.Held
				}
			}})
			w.waitStored()
			follower.Freeze()
			w.awaitLeader(leader, leader)
			w.produce(load{records: 2 * lostRecords})
			w.waitStored()
			waitCommitted()
			if tc.stopped {
				b.stop()
			}
			w.sampled()
			leader.Kill()
			follower.Thaw()
			w.awaitLeader(follower, follower)
			w.truth.Truncate(w.topic, 0, commonRecords)
			w.truth.Truncate(w.topic, 1, commonRecords)
			w.produce(load{records: lostRecords / 2, topic: w.topic, partitions: 1})
			w.produce(load{records: 3 * lostRecords})
			if tc.stopped {
				b = w.start()
			}
			w.waitStored()
			w.sampleOffsets()
			waitCommitted()
			if got := b.metric("offset_resets_total", `reason="beyond_end"`); got != 2 {
				t.Errorf("offset_resets_total of reason beyond_end is %v, want 2: one for each partition", got)
			}
			b.wantSaid(`"gap":100`)
			b.stop()
			w.judge()
			if err := kafka.Restart(t.Context(), leader); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// coordinator is the node that coordinates the group.
func (w *world) coordinator() (node *kafkatest.Node) {
	w.t.Helper()
	w.eventually("the group has a coordinator", func() bool {
		found := w.admin.FindGroupCoordinators(w.context(), w.group)[w.group]
		if found.Err == nil {
			node = w.kafka.Nodes[found.NodeID-1]
		}
		return found.Err == nil
	})
	return node
}

// otherNode is a node that is none of these.
func (w *world) otherNode(than ...*kafkatest.Node) *kafkatest.Node {
	i := slices.IndexFunc(w.kafka.Nodes, func(n *kafkatest.Node) bool { return !slices.Contains(than, n) })
	return w.kafka.Nodes[i]
}

// replicate leaves the topic two replicas, either of which may lead alone.
func (w *world) replicate(leader, follower *kafkatest.Node) {
	w.t.Helper()
	settings := []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "unclean.leader.election.enable", Value: kadm.StringPtr("true")},
		{Op: kadm.SetConfig, Name: "min.insync.replicas", Value: kadm.StringPtr("1")},
	}
	if _, err := w.admin.AlterTopicConfigs(w.context(), settings, w.topic); err != nil {
		w.t.Fatal(err)
	}
	var assignment kadm.AlterPartitionAssignmentsReq
	for p := range w.partitions {
		assignment.Assign(w.topic, int32(p), []int32{w.number(leader), w.number(follower)})
	}
	if _, err := w.admin.AlterPartitionAssignments(w.context(), assignment); err != nil {
		w.t.Fatal(err)
	}
	w.awaitLeader(leader, leader, follower)
}

// number is the id of a node.
func (w *world) number(n *kafkatest.Node) int32 { return int32(slices.Index(w.kafka.Nodes, n) + 1) }

// awaitLeader waits until a node leads every partition of the topic and so many
// replicas are in sync.
func (w *world) awaitLeader(leader *kafkatest.Node, inSync ...*kafkatest.Node) {
	w.t.Helper()
	w.eventually("the topic has its leader", func() bool {
		_, _ = w.admin.ElectLeaders(w.context(), kadm.ElectPreferredReplica, nil) // refused while it is not in sync
		topics, err := w.admin.ListTopics(w.context(), w.topic)
		if err != nil || len(topics[w.topic].Partitions) != w.partitions {
			return false
		}
		for _, p := range topics[w.topic].Partitions {
			if p.Leader != w.number(leader) || len(p.Replicas) != 2 || len(p.ISR) != len(inSync) {
				return false
			}
		}
		return true
	})
}
