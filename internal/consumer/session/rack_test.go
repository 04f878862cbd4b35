package session

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/test/recordbatch"
)

// A replica whose disk is damaged holds nothing up: its leader has the records.
func TestSession_aDamagedReplicaIsNotReadAgain(t *testing.T) {
	var named, replica, leaders atomic.Int32
	runningSessionOn(t, []kfake.Opt{kfake.NumBrokers(2), kfake.Ports(9092, 9093)}, func(r *sessionRun) {
		leader := r.leader(0)
		r.Cluster.ControlKey(kmsg.Fetch.Int16(), func(q kmsg.Request) (kmsg.Response, error, bool) {
			r.Cluster.KeepControl()
			request, answer := q.(*kmsg.FetchRequest), q.ResponseKind().(*kmsg.FetchResponse)
			if r.Cluster.CurrentNode() == leader && request.Rack == "" {
				leaders.Add(1)
				return nil, nil, false
			}
			p := kmsg.NewFetchResponseTopicPartition()
			p.HighWatermark, p.LastStableOffset = 4, 4
			switch offset := request.Topics[0].Partitions[0].FetchOffset; {
			case r.Cluster.CurrentNode() == leader:
				named.Add(1)
				p.PreferredReadReplica = 1 - leader
			case offset < 4:
				replica.Add(1)
				p.RecordBatches = recordbatch.Batch{Last: 3, Records: []recordbatch.Record{{Value: []byte("{}")}}}.Encode()
				p.RecordBatches[len(p.RecordBatches)-1]++ // after the checksum was made
			}
			topic := kmsg.NewFetchResponseTopic()
			topic.TopicID, topic.Partitions = request.Topics[0].TopicID, append(topic.Partitions, p)
			answer.Topics = append(answer.Topics, topic)
			return answer, nil, true
		})
	}, func(r *sessionRun) {
		time.Sleep(2 * age)
		if good, bad := r.api.lines("good"), r.api.lines("bad"); len(good) != 2 || len(bad) != 2 {
			t.Errorf("stored %s and %s", good, bad)
		}
		if n, r, l := named.Load(), replica.Load(), leaders.Load(); n != 1 || r != 1 || l == 0 {
			t.Errorf("the replica was named %d times and gave records %d times, the leader %d times, want it once", n, r, l)
		}
		r.end(true)
		r.offset(4)
	}, func(s *Session) { s.Config.Fetch.Rack = "a" })
}
