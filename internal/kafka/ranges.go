package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/wire"
)

// Range is what a partition's log holds.
type Range struct {
	Begin  int64 // log start
	End    int64 // high watermark
	Stable int64 // last stable offset: where a read_committed reader ends now
}

// ListRanges asks the leaders for the first and the end offset, all at once.
func (c *Client) ListRanges(ctx context.Context, committed bool, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata) (map[TopicPartition]Range, error) {
	all := map[TopicPartition]Range{}
	err := c.EachRange(ctx, committed, todo, leaders, func(some map[TopicPartition]Range) { maps.Copy(all, some) })
	return all, err
}

// EachRange is ListRanges that calls take with each leader's answer as it comes,
// one at a time, unless it is empty.
func (c *Client) EachRange(ctx context.Context, committed bool, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata, take func(map[TopicPartition]Range)) error {
	byLeader := map[int32][]TopicPartition{}
	for tp := range todo {
		if p, ok := leaders[tp]; ok {
			byLeader[p.Leader] = append(byLeader[p.Leader], tp)
		}
	}
	var mu sync.Mutex // held while take runs
	var wg sync.WaitGroup
	var errs []error
	for leader, tps := range byLeader {
		wg.Go(func() {
			ranges, err := c.rangesOf(ctx, committed, leader, tps)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
			if len(ranges) > 0 {
				take(ranges)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// rangesOf asks one leader. Partitions that it gives no answer for are left out.
func (c *Client) rangesOf(ctx context.Context, committed bool, leader int32, tps []TopicPartition) (map[TopicPartition]Range, error) {
	first, err := c.listOffsets(ctx, leader, tps, wire.EarliestOffset, false)
	if first == nil {
		return nil, err
	}
	end, err2 := c.listOffsets(ctx, leader, tps, wire.LatestOffset, false)
	stable, err3 := end, error(nil)
	if committed && end != nil {
		stable, err3 = c.listOffsets(ctx, leader, tps, wire.LatestOffset, true)
	}
	out := map[TopicPartition]Range{}
	for tp, b := range first {
		e, ok := end[tp]
		st, ok2 := stable[tp]
		if ok && ok2 {
			out[tp] = Range{b, max(b, e), max(b, st)}
		}
	}
	return out, errors.Join(err, err2, err3)
}

// OffsetsAt asks the leaders for the first offset whose timestamp is at least a
// time; -1 where there is none.
func (c *Client) OffsetsAt(ctx context.Context, at time.Time, todo []TopicPartition, leaders map[TopicPartition]wire.PartitionMetadata) (map[TopicPartition]int64, error) {
	byLeader := map[int32][]TopicPartition{}
	for _, tp := range todo {
		byLeader[leaders[tp].Leader] = append(byLeader[leaders[tp].Leader], tp)
	}
	all := map[TopicPartition]int64{}
	var errs []error
	for leader, tps := range byLeader {
		some, err := c.listOffsets(ctx, leader, tps, at.UnixMilli(), false)
		maps.Copy(all, some)
		errs = append(errs, err)
	}
	return all, errors.Join(errs...)
}

// listOffsets makes one call; without an answer there is no map.
func (c *Client) listOffsets(ctx context.Context, leader int32, tps []TopicPartition, timestamp int64, committed bool) (map[TopicPartition]int64, error) {
	slices.SortFunc(tps, TopicPartition.Compare)
	r := &wire.ListOffsetsRequest{ReadCommitted: committed}
	for _, tp := range tps {
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != tp.Topic {
			r.Topics = append(r.Topics, wire.ListOffsetsTopic{Name: tp.Topic})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, wire.ListOffsetsPartition{Partition: tp.Partition, Timestamp: timestamp})
	}
	res, err := c.ListOffsets(ctx, leader, r)
	if err != nil {
		return nil, fmt.Errorf("list offsets: %w", err)
	}
	out := map[TopicPartition]int64{}
	for _, o := range res.Partitions {
		if o.ErrorCode != 0 {
			err = cmp.Or(err, fmt.Errorf("list offsets of %s/%d: %w", o.Topic, o.Partition, Code(o.ErrorCode)))
			continue
		}
		out[TopicPartition{o.Topic, o.Partition}] = o.Offset
	}
	return out, err
}
