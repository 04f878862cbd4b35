package letters_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/outbox"
	"kafka-import-bridge/test/kafkarig"
)

// TestQueue_aPartitionThatTakesNothing: one partition of the dead-letter topic has no
// leader, or one that answers nothing, for good. All letters are written, none twice.
func TestQueue_aPartitionThatTakesNothing(t *testing.T) {
	for name, answer := range map[string]func(kmsg.Request) kmsg.Response{
		"no leader":           func(req kmsg.Request) kmsg.Response { return refusal(req, kerr.NotLeaderForPartition.Code) },
		"too few in sync":     func(req kmsg.Request) kmsg.Response { return refusal(req, kerr.NotEnoughReplicas.Code) },
		"a leader that hangs": func(kmsg.Request) kmsg.Response { return nil },
	} {
		for _, keyed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, keyed %t", name, keyed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := kafkarig.New(t, kafka.Config{}, kfake.SeedTopics(3, "dlq"), kfake.NumBrokers(3), kfake.Ports(9092, 9093, 9094))
					r.Cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
						r.Cluster.KeepControl()
						if req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Partition != 1 {
							return nil, nil, false
						}
						return answer(req), nil, true
					})
					none := func() int64 { return 0 }
					q := letters.NewQueue(budget.New(256<<20, budget.Sources{Reading: none, Batches: none}), 5*time.Second)
					const count = 2000
					for i := range count {
						l := &letters.Letter{Original: fetch.Original{Offset: int64(i)}}
						if keyed {
							l.Key = fmt.Appendf(nil, "key-%d", i)
						}
						q.Post(l)
					}
					w := kafka.NewProducer(r.Client, "dlq", nil)
					done, began := 0, time.Now()
					for q.Pending() > 0 && time.Since(began) < 5*time.Minute {
						batch := q.Take(time.Now())
						if len(batch) == 0 {
							time.Sleep(100 * time.Millisecond)
							continue
						}
						_, _ = q.Answered(outbox.Write(t.Context(), 30*time.Second, w, batch), time.Now())
						done = count - q.Pending()
					}
					if done != count {
						t.Errorf("%d of %d letters are done after five minutes", done, count)
					}
					t.Logf("took %s", time.Since(began))
					stand := int64(0)
					for p := range int32(3) {
						stand += r.Cluster.PartitionInfo("dlq", p).HighWatermark
					}
					if stand > count {
						t.Errorf("%d letters stand in the topic, for %d", stand, count)
					}
					if err := w.Close(); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// refusal answers a produce request for one partition with a code.
func refusal(req kmsg.Request, code int16) kmsg.Response {
	asked := req.(*kmsg.ProduceRequest)
	answer := asked.ResponseKind().(*kmsg.ProduceResponse)
	topic := kmsg.NewProduceResponseTopic()
	topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
	partition := kmsg.NewProduceResponseTopicPartition()
	partition.Partition, partition.ErrorCode = asked.Topics[0].Partitions[0].Partition, code
	topic.Partitions = append(topic.Partitions, partition)
	answer.Topics = append(answer.Topics, topic)
	return answer
}
