package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// inspectedTopic is a topic that exists.
type inspectedTopic struct {
	name       string
	id         wire.UUID
	partitions []*inspectedPartition
}

// inspectedPartition is what the leader of a partition says about it.
type inspectedPartition struct {
	kafka.TopicPartition
	leader, epoch int32
	log           kafka.Range // valid unless err
	err           error       // why it cannot be read
	start         int64       // where a bridge would begin; valid once judged
}

var errNoLeader = errors.New("the partition has no leader: its broker is down")

func newInspectedTopic(t wire.TopicMetadata) *inspectedTopic {
	out := &inspectedTopic{name: t.Name, id: t.ID}
	for _, m := range t.Partitions {
		p := &inspectedPartition{TopicPartition: kafka.TopicPartition{Topic: t.Name, Partition: m.Partition}, leader: m.Leader, epoch: m.LeaderEpoch}
		if m.Leader < 0 {
			p.err = errNoLeader
		}
		out.partitions = append(out.partitions, p)
	}
	slices.SortFunc(out.partitions, func(a, b *inspectedPartition) int { return a.Compare(b.TopicPartition) })
	return out
}

// inspect asks all leaders at the same time about their partitions.
func (p *Preflight) inspect(ctx context.Context) {
	ids := map[string]wire.UUID{}
	byLeader := map[int32][]*inspectedPartition{}
	for _, t := range p.topics {
		ids[t.name] = t.id
		for _, part := range t.partitions {
			if part.err == nil {
				byLeader[part.leader] = append(byLeader[part.leader], part)
			}
		}
	}
	var wg sync.WaitGroup
	for leader, parts := range byLeader {
		wg.Go(func() { p.askLeader(ctx, leader, parts, ids) })
	}
	wg.Wait()
}

// askLeader lists the offsets of the leader's partitions, which needs DESCRIBE,
// and fetches at their ends, which needs READ and brings no records.
func (p *Preflight) askLeader(ctx context.Context, leader int32, parts []*inspectedPartition, ids map[string]wire.UUID) {
	err := p.listLogs(ctx, leader, parts)
	if err == nil {
		err = p.readNothing(ctx, leader, parts, ids)
	}
	for _, part := range parts {
		if part.err == nil {
			part.err = err
		}
	}
}

func (p *Preflight) listLogs(ctx context.Context, leader int32, parts []*inspectedPartition) error {
	type question struct {
		timestamp int64
		committed bool
		into      func(*inspectedPartition) *int64
	}
	asks := []question{
		{wire.EarliestOffset, false, func(i *inspectedPartition) *int64 { return &i.log.Begin }},
		{wire.LatestOffset, false, func(i *inspectedPartition) *int64 { return &i.log.End }},
		{wire.LatestOffset, p.cfg.ReadCommitted, func(i *inspectedPartition) *int64 { return &i.log.Stable }},
	}
	if since := p.cfg.OffsetReset.Since(time.Now()); !since.IsZero() {
		asks = append(asks, question{kafka.Milliseconds(since), false, func(i *inspectedPartition) *int64 { return &i.log.Since }})
	}
	for _, ask := range asks {
		r := &wire.ListOffsetsRequest{ReadCommitted: ask.committed}
		for _, part := range parts {
			if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != part.Topic {
				r.Topics = append(r.Topics, wire.ListOffsetsTopic{Name: part.Topic})
			}
			t := &r.Topics[len(r.Topics)-1]
			t.Partitions = append(t.Partitions, wire.ListOffsetsPartition{Partition: part.Partition, Timestamp: ask.timestamp})
		}
		answer, err := p.client.ListOffsets(ctx, leader, r)
		if err != nil {
			return err
		}
		listed := map[kafka.TopicPartition]wire.ListedOffset{}
		for _, o := range answer.Partitions {
			listed[kafka.TopicPartition{Topic: o.Topic, Partition: o.Partition}] = o
		}
		for _, part := range parts {
			o, ok := listed[part.TopicPartition]
			if !ok {
				o.ErrorCode = int16(kafka.CodeUnknown)
			}
			if code := kafka.Code(o.ErrorCode); code != kafka.CodeOK && part.err == nil {
				part.err = fmt.Errorf("list offsets: %w", code)
			}
			*ask.into(part) = o.Offset
		}
	}
	return nil
}

// readNothing fetches at the end of each partition's log.
func (p *Preflight) readNothing(ctx context.Context, leader int32, parts []*inspectedPartition, ids map[string]wire.UUID) error {
	r := &wire.FetchRequest{MinBytes: 1, MaxBytes: 1, ReadCommitted: p.cfg.ReadCommitted}
	type key struct {
		id        wire.UUID
		partition int32
	}
	byName, byID := map[kafka.TopicPartition]*inspectedPartition{}, map[key]*inspectedPartition{}
	for _, part := range parts {
		if part.err != nil {
			continue
		}
		byName[part.TopicPartition], byID[key{ids[part.Topic], part.Partition}] = part, part
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != part.Topic {
			r.Topics = append(r.Topics, wire.FetchTopic{Name: part.Topic, ID: ids[part.Topic]})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, part.request(part.log.End, 1))
	}
	if len(byName) == 0 {
		return nil
	}
	answer, err := p.client.FetchOnce(ctx, leader, r)
	if err != nil {
		return err
	}
	for i := range answer.Partitions {
		got := &answer.Partitions[i]
		part := byName[kafka.TopicPartition{Topic: got.Topic, Partition: got.Partition}]
		if part == nil {
			part = byID[key{got.TopicID, got.Partition}]
		}
		if code := kafka.Code(got.ErrorCode); part != nil && code != kafka.CodeOK {
			part.err = fmt.Errorf("fetch: %w", code)
		}
	}
	return nil
}

// request asks for the partition from an offset on.
func (i *inspectedPartition) request(offset int64, maxBytes int32) wire.FetchPartition {
	return wire.FetchPartition{Partition: i.Partition, LeaderEpoch: i.epoch, Offset: offset, LastFetchedEpoch: -1, MaxBytes: maxBytes}
}
