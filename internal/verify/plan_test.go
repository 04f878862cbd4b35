package verify

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/kafka/group"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/test/kafkarig"
)

// onCluster runs a test in virtual time with a cluster in memory, which has the
// topics orders and users of two partitions each.
func onCluster(t *testing.T, test func(t *testing.T, r *kafkarig.Rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, kafkarig.New(t, kafka.Config{}, kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094)))
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

// auditOf is an audit of a bridge that reads orders.
func auditOf(r *kafkarig.Rig, receipts string) *Audit {
	return &Audit{client: r.Client, cfg: &process.Config{
		Settings: group.Settings{Group: "bridge"}, Topics: kafka.Selection{Topics: []string{"orders"}},
		Policies: process.Policies{ReceiptsTopic: receipts},
	}}
}

// rangesText has the partition, the topic's id and the offsets of each range.
func rangesText(ranges []scan.Range) (text string) {
	for _, r := range ranges {
		text += fmt.Sprintf("%s %s %d-%d;", r.TopicPartition, r.TopicID, r.From, r.To)
	}
	return text
}

// TestPlan_input takes what lies between the log's start, or a time, and the
// committed offset, and says what is left out.
func TestPlan_input(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig) {
		audit := auditOf(r, "users")
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
			{"one partition has no committed offset", map[int32]int64{0: 4}, time.Time{}, "orders/0 " + id + " 0-4;", "orders/1 has no committed offset"},
			{"since a time", map[int32]int64{0: 4}, middle, "orders/0 " + id + " 3-4;", "orders/1"},
			{"since the last record", map[int32]int64{0: 4}, time.Now().Add(time.Second), "", "orders/1"},
			{"nothing is committed behind the start", map[int32]int64{0: 0, 1: 0}, time.Time{}, "", ""},
			{"the log is shorter", map[int32]int64{0: 9, 1: 0}, time.Time{}, "orders/0 " + id + " 0-5;", "orders/0 ends at offset 5, below the committed offset 9"},
		} {
			committed(t, r, tc.offsets)
			in, err := audit.input(t.Context(), tc.since)
			if err != nil || rangesText(in.Records) != tc.records || !strings.Contains(fmt.Sprint(in.Notes), tc.notes) || tc.notes == "" && len(in.Notes) > 0 {
				t.Errorf("%s: %v, %q, %v", tc.name, in.Records, in.Notes, err)
			}
			begin := int64(0)
			if !tc.since.IsZero() {
				begin = 1 // an hour of margin does not reach back to the first receipt
			}
			if len(in.Receipts) != 2 || in.Receipts[1].From != begin || in.Receipts[1].To != scan.ToEnd {
				t.Errorf("%s: receipts %v", tc.name, in.Receipts)
			}
		}
	})
}

func TestPlan_namesWhatIsMissing(t *testing.T) {
	onCluster(t, func(t *testing.T, r *kafkarig.Rig) {
		committed(t, r, map[int32]int64{0: 0})
		audit := auditOf(r, "no-such-topic")
		if _, err := audit.input(t.Context(), time.Time{}); err == nil || !strings.Contains(err.Error(), "look for BRIDGE_RECEIPTS_TOPIC=no-such-topic") {
			t.Errorf("receipts: %v", err)
		}
		audit.cfg.Topics.Topics = []string{"no-such-topic"}
		if _, err := audit.input(t.Context(), time.Time{}); err == nil || !strings.Contains(err.Error(), "none of [no-such-topic] exists") {
			t.Errorf("topics: %v", err)
		}
		audit.cfg.Topics = kafka.Selection{Regex: regexp.MustCompile("^no-such-topic$")}
		if _, err := audit.input(t.Context(), time.Time{}); err == nil || !strings.Contains(err.Error(), `matches BRIDGE_KAFKA_TOPIC_REGEX "^no-such-topic$"`) {
			t.Errorf("a regular expression: %v", err)
		}
	})
}
