package preflight

import (
	"cmp"
	"context"
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

// inspectedPartition is a partition with its leader's answers.
type inspectedPartition struct {
	kafka.TopicPartition
	topicID       wire.UUID
	leader, epoch int32
	log           kafka.Range // valid unless err
	err           error       // why it cannot be read
	start         int64       // where a bridge would begin; valid once judged
}

// end returns the offset at which a reader of the configured isolation level ends now.
func (p *inspectedPartition) end() int64 { return max(p.log.Begin, p.log.Stable) }

func newInspectedTopic(t wire.TopicMetadata) *inspectedTopic {
	out := &inspectedTopic{name: t.Name, id: t.ID}
	for _, m := range t.Partitions {
		p := &inspectedPartition{TopicPartition: kafka.TopicPartition{Topic: t.Name, Partition: m.Partition}, topicID: t.ID, leader: m.Leader, epoch: m.LeaderEpoch}
		if m.Leader < 0 {
			p.err = kafka.ErrNoLeader
		}
		out.partitions = append(out.partitions, p)
	}
	slices.SortFunc(out.partitions, func(a, b *inspectedPartition) int { return a.Compare(b.TopicPartition) })
	return out
}

// inspect asks all leaders about their partitions.
func (p *Preflight) inspect(ctx context.Context) {
	askLeaders(p.topics, func(leader int32, parts []*inspectedPartition) { p.askLeader(ctx, leader, parts) })
}

// askLeaders asks all leaders of topics at the same time, each about its partitions.
func askLeaders(topics []*inspectedTopic, ask func(leader int32, parts []*inspectedPartition)) {
	byLeader := map[int32][]*inspectedPartition{}
	for _, t := range topics {
		for _, part := range t.partitions {
			if part.err == nil {
				byLeader[part.leader] = append(byLeader[part.leader], part)
			}
		}
	}
	var wg sync.WaitGroup
	for leader, parts := range byLeader {
		wg.Go(func() { ask(leader, parts) })
	}
	wg.Wait()
}

// askLeader lists the offsets of the leader's partitions, which needs DESCRIBE,
// and fetches at their ends, which needs READ and brings no records.
func (p *Preflight) askLeader(ctx context.Context, leader int32, parts []*inspectedPartition) {
	p.listLogs(ctx, leader, parts)
	parts = slices.DeleteFunc(parts, func(part *inspectedPartition) bool { return part.err != nil })
	if len(parts) == 0 {
		return
	}
	if err := p.readNothing(ctx, leader, parts); err != nil {
		for _, part := range parts {
			part.err = cmp.Or(part.err, err)
		}
	}
}

// listLogs notes what the leader says of the partitions' logs.
func (p *Preflight) listLogs(ctx context.Context, leader int32, parts []*inspectedPartition) {
	tps := make([]kafka.TopicPartition, len(parts))
	for i, part := range parts {
		tps[i] = part.TopicPartition
	}
	logs, refused, err := p.client.RangesOf(ctx, kafka.RangeQuery{Committed: p.cfg.ReadCommitted, Since: p.cfg.OffsetReset.Since(time.Now())}, leader, tps)
	for _, part := range parts {
		log, known := logs[part.TopicPartition]
		if part.log = log; !known {
			part.err = cmp.Or(refused[part.TopicPartition], err, error(kafka.CodeUnknown))
		}
	}
}

// readNothing fetches at the end of each partition's log.
func (p *Preflight) readNothing(ctx context.Context, leader int32, parts []*inspectedPartition) error {
	r := &wire.FetchRequest{MaxBytes: 1, ReadCommitted: p.cfg.ReadCommitted}
	asked := map[kafka.TopicPartition]*inspectedPartition{}
	for _, part := range parts {
		asked[part.TopicPartition] = part
		r.Partitions = append(r.Partitions, wire.FetchPartition{Topic: part.Topic, TopicID: part.topicID, Partition: part.Partition, LeaderEpoch: part.epoch, Offset: part.log.End, LastFetchedEpoch: -1, MaxBytes: 1})
	}
	answer, err := p.client.Fetch(ctx, leader, r, nil)
	if err != nil {
		return err
	}
	for i := range answer.Partitions {
		got := &answer.Partitions[i]
		part := asked[kafka.TopicPartition{Topic: got.Topic, Partition: got.Partition}]
		if code := kafka.Code(got.ErrorCode); part != nil && code != kafka.CodeOK {
			part.err = fmt.Errorf("fetch: %w", code)
		}
	}
	return nil
}
