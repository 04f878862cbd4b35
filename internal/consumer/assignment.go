package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/wire"
)

// resolved is where one assigned partition starts.
type resolved struct {
	TopicPartition
	start     int64
	frontier  ledger.Frontier
	committed int64 // -1 none
	metadata  string
	readEpoch int32 // leader epoch that was committed, -1 none
	read      int32 // leader epoch of what was read last, -1 unknown
	recalled  bool  // the start is this process's own knowledge, beyond the commit
	first     bool  // resolved without a committed offset
	heldOut   bool  // out of range, and the policy holds it
	err       error // why it is held
	leader    int32
	epoch     int32
	begin     int64 // log start
	end       int64 // high watermark
	stable    int64 // last stable offset
	reset     string
	gap       int64
}

// resolveStarts finds out where the assigned partitions start and tells the
// loop, trying again for those whose leader or coordinator is away.
func (s *session) resolveStarts(ctx context.Context) {
	todo := map[TopicPartition]bool{}
	for _, tp := range s.member.assigned {
		todo[tp] = true
	}
	backoff := fetchBackoff
	for len(todo) > 0 {
		before := len(todo)
		err := s.resolve(ctx, todo)
		if len(todo) < before {
			backoff = fetchBackoff
		}
		if len(todo) == 0 || ctx.Err() != nil {
			return
		}
		if err != nil {
			s.metrics.kafkaErrors.WithLabelValues("metadata").Inc()
			s.faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", len(todo), "error", s.explain(err))
		}
		if pause(ctx, backoff) != nil {
			return
		}
		backoff = min(2*backoff, maxFetchBackoff)
	}
}

// resolve makes one try for some partitions, and leaves those of todo that it did
// not succeed for. The loop hears of each leader's as soon as that has answered:
// one that does not holds up nobody else's.
func (s *session) resolve(ctx context.Context, todo map[TopicPartition]bool) error {
	leaders, err := s.leaders(ctx)
	if err != nil {
		return err
	}
	committed, fresh, err := s.committedOffsets(ctx)
	if err != nil {
		return err
	}
	asked := make(map[TopicPartition]bool, len(todo))
	maps.Copy(asked, todo)
	err = eachRange(ctx, s.client, s.cfg.ReadCommitted, asked, leaders, func(ranges map[TopicPartition]offsetRange) {
		var found []resolved
		for tp, r := range ranges {
			res := s.start(tp, committed[tp], r, fresh)
			res.leader, res.epoch = leaders[tp].Leader, leaders[tp].LeaderEpoch
			found = append(found, res)
			delete(todo, tp)
		}
		select {
		case s.starts <- found:
		case <-ctx.Done():
		}
	})
	if err == nil && len(todo) > 0 {
		err = errors.New("some partitions have no leader")
	}
	return err
}

// leaders asks who leads the partitions of this generation's topics.
func (s *session) leaders(ctx context.Context) (map[TopicPartition]wire.PartitionMetadata, error) {
	md, err := s.client.Metadata(ctx, s.member.topics)
	if err != nil {
		return nil, err
	}
	leaders := map[TopicPartition]wire.PartitionMetadata{}
	for _, t := range md.Topics {
		if t.ID != s.member.ids[t.Name] {
			// Created anew since this generation's subscription, perhaps by now
			// committed by another member: only the next generation may judge.
			s.fetcher.refresh()
			continue
		}
		for _, p := range t.Partitions {
			if p.Leader >= 0 && t.ErrorCode == 0 {
				leaders[TopicPartition{t.Name, p.Partition}] = p
			}
		}
	}
	return leaders, nil
}

// committedOffsets reads what the group has committed for all of its topics.
// fresh says that the group is new: nothing is committed but what members of
// this very generation resolved, nor has this process ever known of a commit.
func (s *session) committedOffsets(ctx context.Context) (offsets map[TopicPartition]CommittedOffset, fresh bool, err error) {
	topics := map[string][]int32{}
	for name, n := range s.member.parts {
		for i := range n {
			topics[name] = append(topics[name], int32(i))
		}
	}
	for _, tp := range s.member.assigned {
		if !slices.Contains(topics[tp.Topic], tp.Partition) {
			topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
		}
	}
	offsets, err = s.client.FetchOffsets(ctx, s.cfg.Group, topics)
	if err != nil {
		return nil, false, err
	}
	fresh = !s.known
	for _, o := range offsets {
		if o.Offset < 0 {
			continue
		}
		if m, err := ledger.Decode(o.Metadata); err != nil || m.Born != s.member.generation {
			fresh = false
		}
	}
	return offsets, fresh, nil
}

// offsetRange is what a partition's log holds.
type offsetRange struct {
	begin  int64 // log start
	end    int64 // high watermark
	stable int64 // last stable offset: where a read_committed reader ends now
}

// listRanges asks the leaders for the first and the end offset, all at once.
func listRanges(ctx context.Context, c *Client, committed bool, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata) (map[TopicPartition]offsetRange, error) {
	all := map[TopicPartition]offsetRange{}
	err := eachRange(ctx, c, committed, todo, leaders, func(some map[TopicPartition]offsetRange) { maps.Copy(all, some) })
	return all, err
}

// eachRange is listRanges that calls take with each leader's answer as it comes,
// one at a time, unless it is empty.
func eachRange(ctx context.Context, c *Client, committed bool, todo map[TopicPartition]bool, leaders map[TopicPartition]wire.PartitionMetadata, take func(map[TopicPartition]offsetRange)) error {
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
			ranges, err := rangesOf(ctx, c, committed, leader, tps)
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
func rangesOf(ctx context.Context, c *Client, committed bool, leader int32, tps []TopicPartition) (map[TopicPartition]offsetRange, error) {
	first, err := listOffsets(ctx, c, leader, tps, wire.EarliestOffset, false)
	if first == nil {
		return nil, err
	}
	end, err2 := listOffsets(ctx, c, leader, tps, wire.LatestOffset, false)
	stable, err3 := end, error(nil)
	if committed && end != nil {
		stable, err3 = listOffsets(ctx, c, leader, tps, wire.LatestOffset, true)
	}
	out := map[TopicPartition]offsetRange{}
	for tp, b := range first {
		e, ok := end[tp]
		st, ok2 := stable[tp]
		if ok && ok2 {
			out[tp] = offsetRange{b, max(b, e), max(b, st)}
		}
	}
	return out, errors.Join(err, err2, err3)
}

// listOffsets makes one call; without an answer there is no map.
func listOffsets(ctx context.Context, c *Client, leader int32, tps []TopicPartition, timestamp int64, committed bool) (map[TopicPartition]int64, error) {
	slices.SortFunc(tps, compareTP)
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
