// Package kafkarig is a cluster in memory and a client of it, for the tests of the
// rooms that speak to Kafka. Time in it is virtual: use it inside synctest.Test.
package kafkarig

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Rig is a cluster in memory and a client of it, in virtual time.
type Rig struct {
	T       *testing.T
	Net     *kfake.VirtualNetwork
	Cluster *kfake.Cluster
	Client  *kafka.Client
	Dials   atomic.Int32
	joined  *kafkago.ConsumerGroup
}

func New(t *testing.T, config kafka.Config, opts ...kfake.Opt) *Rig {
	t.Helper()
	r := &Rig{T: t, Net: new(kfake.VirtualNetwork)}
	opts = append([]kfake.Opt{kfake.Ports(9092), kfake.NumBrokers(1), kfake.ListenFn(r.Net.Listen), kfake.SeedTopics(2, "orders", "users")}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	r.Cluster = cluster
	config.Brokers, config.ClientID = cluster.ListenAddrs(), "test"
	if config.Dial == nil {
		config.Dial = r.Dial
	}
	r.Client = kafka.NewClient(config)
	t.Cleanup(func() {
		r.Client.Close()
		cluster.Close()
		time.Sleep(time.Second) // of virtual time, for what sleeps
	})
	return r
}

func (r *Rig) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.Dials.Add(1)
	return r.Net.DialContext(ctx, network, address)
}

// Produce writes one batch of records to a partition.
func (r *Rig) Produce(topic string, partition int32, codec kgo.CompressionCodec, values ...string) {
	r.T.Helper()
	r.produceBy(topic, partition, values, kgo.ProducerBatchCompression(codec))
}

func (r *Rig) produceBy(topic string, partition int32, values []string, opts ...kgo.Opt) {
	r.T.Helper()
	var records []*kgo.Record
	for _, v := range values {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(v)})
	}
	r.ProduceRecords(records, opts...)
}

// ProduceRecords writes records to the partitions that they name.
func (r *Rig) ProduceRecords(records []*kgo.Record, opts ...kgo.Opt) {
	r.T.Helper()
	opts = append(opts, kgo.SeedBrokers(r.Cluster.ListenAddrs()...), kgo.Dialer(r.Net.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	producer, err := kgo.NewClient(opts...)
	if err != nil {
		r.T.Fatal(err)
	}
	defer producer.Close()
	if err := producer.ProduceSync(r.T.Context(), records...).FirstErr(); err != nil {
		r.T.Fatal(err)
	}
}

func (r *Rig) Topic(name string) wire.TopicMetadata {
	r.T.Helper()
	answer, err := r.Client.Metadata(r.T.Context(), []string{name})
	if err != nil || len(answer.Topics) != 1 {
		r.T.Fatalf("metadata of %s: %+v, %v", name, answer, err)
	}
	return answer.Topics[0]
}

// ProduceLarge writes a batch of any size.
func (r *Rig) ProduceLarge(topic string, partition int32, codec kgo.CompressionCodec, values ...string) {
	r.T.Helper()
	r.produceBy(topic, partition, values, kgo.ProducerBatchCompression(codec),
		kgo.ProducerBatchMaxBytes(64<<20), kgo.BrokerMaxWriteBytes(128<<20), kgo.ProducerLinger(time.Second))
}

// Joined starts a member of a group and waits for its first generation.
func (r *Rig) Joined(group, clientID string) *kafkago.Generation {
	r.T.Helper()
	return r.JoinedWith(group, clientID, nil, "orders")
}

// JoinedWith starts a member with balancers of its own, as earlier releases of the
// bridge had, and waits for its first generation.
func (r *Rig) JoinedWith(group, clientID string, balancers []kafkago.GroupBalancer, topics ...string) *kafkago.Generation {
	r.T.Helper()
	members, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: group, Brokers: r.Cluster.ListenAddrs(), Topics: topics, GroupBalancers: balancers, HeartbeatInterval: time.Second,
		Dialer: &kafkago.Dialer{ClientID: clientID, DialFunc: r.Dial},
	})
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = members.Close() })
	r.joined = members
	return r.Next()
}

// Next waits for the next generation of the member that joined last.
func (r *Rig) Next() *kafkago.Generation {
	r.T.Helper()
	generation, err := r.joined.Next(r.T.Context())
	if err != nil {
		r.T.Fatal(err)
	}
	generation.Start(func(ctx context.Context) { <-ctx.Done() })
	return generation
}
