package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/test/kafkatest"
)

// kafka is the broker that everyone reads from.
type kafka struct {
	brokers string
	kind    string // told in the results
	stop    func()
}

// startKafka uses the brokers given, or starts a real Kafka, or an in-process
// one where that is impossible.
func startKafka(ctx context.Context, brokers string) (*kafka, error) {
	if brokers != "" {
		return &kafka{brokers, "external Kafka", func() {}}, nil
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder of the broker: %w", err)
	}
	cluster, err := kafkatest.Start(ctx, dir, kafkatest.Options{Properties: map[string]string{"num.network.threads": "2", "num.io.threads": "2"}})
	if err == nil {
		return &kafka{cluster.Brokers(), "Apache Kafka, one node", func() { cluster.Stop(); os.RemoveAll(dir) }}, nil
	}
	os.RemoveAll(dir)
	fake, fakeErr := kfake.NewCluster(kfake.NumBrokers(1))
	if fakeErr != nil {
		return nil, fmt.Errorf("start kfake: %w", fakeErr)
	}
	fmt.Fprintf(os.Stderr, "\nNO REAL KAFKA: %v\nAn in-process one takes its place; these figures are no claim.\n\n", err)
	return &kafka{strings.Join(fake.ListenAddrs(), ","), "kfake, in the store's process (NO CLAIM)", fake.Close}, nil
}

// topic is a filled topic and what a correct subject stores of it.
type topic struct {
	name     string
	expected expectation
}

// compression is franz-go's name of a codec.
func compression(codec string) (kgo.CompressionCodec, error) {
	switch codec {
	case "none":
		return kgo.NoCompression(), nil
	case "gzip":
		return kgo.GzipCompression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.CompressionCodec{}, fmt.Errorf("unknown codec %q", codec)
}

// fill creates a topic and produces the records of a shape to it.
func (k *kafka) fill(ctx context.Context, codec string, s shape) (*topic, error) {
	c, err := compression(codec)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(k.brokers, ",")...), kgo.ProducerBatchCompression(c),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(int32(max(s.batch, s.record+s.record/2+1024))),
		kgo.MaxBufferedBytes(64<<20))
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	defer client.Close()
	t := &topic{name: fmt.Sprintf("bench-%s-%d", codec, os.Getpid()), expected: newExpectation(s.namespaces)}
	made, err := kadm.NewClient(client).CreateTopic(ctx, int32(s.partitions), 1, nil, t.name)
	if err != nil || made.Err != nil {
		return nil, fmt.Errorf("create topic %s: %w", t.name, firstError(err, made.Err))
	}
	return t, produce(ctx, client, t, s)
}

// produce spreads the records over the partitions in runs, as keyed traffic of
// many producers does not: so that a batch of a few dozen records gets full.
func produce(ctx context.Context, client *kgo.Client, t *topic, s shape) error {
	g := newGenerator(s)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	perRun := max(1, s.batch/s.record)
	for n := range s.records() {
		value, namespace := g.next(n)
		t.expected.add(g.names[namespace], len(value)+1)
		record := &kgo.Record{Topic: t.name, Partition: int32(n / perRun % s.partitions), Value: append([]byte(nil), value...)}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("produce to %s: %w", t.name, context.Cause(ctx))
	}
	return context.Cause(ctx)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
