package consumer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"kafka-import-bridge/internal/consumer/ledger"
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
	TopicPartition
	leader, epoch int32
	log           offsetRange // valid unless err
	err           error       // why it cannot be read
	start         int64       // where a bridge would begin; valid once judged
}

var errNoLeader = errors.New("the partition has no leader: its broker is down")

func newInspectedTopic(t wire.TopicMetadata) *inspectedTopic {
	out := &inspectedTopic{name: t.Name, id: t.ID}
	for _, m := range t.Partitions {
		p := &inspectedPartition{TopicPartition: TopicPartition{t.Name, m.Partition}, leader: m.Leader, epoch: m.LeaderEpoch}
		if m.Leader < 0 {
			p.err = errNoLeader
		}
		out.partitions = append(out.partitions, p)
	}
	slices.SortFunc(out.partitions, func(a, b *inspectedPartition) int { return compareTP(a.TopicPartition, b.TopicPartition) })
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
	for _, ask := range []struct {
		timestamp int64
		committed bool
		into      func(*inspectedPartition) *int64
	}{
		{wire.EarliestOffset, false, func(i *inspectedPartition) *int64 { return &i.log.begin }},
		{wire.LatestOffset, false, func(i *inspectedPartition) *int64 { return &i.log.end }},
		{wire.LatestOffset, p.cfg.ReadCommitted, func(i *inspectedPartition) *int64 { return &i.log.stable }},
	} {
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
		listed := map[TopicPartition]wire.ListedOffset{}
		for _, o := range answer.Partitions {
			listed[TopicPartition{o.Topic, o.Partition}] = o
		}
		for _, part := range parts {
			o, ok := listed[part.TopicPartition]
			if !ok {
				o.ErrorCode = int16(CodeUnknown)
			}
			if code := Code(o.ErrorCode); code != CodeOK && part.err == nil {
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
	byName, byID := map[TopicPartition]*inspectedPartition{}, map[key]*inspectedPartition{}
	for _, part := range parts {
		if part.err != nil {
			continue
		}
		byName[part.TopicPartition], byID[key{ids[part.Topic], part.Partition}] = part, part
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Name != part.Topic {
			r.Topics = append(r.Topics, wire.FetchTopic{Name: part.Topic, ID: ids[part.Topic]})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, part.request(part.log.end, 1))
	}
	if len(byName) == 0 {
		return nil
	}
	answer, err := fetchOnce(ctx, p.client, leader, r)
	if err != nil {
		return err
	}
	for i := range answer.Partitions {
		got := &answer.Partitions[i]
		part := byName[TopicPartition{got.Topic, got.Partition}]
		if part == nil {
			part = byID[key{got.TopicID, got.Partition}]
		}
		if code := Code(got.ErrorCode); part != nil && code != CodeOK {
			part.err = fmt.Errorf("fetch: %w", code)
		}
	}
	return nil
}

// request asks for the partition from an offset on.
func (i *inspectedPartition) request(offset int64, maxBytes int32) wire.FetchPartition {
	return wire.FetchPartition{Partition: i.Partition, LeaderEpoch: i.epoch, Offset: offset, LastFetchedEpoch: -1, MaxBytes: maxBytes}
}

// fetchOnce makes one fetch whose answer has memory of its own.
func fetchOnce(ctx context.Context, c *Client, leader int32, r *wire.FetchRequest) (*wire.FetchResponse, error) {
	body, version, err := c.Fetch(ctx, leader, r, ownMemory)
	if err != nil {
		return nil, err
	}
	answer := new(wire.FetchResponse)
	if err := answer.Decode(body, version); err != nil {
		return nil, err
	}
	if err := Code(answer.ErrorCode).Err(); err != nil {
		return nil, fmt.Errorf("fetch from broker %d: %w", leader, err)
	}
	return answer, nil
}

// judgeTopic says whether a topic can be read, and how many records are ahead.
func (p *Preflight) judgeTopic(t *inspectedTopic) Finding {
	check := "topic " + t.name
	var ahead int64
	var gaps []string
	var failed []error
	for _, part := range t.partitions {
		if part.err != nil {
			failed = append(failed, fmt.Errorf("partition %d: %w", part.Partition, part.err))
			continue
		}
		if gap := p.placeStart(part, t.id); gap != "" {
			gaps = append(gaps, fmt.Sprintf("partition %d: %s", part.Partition, gap))
		}
		ahead += p.end(part) - part.start
	}
	if len(failed) > 0 {
		f := p.failure(check, failed[0])
		if n := len(failed); n > 1 {
			f.Detail += fmt.Sprintf(" (one of %d partitions that cannot be read)", n)
		}
		return f
	}
	detail := fmt.Sprintf("%s, readable; ", count(len(t.partitions), "partition"))
	if !p.committing {
		return Finding{Check: check, OK: true, Detail: detail + "how many records are ahead is unknown without the group's offsets"}
	}
	detail += count(int(ahead), "record")
	if p.fresh() {
		detail += " ahead of the group, which is new"
	} else {
		detail += " ahead of what the group has committed"
	}
	if len(gaps) == 0 {
		return Finding{Check: check, OK: true, Detail: detail}
	}
	detail += "; " + strings.Join(gaps[:min(len(gaps), 3)], "; ")
	if more := len(gaps) - 3; more > 0 {
		detail += fmt.Sprintf("; and %d more", more)
	}
	if p.cfg.OffsetReset == ResetHold {
		return Finding{Check: check, Detail: detail + "; BRIDGE_KAFKA_OFFSET_RESET=hold would hold these partitions",
			Remedy: "set the group's offset with kafka-consumer-groups --reset-offsets, or BRIDGE_KAFKA_OFFSET_RESET to earliest"}
	}
	return Finding{Check: check, OK: true, Detail: detail}
}

// placeStart finds where a bridge would begin to read, and says what is odd
// about the committed offset, "" for nothing.
func (p *Preflight) placeStart(part *inspectedPartition, id wire.UUID) (gap string) {
	c, known := p.committed[part.TopicPartition]
	log := part.log
	switch m, err := ledger.Decode(c.Metadata); {
	case !known || c.Offset < 0:
		part.start = log.begin
		if p.committing && p.fresh() && p.cfg.OffsetReset == ResetLatest {
			part.start = p.end(part)
		}
	case err == nil && m.Committed == c.Offset && m.TopicID != identity(id, p.cluster) && sameCluster(m.TopicID, identity(id, p.cluster)):
		part.start, gap = log.begin, fmt.Sprintf("the topic was created anew since offset %d was committed", c.Offset)
	case c.Offset < log.begin:
		part.start = log.begin
		gap = fmt.Sprintf("committed offset %d lies below the log start %d: %d records were removed before they were read", c.Offset, log.begin, log.begin-c.Offset)
	case c.Offset > log.end:
		part.start, gap = log.begin, fmt.Sprintf("committed offset %d lies beyond the end %d", c.Offset, log.end)
	default:
		part.start = min(c.Offset, p.end(part))
	}
	return gap
}

// end is where a reader of the configured isolation level ends now.
func (p *Preflight) end(part *inspectedPartition) int64 { return max(part.log.begin, part.log.stable) }

// fresh says that the group has committed nothing.
func (p *Preflight) fresh() bool {
	for c := range maps.Values(p.committed) {
		if c.Offset >= 0 {
			return false
		}
	}
	return true
}
