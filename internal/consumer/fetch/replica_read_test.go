package fetch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// inRackRig reads in the rack of a broker that leads no partition: each has 9 batches of
// one record each, and whoever leads it names the broker to those who have a rack. The
// broker answers as replica says, and nil is an answer of its own. Answers are noted in
// seen for partition 0: "leader", "named", "replica".
func inRackRig(t *testing.T, replica func(offset int64) *kmsg.FetchResponseTopicPartition, test func(r *readRig, seen *[]string)) {
	t.Helper()
	inReadRigOf(t, func(r *readRig) {
		r.fetcher.Refresh = func() {}
		near := int32(0)
		for slices.ContainsFunc(r.cursors[:], func(c *Cursor) bool { return c.leader == near }) {
			near++
		}
		var seen []string
		r.Cluster.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			request, answer := q.(*kmsg.FetchRequest), q.ResponseKind().(*kmsg.FetchResponse)
			node := r.Cluster.CurrentNode()
			for _, asked := range request.Topics {
				topic := kmsg.NewFetchResponseTopic()
				topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
				for _, p := range asked.Partitions {
					what, a := "leader", oneRecord(p.FetchOffset)
					switch {
					case node == near:
						what, a = "replica", replica(p.FetchOffset)
					case request.Rack == "a":
						what, a = "named", holds(nil)
						a.PreferredReadReplica = near
					}
					if p.Partition == 0 && (len(seen) == 0 || seen[len(seen)-1] != what) {
						seen = append(seen, what)
					}
					a.Partition = p.Partition
					topic.Partitions = append(topic.Partitions, *a)
				}
				answer.Topics = append(answer.Topics, topic)
			}
			time.Sleep(10 * time.Millisecond)
			return answer, nil, true
		})
		test(r, &seen)
	}, []kfake.Opt{kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094)}, func(c *Config) {
		c.Rack = "a"
		c.Distrusted = func(kafka.TopicPartition, int32, error) {}
	})
}

// oneRecord is a partition's answer with the one record at an offset below 9.
func oneRecord(offset int64) *kmsg.FetchResponseTopicPartition {
	if offset >= 9 {
		a := holds(nil)
		a.HighWatermark, a.LastStableOffset = 9, 9
		return a
	}
	b := recordbatch.Batch{Base: offset, Last: offset, Records: []recordbatch.Record{{Offset: offset, Value: fmt.Appendf(nil, `{"id":"%d","namespace":"a"}`, offset)}}}
	return holds(b.Encode())
}

func refuses(code kafka.Code) *kmsg.FetchResponseTopicPartition {
	a := kmsg.NewFetchResponseTopicPartition()
	a.ErrorCode, a.HighWatermark, a.LastStableOffset = int16(code), -1, -1
	return &a
}

// Whatever becomes of the replica in the middle of a partition, each record is read
// once and in order, and no fault reaches the loop but of records that cannot be read.
func TestFetcher_readsOnFromTheLeader(t *testing.T) {
	for _, tc := range []struct {
		name    string
		replica func() *kmsg.FetchResponseTopicPartition // from offset 4 on; nil: it goes on well
		seen    string
	}{
		{"a replica that is well", nil, "[named replica]"},
		{"out of range", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeOffsetOutOfRange) }, "[named replica leader]"},
		{"no replica any more", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeNotLeader) }, "[named replica leader]"},
		{"not that far", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeOffsetNotAvailable) }, "[named replica leader]"},
		{"topic unknown there", func() *kmsg.FetchResponseTopicPartition { return refuses(kafka.CodeUnknownTopicID) }, "[named replica leader]"},
		{"truncated there", func() *kmsg.FetchResponseTopicPartition {
			a := holds(nil)
			a.DivergingEpoch.Epoch, a.DivergingEpoch.EndOffset = 1, 2
			return a
		}, "[named replica leader]"},
		{"stuck", func() *kmsg.FetchResponseTopicPartition {
			a := holds(nil)
			a.HighWatermark, a.LastStableOffset = 4, 4
			return a
		}, "[named replica leader]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inRackRig(t, func(offset int64) *kmsg.FetchResponseTopicPartition {
				if offset < 4 || tc.replica == nil {
					return oneRecord(offset)
				}
				return tc.replica()
			}, func(r *readRig, seen *[]string) {
				got := r.read(9, 9)
				if want := "1 1 1 1 1 1 1 1 1 "; got != [2]string{want, want} {
					t.Errorf("read %q", got)
				}
				if got := fmt.Sprint(*seen); got != tc.seen {
					t.Errorf("answers came from %s, want %s", got, tc.seen)
				}
			})
		})
	}
}

// A read below the position asks the replica too, and what goes wrong there is tried
// again at the leader before it counts.
func TestCatchUpReader_readsOnFromTheLeader(t *testing.T) {
	for name, bad := range map[string]*kmsg.FetchResponseTopicPartition{
		"out of range": refuses(kafka.CodeOffsetOutOfRange),
		"nothing":      holds(nil),
		"damaged":      holds(append(oneRecord(2).RecordBatches[:60], oneRecord(2).RecordBatches[61:]...)),
	} {
		t.Run(name, func(t *testing.T) {
			broken := false
			inRackRig(t, func(offset int64) *kmsg.FetchResponseTopicPartition {
				if broken {
					return bad
				}
				return oneRecord(offset)
			}, func(r *readRig, seen *[]string) {
				r.read(9, 9)
				c := &CatchUpReader{f: r.fetcher, dec: r.decoder}
				serve := func() (got string) {
					*seen = nil
					c.serve(r.T.Context(), &CatchUpJob{Cursor: r.cursors[0], From: 2, Wanted: map[string]bool{"a": true}})
					for len(r.take) > 0 {
						k := <-r.take
						got += brief(k)
						k.Recycle()
					}
					return got + fmt.Sprint(*seen)
				}
				none, again := fmt.Sprintf("fault %d", FaultNone), fmt.Sprintf("fault %d", FaultRetry)
				if got := serve(); got != "1 "+none+"[replica]" {
					t.Errorf("read %s", got)
				}
				broken = true
				if got := serve(); got != again+"[replica]" {
					t.Errorf("what the replica does not have ends as %s", got)
				}
				if got := serve(); got != "1 "+none+"[leader]" {
					t.Errorf("then %s", got)
				}
			})
		})
	}
}
