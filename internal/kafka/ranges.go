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
	Since  int64 // first record that is not older than RangeQuery.Since, -1 if there is none
}

// RangeQuery says what of a Range is wanted beside its first offset and its end.
type RangeQuery struct {
	Committed bool      // Stable; else it is the end
	Since     time.Time // Since; the zero time leaves it -1
}

// ListRanges asks the leaders what the logs of their partitions hold, all at once.
func (c *Client) ListRanges(ctx context.Context, q RangeQuery, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata) (map[TopicPartition]Range, error) {
	all := map[TopicPartition]Range{}
	err := c.EachRange(ctx, q, todo, leaders, func(some map[TopicPartition]Range) { maps.Copy(all, some) })
	return all, err
}

// EachRange is ListRanges that calls take with each leader's answer as it comes,
// one at a time, unless it is empty.
func (c *Client) EachRange(ctx context.Context, q RangeQuery, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata, take func(map[TopicPartition]Range)) error {
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
			ranges, err := c.rangesOf(ctx, q, leader, tps)
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
//
// A time is looked up once the ends are known: whatever is appended meanwhile lies
// behind the end, where a reader starts who finds no record of that time. It is looked
// up among records of open transactions too: those before it are older all the same.
func (c *Client) rangesOf(ctx context.Context, q RangeQuery, leader int32, tps []TopicPartition) (map[TopicPartition]Range, error) {
	first, err := c.listOffsets(ctx, leader, tps, wire.EarliestOffset, false)
	if first == nil {
		return nil, err
	}
	end, err2 := c.listOffsets(ctx, leader, tps, wire.LatestOffset, false)
	stable, err3 := end, error(nil)
	if q.Committed && end != nil {
		stable, err3 = c.listOffsets(ctx, leader, tps, wire.LatestOffset, true)
	}
	since, err4 := map[TopicPartition]int64(nil), error(nil)
	if !q.Since.IsZero() && stable != nil {
		since, err4 = c.listOffsets(ctx, leader, tps, Milliseconds(q.Since), false)
	}
	out := map[TopicPartition]Range{}
	for tp, b := range first {
		e, ok := end[tp]
		st, ok2 := stable[tp]
		si, ok3 := since[tp]
		if q.Since.IsZero() {
			si, ok3 = -1, true
		}
		if ok && ok2 && ok3 {
			out[tp] = Range{b, max(b, e), max(b, st), si}
		}
	}
	return out, errors.Join(err, err2, err3, err4)
}

// Milliseconds is the timestamp of the first records that are not older than t. Those
// below 0 would mean something else to a broker.
func Milliseconds(t time.Time) int64 {
	return max(0, t.Add(time.Millisecond-time.Nanosecond).UnixMilli())
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
