package discovery_test

import (
	"context"
	"fmt"
	"maps"
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

// startsOf returns at which offset each partition of the topic orders starts.
func startsOf(t *testing.T, r *kafkarig.Rig, reset ledger.OffsetReset) map[int32]int64 {
	t.Helper()
	topic := r.Topic("orders")
	s := &discovery.Starts{
		Client: r.Client, Group: "bridge", Generation: 7, ReadCommitted: true, Fingerprint: "f", Reset: reset,
		Subscription: kafka.Subscription{Topics: []string{"orders"}, Parts: map[string]int{"orders": 2}, IDs: map[string]wire.UUID{"orders": topic.ID}},
		Assigned:     []kafka.TopicPartition{{Topic: "orders", Partition: 0}, {Topic: "orders", Partition: 1}},
		Refresh:      func() {}, Failed: func(err error, todo int) { t.Logf("%d to do: %v", todo, err) },
	}
	out, found := make(chan []discovery.Start, 10), map[int32]int64{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s.Run(ctx, out)
	close(out)
	for list := range out {
		for _, start := range list {
			if start.Problem != nil {
				t.Errorf("partition %d: %v", start.Partition, start.Problem)
			}
			found[start.Partition] = start.At.Offset
		}
	}
	return found
}

func wantStarts(t *testing.T, got map[int32]int64, first, second int64) {
	t.Helper()
	if want := (map[int32]int64{0: first, 1: second}); !maps.Equal(got, want) {
		t.Errorf("partitions start at %v, want %v", got, want)
	}
}

// dated makes a record for each time, counted in hours from now.
func dated(partition int32, hours ...int) (records []*kgo.Record) {
	for i, h := range hours {
		records = append(records, &kgo.Record{Topic: "orders", Partition: partition, Value: fmt.Append(nil, i), Timestamp: time.Now().Add(time.Duration(h) * time.Hour)})
	}
	return records
}

var timed = map[string]func() ledger.OffsetReset{
	"timestamp": func() ledger.OffsetReset { return ledger.ResetAt(time.Now().Add(-24 * time.Hour)) },
	"duration":  func() ledger.OffsetReset { return ledger.ResetAgo(24 * time.Hour) },
}

// A new group starts at the first record that is not older, also where records are out
// of order or in one batch, and at the end where there is none.
func TestStarts_newGroupByTime(t *testing.T) {
	for name, reset := range timed {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{})
				r.Joined("bridge", "test")
				r.ProduceRecords(dated(0, -72, -48, -23, -36, -1))
				r.ProduceRecords(dated(1, -72, -48, -25))
				wantStarts(t, startsOf(t, r, reset()), 2, 3)
				wantStarts(t, startsOf(t, r, ledger.ResetEarliest), 0, 0)
				wantStarts(t, startsOf(t, r, ledger.ResetLatest), 5, 3)
				wantStarts(t, startsOf(t, r, ledger.ResetAt(time.Now().Add(time.Hour))), 5, 3)
				wantStarts(t, startsOf(t, r, ledger.ResetAt(time.Unix(0, 0))), 0, 0)
			})
		})
	}
}

// What is appended while the leader is asked is not left out: the end at which a
// partition starts that has no record of the time is older than that answer.
func TestStarts_byTimeWhileRecordsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := kafkarig.New(t, kafka.Config{})
		r.Joined("bridge", "test")
		r.ProduceRecords(dated(0, -72))
		appended := 0
		r.Cluster.ControlKey(int16(kmsg.ListOffsets), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			if q.(*kmsg.ListOffsetsRequest).Topics[0].Partitions[0].Timestamp == wire.LatestOffset {
				appended++
				r.Cluster.SleepControl(func() { r.ProduceRecords(dated(0, -1)) })
			}
			return nil, nil, false
		})
		got := startsOf(t, r, ledger.ResetAgo(24*time.Hour))
		if appended != 2 {
			t.Fatalf("%d records were appended while the end was asked for, want 2", appended)
		}
		wantStarts(t, got, 1, 0)
	})
}

// A group that has committed anything is not new, whatever topics that was for.
func TestStarts_aGroupThatHasReadOtherTopicsIsNotNew(t *testing.T) {
	for _, tc := range []struct {
		name   string
		commit bool
		reset  ledger.OffsetReset
		want   int64
	}{
		{"latest, and it has read nothing", false, ledger.ResetLatest, 2},
		{"latest", true, ledger.ResetLatest, 0},
		{"a time, and it has read nothing", false, ledger.ResetAgo(time.Hour), 1},
		{"a time", true, ledger.ResetAgo(time.Hour), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{})
				r.ProduceRecords(dated(0, -2, 0))
				r.ProduceRecords(dated(1, -2, 0))
				if tc.commit {
					commit := kafka.CommitOffset{TopicPartition: kafka.TopicPartition{Topic: "users", Partition: 0}, LeaderEpoch: -1}
					if _, err := r.Client.CommitOffsets(t.Context(), kafka.Commit{Group: "bridge", Generation: -1, Offsets: []kafka.CommitOffset{commit}}); err != nil {
						t.Fatal(err)
					}
				} else {
					r.Joined("bridge", "test")
				}
				wantStarts(t, startsOf(t, r, tc.reset), tc.want, tc.want)
			})
		})
	}
}
