package preflight

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

func TestPreflight_placeStart(t *testing.T) {
	id, other := wire.UUID{1}, wire.UUID{2}
	beside := func(id wire.UUID, cluster string, offset int64) string {
		text, _ := ledger.New(offset, ledger.Frontier{}).Encode(ledger.Metadata{TopicID: ledger.Identity(id, cluster)}, ledger.MaxMetadata)
		return text
	}
	log := kafka.Range{Begin: 10, End: 30, Stable: 28, Since: 25}
	for _, tc := range []struct {
		name      string
		committed int64
		metadata  string
		reset     ledger.OffsetReset
		used      bool // the group has committed another partition
		start     int64
		gap       string
	}{
		{"a new group starts at the log start", -1, "", ledger.ResetEarliest, false, 10, ""},
		{"a new group starts at the end with latest", -1, "", ledger.ResetLatest, false, 28, ""},
		{"a new partition starts at the log start even with latest", -1, "", ledger.ResetLatest, true, 10, ""},
		{"a new group starts at a time", -1, "", ledger.ResetAgo(time.Hour), false, 25, ""},
		{"a new partition starts at the log start even with a time", -1, "", ledger.ResetAgo(time.Hour), true, 10, ""},
		{"a new group starts at the log start with hold", -1, "", ledger.ResetHold, false, 10, ""},
		{"a committed offset counts", 15, "", ledger.ResetEarliest, true, 15, ""},
		{"one written by a bridge too", 15, beside(id, "c1", 15), ledger.ResetEarliest, true, 15, ""},
		{"one within an open transaction is at the end", 29, "", ledger.ResetEarliest, true, 28, ""},
		{"one below the log start", 4, "", ledger.ResetEarliest, true, 10, "6 records were removed before they were imported"},
		{"one beyond the end", 31, "", ledger.ResetEarliest, true, 10, "lies beyond the end 30"},
		{"one of another life of the topic", 15, beside(other, "c1", 15), ledger.ResetEarliest, true, 10, "created anew since offset 15"},
		{"one copied from another cluster", 15, beside(other, "c2", 15), ledger.ResetEarliest, true, 15, ""},
		{"one moved by an operator", 16, beside(other, "c1", 15), ledger.ResetEarliest, true, 16, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tp := kafka.TopicPartition{Topic: "users", Partition: 0}
			p := &Preflight{cfg: &process.Config{OffsetReset: tc.reset, ReadCommitted: true}, cluster: "c1", committing: true, fresh: tc.committed < 0 && !tc.used,
				committed: map[kafka.TopicPartition]kafka.Committed{tp: {Offset: tc.committed, Metadata: tc.metadata}}}
			part := &inspectedPartition{TopicPartition: tp, log: log}
			gap := p.placeStart(part, id)
			if part.start != tc.start || (gap == "") != (tc.gap == "") || !strings.Contains(gap, tc.gap) {
				t.Errorf("starts at %d (%q), want %d (%q)", part.start, gap, tc.start, tc.gap)
			}
		})
	}
}

func TestPreflight_partitionWithoutLeader(t *testing.T) {
	topic := newInspectedTopic(wire.TopicMetadata{Name: "users", Partitions: []wire.PartitionMetadata{
		{Partition: 1, Leader: -1}, {Partition: 0, Leader: 3}, {Partition: 2, Leader: -1},
	}})
	p := &Preflight{cfg: &process.Config{}, base: kafka.Config{Explain: error.Error}}
	f := p.judgeTopic(topic)
	if f.OK || f.Detail != "partition 1: the partition has no leader: its broker is down (one of 2 partitions that cannot be read)" || f.Remedy != "" {
		t.Errorf("%+v", f)
	}
}

func TestPreflight_groupOfBridges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Joined("bridge", "some-bridge")
		finds(r, preflight(r, 0, nil), "group bridge: its offsets can be read; the brokers grant READ, which joining and committing need; 1 member in it, state Stable")
	})
}

// A cluster that makes its first coordinator asks to try again.
func TestPreflight_waitsForCoordinator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		refusals := 3
		r.Cluster.ControlKey(int16(kmsg.OffsetFetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if refusals--; refusals < 0 {
				return nil, nil, false
			}
			answer := q.ResponseKind().(*kmsg.OffsetFetchResponse)
			answer.ErrorCode = kerr.CoordinatorLoadInProgress.Code
			return answer, nil, true
		})
		finds(r, preflight(r, 0, nil), "group bridge: its offsets can be read; the brokers grant READ, which joining and committing need; nobody is in it")
	})
}

func TestPreflight_groupThatTellsLittle(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer func(*kmsg.DescribeGroupsResponseGroup)
		want   string
	}{
		{"no permissions told", func(g *kmsg.DescribeGroupsResponseGroup) { g.AuthorizedOperations = math.MinInt32 },
			"group bridge: its offsets can be read; joining was not proven, for the brokers do not tell permissions; nobody is in it"},
		{"may not be described", func(g *kmsg.DescribeGroupsResponseGroup) { g.ErrorCode = kerr.GroupAuthorizationFailed.Code },
			"group bridge: its offsets can be read; joining was not proven and its members are unknown: describe group bridge: Group Authorization Failed (code 30)"},
		{"of Kafka Connect", func(g *kmsg.DescribeGroupsResponseGroup) { g.ProtocolType = "connect" },
			`FAIL group bridge: belongs to members of another kind: "connect"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{})
				r.Cluster.ControlKey(int16(kmsg.DescribeGroups), func(q kmsg.Request) (kmsg.Response, error, bool) {
					answer := q.ResponseKind().(*kmsg.DescribeGroupsResponse)
					g := kmsg.NewDescribeGroupsResponseGroup()
					g.Group, g.State, g.AuthorizedOperations = "bridge", "Empty", 1<<3
					tc.answer(&g)
					answer.Groups = append(answer.Groups, g)
					return answer, nil, true
				})
				finds(r, preflight(r, 0, nil), tc.want)
			})
		})
	}
}
