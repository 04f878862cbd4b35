package consumer

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/wire"
)

// clientRig is a cluster in memory and a client of it, in virtual time.
type clientRig struct {
	t       *testing.T
	net     *kfake.VirtualNetwork
	cluster *kfake.Cluster
	client  *Client
	dials   atomic.Int32
}

func newClientRig(t *testing.T, config ClientConfig, opts ...kfake.Opt) *clientRig {
	t.Helper()
	r := &clientRig{t: t, net: new(kfake.VirtualNetwork)}
	opts = append([]kfake.Opt{kfake.Ports(9092), kfake.NumBrokers(1), kfake.ListenFn(r.net.Listen), kfake.SeedTopics(2, "orders", "users")}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	r.cluster = cluster
	config.Brokers, config.ClientID = cluster.ListenAddrs(), "test"
	if config.Dial == nil {
		config.Dial = r.dial
	}
	r.client = NewClient(config)
	t.Cleanup(func() {
		r.client.Close()
		cluster.Close()
		time.Sleep(time.Second) // of virtual time, for what sleeps
	})
	return r
}

func (r *clientRig) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.dials.Add(1)
	return r.net.DialContext(ctx, network, address)
}

// produce writes one batch of records to a partition.
func (r *clientRig) produce(topic string, partition int32, codec kgo.CompressionCodec, values ...string) {
	r.t.Helper()
	r.produceBy(topic, partition, values, kgo.ProducerBatchCompression(codec))
}

func (r *clientRig) produceBy(topic string, partition int32, values []string, opts ...kgo.Opt) {
	r.t.Helper()
	opts = append(opts, kgo.SeedBrokers(r.cluster.ListenAddrs()...), kgo.Dialer(r.net.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	producer, err := kgo.NewClient(opts...)
	if err != nil {
		r.t.Fatal(err)
	}
	defer producer.Close()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	if err := producer.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *clientRig) topic(name string) wire.TopicMetadata {
	r.t.Helper()
	answer, err := r.client.Metadata(r.t.Context(), []string{name})
	if err != nil || len(answer.Topics) != 1 {
		r.t.Fatalf("metadata of %s: %+v, %v", name, answer, err)
	}
	return answer.Topics[0]
}

// produceLarge writes a batch of any size.
func (r *clientRig) produceLarge(topic string, partition int32, codec kgo.CompressionCodec, values ...string) {
	r.t.Helper()
	r.produceBy(topic, partition, values, kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(64<<20), kgo.BrokerMaxWriteBytes(128<<20), kgo.ProducerLinger(time.Second))
}

// joined starts a member of a group and waits for its first generation.
func (r *clientRig) joined(group, clientID string) *kafka.Generation {
	r.t.Helper()
	dialer := r.client.Dialer()
	dialer.ClientID = clientID
	members, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: group, Brokers: r.cluster.ListenAddrs(), Topics: []string{"orders"}, Dialer: dialer,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = members.Close() })
	generation, err := members.Next(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	generation.Start(func(ctx context.Context) { <-ctx.Done() })
	return generation
}
