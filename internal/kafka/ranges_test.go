package kafka_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/kafkarig"
)

// TestEachRange_aSilentLeaderHoldsUpNobody: what the other leaders answer is there
// at once, and the silent one is waited for no longer than for one call.
func TestEachRange_aSilentLeaderHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const patience = 4 * time.Second
		var frozen atomic.Bool
		defer frozen.Store(false)
		r := kafkarig.New(t, kafka.Config{CallTimeout: patience}, kfake.Ports(9092, 9093), kfake.NumBrokers(2))
		r.Client.SetDial(func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := r.Dial(ctx, network, address)
			if _, port, _ := net.SplitHostPort(address); port == "9093" {
				c = &freezer{Conn: c, frozen: &frozen}
			}
			return c, err
		})
		leaders := map[kafka.TopicPartition]int32{}
		for p := range int32(2) {
			if err := r.Cluster.MoveTopicPartition("orders", p, p); err != nil {
				t.Fatal(err)
			}
			leaders[kafka.TopicPartition{Topic: "orders", Partition: p}] = p
		}
		ask := func() (answers []time.Duration, took time.Duration, err error) {
			began := time.Now()
			err = r.Client.EachRange(t.Context(), kafka.RangeQuery{Committed: true}, leaders, func(found map[kafka.TopicPartition]kafka.Range) {
				answers = append(answers, time.Since(began))
			})
			return answers, time.Since(began), err
		}
		if answers, _, err := ask(); err != nil || len(answers) != 2 {
			t.Fatalf("%d leaders answer: %v", len(answers), err)
		}
		frozen.Store(true)
		answers, took, err := ask()
		if err == nil || len(answers) != 1 || answers[0] > time.Second || took > patience+time.Second {
			t.Errorf("with a silent one there are answers after %v, an end after %v, and %v", answers, took, err)
		}
	})
}
