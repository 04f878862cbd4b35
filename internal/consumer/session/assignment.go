package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// resolved is where one assigned partition starts.
type resolved struct {
	kafka.TopicPartition
	at            ledger.Start
	committed     kafka.Committed // by the group
	readEpoch     int32           // leader epoch that was committed, -1 none
	recalled      bool            // the start is this process's own knowledge, beyond the commit
	log           kafka.Range
	leader, epoch int32
}

// resolveStarts finds out where the assigned partitions start and tells the
// loop, trying again for those whose leader or coordinator is away.
func (s *Session) resolveStarts(ctx context.Context) {
	todo := map[kafka.TopicPartition]bool{}
	for _, tp := range s.member.Assigned {
		todo[tp] = true
	}
	backoff := fetch.Backoff
	for len(todo) > 0 {
		before := len(todo)
		err := s.resolve(ctx, todo)
		if len(todo) < before {
			backoff = fetch.Backoff
		}
		if len(todo) == 0 || ctx.Err() != nil {
			return
		}
		if err != nil {
			s.metrics.KafkaFailed("metadata")
			s.Faults.Log(time.Now(), "start of partitions cannot be resolved yet", "resolve", "partitions", len(todo), "error", s.Explain(err))
		}
		if sleep.For(ctx, backoff) != nil {
			return
		}
		backoff = min(2*backoff, fetch.MaxBackoff)
	}
}

// resolve makes one try for some partitions, and leaves those of todo that it did
// not succeed for. The loop hears of each leader's as soon as that has answered:
// one that does not holds up nobody else's.
func (s *Session) resolve(ctx context.Context, todo map[kafka.TopicPartition]bool) error {
	leaders, err := s.leaders(ctx)
	if err != nil {
		return err
	}
	committed, fresh, err := s.committedOffsets(ctx)
	if err != nil {
		return err
	}
	asked := make(map[kafka.TopicPartition]bool, len(todo))
	maps.Copy(asked, todo)
	err = s.client.EachRange(ctx, s.cfg.ReadCommitted, asked, leaders, func(ranges map[kafka.TopicPartition]kafka.Range) {
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
func (s *Session) leaders(ctx context.Context) (map[kafka.TopicPartition]wire.PartitionMetadata, error) {
	md, err := s.client.Metadata(ctx, s.member.Topics)
	if err != nil {
		return nil, err
	}
	leaders := map[kafka.TopicPartition]wire.PartitionMetadata{}
	for _, t := range md.Topics {
		if t.ID != s.member.IDs[t.Name] {
			// Created anew since this generation's subscription, perhaps by now
			// committed by another member: only the next generation may judge.
			s.fetcher.Refresh()
			continue
		}
		for _, p := range t.Partitions {
			if p.Leader >= 0 && t.ErrorCode == 0 {
				leaders[kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}] = p
			}
		}
	}
	return leaders, nil
}

// committedOffsets reads what the group has committed for all of its topics.
// fresh says that the group is new: nothing is committed but what members of
// this very generation resolved, nor has this process ever known of a commit.
func (s *Session) committedOffsets(ctx context.Context) (offsets map[kafka.TopicPartition]kafka.Committed, fresh bool, err error) {
	topics := map[string][]int32{}
	for name, n := range s.member.Parts {
		for i := range n {
			topics[name] = append(topics[name], int32(i))
		}
	}
	for _, tp := range s.member.Assigned {
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
		if m, err := ledger.Decode(o.Metadata); err != nil || m.Born != s.member.Generation {
			fresh = false
		}
	}
	return offsets, fresh, nil
}
