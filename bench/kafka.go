package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/test/kafkatest"
)

// kafka is the broker that everyone reads from.
type kafka struct {
	brokers string
	kind    string // told in the results
	stop    func()
	topics  int          // made so far
	tls     *credentials // nil where there is no listener with TLS
}

// credentials are what a client of the listener with TLS has to know. Paths are those
// of PEM files.
type credentials struct {
	brokers       string
	ca, cert, key string
	server        string // certificate and key of a server on 127.0.0.1
}

// startKafka uses the brokers given, or starts a real Kafka, or an in-process
// one where that is impossible.
func startKafka(ctx context.Context, brokers string) (*kafka, error) {
	if brokers != "" {
		return &kafka{brokers: brokers, kind: "a Kafka at " + brokers, stop: func() {}}, nil
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("make folder of the broker: %w", err)
	}
	cluster, err := kafkatest.Start(ctx, dir, kafkatest.Options{
		Users:      map[string]string{"bench": "bench"}, // brings the listener with TLS
		Properties: map[string]string{"num.network.threads": "2", "num.io.threads": "2"},
	})
	if err == nil {
		return &kafka{
			brokers: cluster.Brokers(), kind: "Apache Kafka, one node", stop: func() { cluster.Stop(); os.RemoveAll(dir) },
			tls: &credentials{cluster.Nodes[0].Mutual, cluster.CAFile, cluster.CertFile, cluster.KeyFile, cluster.ServerFile},
		}, nil
	}
	os.RemoveAll(dir)
	fake, fakeErr := kfake.NewCluster(kfake.NumBrokers(1))
	if fakeErr != nil {
		return nil, fmt.Errorf("start kfake: %w", fakeErr)
	}
	fmt.Fprintf(os.Stderr, "\nNO REAL KAFKA: %v\nAn in-process one takes its place; these figures are no claim.\n\n", err)
	return &kafka{brokers: strings.Join(fake.ListenAddrs(), ","), kind: "kfake, in the store's process (NO CLAIM)", stop: fake.Close}, nil
}

// topic is a topic and what a correct subject stores of it.
type topic struct {
	name     string
	expected *tally
	groups   int
}

// group is a new consumer group's name.
func (t *topic) group() string {
	t.groups++
	return fmt.Sprintf("%s-%d", t.name, t.groups)
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

func (k *kafka) client(s shape, opts ...kgo.Opt) (*kgo.Client, error) {
	c, err := compression(s.codec)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(strings.Split(k.brokers, ",")...), kgo.ProducerBatchCompression(c),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(int32(max(s.batch, maxBatch))))...)
	if err != nil {
		return nil, fmt.Errorf("make producer: %w", err)
	}
	return client, nil
}

// create makes an empty topic; prefix is the beginning of its name.
func (k *kafka) create(ctx context.Context, prefix string, s shape) (*topic, error) {
	client, err := k.client(s)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	k.topics++
	t := &topic{name: fmt.Sprintf("%s-%d-%d", prefix, os.Getpid(), k.topics), expected: newTally()}
	made, err := kadm.NewClient(client).CreateTopic(ctx, int32(s.partitions), 1, nil, t.name)
	if err != nil || made.Err != nil {
		return nil, fmt.Errorf("create topic %s: %w", t.name, cmp.Or(err, made.Err))
	}
	return t, awaitLeaders(ctx, client, t.name, s.partitions)
}

// awaitLeaders waits until a topic can be read: a subject that asks sooner may
// not look again for minutes.
func awaitLeaders(ctx context.Context, client *kgo.Client, topic string, partitions int) error {
	named := kmsg.NewMetadataRequestTopic()
	named.Topic = &topic
	request := kmsg.NewPtrMetadataRequest() // kadm would answer from its cache
	request.Topics = append(request.Topics, named)
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		asking, cancel := context.WithTimeout(ctx, adminTimeout)
		answer, err := request.RequestWith(asking, client)
		cancel()
		if err == nil && led(answer) == partitions {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for leaders of %s: %w", topic, context.Cause(ctx))
		}
	}
}

func led(answer *kmsg.MetadataResponse) int {
	n := 0
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == 0 && p.Leader >= 0 {
				n++
			}
		}
	}
	return n
}

// adminTimeout bounds one request about a topic.
const adminTimeout = 10 * time.Second

// remove deletes a topic, so that the disk holds one scenario's at a time.
func (k *kafka) remove(t *topic) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(k.brokers, ",")...))
	if err != nil {
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), adminTimeout)
	defer cancel()
	if _, err := kadm.NewClient(client).DeleteTopic(ctx, t.name); err != nil {
		fmt.Fprintf(os.Stderr, "  topic %s stays: %v\n", t.name, err)
	}
}
