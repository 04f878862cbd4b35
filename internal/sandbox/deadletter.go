package sandbox

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// CountDeadLetters reads a dead-letter topic from its start to its present end
// and tells the tally of each record that the bridge put there. It returns
// their number by reason.
func CountDeadLetters(ctx context.Context, brokers []string, topic string, tally *Tally) (map[string]int, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	if err != nil {
		return nil, fmt.Errorf("make consumer: %w", err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("list end offsets of %s: %w", topic, err)
	}
	left := map[int32]int64{} // partition -> end, until it is reached
	starts := map[int32]kgo.Offset{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition], starts[o.Partition] = o.Offset, kgo.NewOffset().AtStart()
		}
	})
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts})
	reasons := map[string]int{}
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read %s: %w", topic, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if end, ok := left[r.Partition]; !ok || r.Offset >= end {
				return
			}
			reasons[tally.readDeadLetter(r)]++
			if r.Offset == left[r.Partition]-1 {
				delete(left, r.Partition)
			}
		})
	}
	return reasons, nil
}

// readDeadLetter reports one dead letter and returns its reason.
func (t *Tally) readDeadLetter(r *kgo.Record) (reason string) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	partition, partitionErr := strconv.ParseInt(headers["bridge.source.partition"], 10, 32)
	offset, offsetErr := strconv.ParseInt(headers["bridge.source.offset"], 10, 64)
	if partitionErr != nil || offsetErr != nil {
		partition, offset = -1, r.Offset // reported as unexpected
	}
	t.DeadLettered(headers["bridge.source.topic"], int32(partition), offset, headers["bridge.namespace"])
	return headers["bridge.reason"]
}
