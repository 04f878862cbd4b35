package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/wire"
)

// Range is the extent of a partition's log.
type Range struct {
	Begin  int64 // log start
	End    int64 // high watermark
	Stable int64 // last stable offset: where a read_committed reader ends now
	Since  int64 // first record that is not older than RangeQuery.Since, -1 if there is none
}

// RangeQuery selects the parts of a Range beside its first offset and its end.
type RangeQuery struct {
	Committed bool      // Stable; else it is the end
	Since     time.Time // Since; the zero time leaves it -1
}

// ListRanges asks the leaders of partitions what the logs hold, all at once.
func (c *Client) ListRanges(ctx context.Context, q RangeQuery, leaders map[TopicPartition]int32) (map[TopicPartition]Range, error) {
	all := map[TopicPartition]Range{}
	err := c.EachRange(ctx, q, leaders, func(some map[TopicPartition]Range) { maps.Copy(all, some) })
	return all, err
}

// EachRange asks the leaders as ListRanges does. It calls take with each leader's answer
// as it comes, one at a time, unless it is empty.
func (c *Client) EachRange(ctx context.Context, q RangeQuery, leaders map[TopicPartition]int32, take func(map[TopicPartition]Range)) error {
	byLeader := map[int32][]TopicPartition{}
	for tp, leader := range leaders {
		byLeader[leader] = append(byLeader[leader], tp)
	}
	var mu sync.Mutex // held while take runs
	var wg sync.WaitGroup
	var errs []error
	for leader, tps := range byLeader {
		wg.Go(func() {
			ranges, refused, err := c.RangesOf(ctx, q, leader, tps)
			mu.Lock()
			defer mu.Unlock()
			errs = append(append(errs, err), slices.Collect(maps.Values(refused))...)
			if len(ranges) > 0 {
				take(ranges)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// RangesOf asks one leader what the logs of its partitions hold. Partitions that it
// refuses to answer for are in refused.
//
// A time is looked up once the ends are known: whatever is appended meanwhile lies
// behind the end, where a reader starts who finds no record of that time. It is looked
// up among records of open transactions too: those before it are older all the same.
func (c *Client) RangesOf(ctx context.Context, q RangeQuery, leader int32, tps []TopicPartition) (ranges map[TopicPartition]Range, refused map[TopicPartition]error, err error) {
	refused = map[TopicPartition]error{}
	list := func(timestamp int64, committed bool) (offsets map[TopicPartition]int64) {
		if err == nil {
			offsets, err = c.listOffsets(ctx, leader, tps, timestamp, committed, refused)
		}
		return offsets
	}
	begin, end := list(wire.EarliestOffset, false), list(wire.LatestOffset, false)
	stable, since := end, map[TopicPartition]int64(nil)
	if q.Committed {
		stable = list(wire.LatestOffset, true)
	}
	if !q.Since.IsZero() {
		since = list(Milliseconds(q.Since), false)
	}
	if err != nil {
		return nil, refused, err
	}
	ranges = map[TopicPartition]Range{}
	for tp, b := range begin {
		e, ok := end[tp]
		st, ok2 := stable[tp]
		si, ok3 := since[tp]
		if q.Since.IsZero() {
			si, ok3 = -1, true
		}
		if ok && ok2 && ok3 {
			ranges[tp] = Range{b, max(b, e), max(b, st), si}
		}
	}
	return ranges, refused, nil
}

// Milliseconds returns the least timestamp of records that are not older than t, in
// milliseconds since 1970. Those below 0 would mean something else to a broker.
func Milliseconds(t time.Time) int64 {
	return max(0, t.Add(time.Millisecond-time.Nanosecond).UnixMilli())
}

// listOffsets makes one call. It adds to refused why the leader has no offset of a
// partition.
func (c *Client) listOffsets(ctx context.Context, leader int32, tps []TopicPartition, timestamp int64, committed bool, refused map[TopicPartition]error) (map[TopicPartition]int64, error) {
	slices.SortFunc(tps, TopicPartition.Compare)
	r := &wire.ListOffsetsRequest{ReadCommitted: committed}
	for _, tp := range tps {
		r.Partitions = append(r.Partitions, wire.ListOffsetsPartition{Topic: tp.Topic, Partition: tp.Partition, Timestamp: timestamp})
	}
	var res wire.ListOffsetsResponse
	if err := c.Ask(ctx, leader, r, &res); err != nil {
		return nil, fmt.Errorf("list offsets at broker %d: %w", leader, err)
	}
	out := map[TopicPartition]int64{}
	for _, o := range res.Partitions {
		tp := TopicPartition{o.Topic, o.Partition}
		if o.ErrorCode != 0 {
			refused[tp] = fmt.Errorf("list offsets of %s: %w", tp, Code(o.ErrorCode))
			continue
		}
		out[tp] = o.Offset
	}
	return out, nil
}
