package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"kafka-import-bridge/internal/sandbox"
)

// offsets asks Kafka itself, not the bridge, how far things are.
type offsets struct {
	client *kgo.Client
	admin  *kadm.Client
}

func newOffsets(brokers ...string) (*offsets, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	if err != nil {
		return nil, fmt.Errorf("make admin client: %w", err)
	}
	return &offsets{client, kadm.NewClient(client)}, nil
}

// ends are the offsets after the last record of each partition of the sample topics.
func (o *offsets) ends(ctx context.Context) (map[partition]int64, error) {
	listed, err := o.admin.ListEndOffsets(ctx, sandbox.SampleTopics()...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end offsets: %w", err)
	}
	ends := map[partition]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[partition{o.Topic, o.Partition}] = o.Offset })
	return ends, nil
}

// committed are the group's offsets; partitions without one are missing.
func (o *offsets) committed(ctx context.Context) (map[partition]int64, error) {
	fetched, err := o.admin.FetchOffsets(ctx, groupID)
	if err == nil {
		err = fetched.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fetch committed offsets: %w", err)
	}
	committed := map[partition]int64{}
	fetched.Each(func(o kadm.OffsetResponse) { committed[partition{o.Topic, o.Partition}] = max(0, o.At) })
	return committed, nil
}

func (o *offsets) close() { o.client.Close() }
