package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// Plan selects the topics and the time to verify.
type Plan struct {
	Topics   kafka.Selection
	Group    string
	Receipts string    // topic
	Letters  string    // topic, "" if there is none
	Since    time.Time // zero for all that there is
}

// clockMargin is how much earlier than a record its receipt may seem to be:
// the clocks of producers and brokers differ.
const clockMargin = time.Hour

// sources is what the brokers say of the partitions that a plan reads.
type sources struct {
	kafka.Subscription
	partitions []kafka.TopicPartition // of those that are wanted
	committed  map[kafka.TopicPartition]kafka.Committed
	logs       map[kafka.TopicPartition]kafka.Range // without those that have no leader
}

// sources asks the cluster for the wanted ones of the partitions that the plan reads.
func (p *Plan) sources(ctx context.Context, client *kafka.Client, wanted func(kafka.TopicPartition) bool) (s sources, err error) {
	sub, md, err := client.Resolve(ctx, p.Topics)
	if err != nil {
		return s, fmt.Errorf("look for topics: %w", err)
	}
	parts, leaders := partitionsOf(md, sub.Topics)
	s.Subscription, s.partitions = sub, slices.DeleteFunc(parts, func(tp kafka.TopicPartition) bool { return !wanted(tp) })
	if len(s.partitions) == 0 {
		return s, nil
	}
	if s.committed, err = client.FetchOffsets(ctx, p.Group, s.partitions); err == nil {
		err = kafka.FirstError(s.committed)
	}
	if err == nil {
		s.logs, err = logsOf(ctx, client, p.Since, s.partitions, leaders)
	}
	return s, err
}

// Input asks the cluster for the ranges of the plan: the records from the log's start,
// or from the given time, up to the committed offsets. The committed offsets are taken
// before the receipts are looked for, so that none is missed.
func (p *Plan) Input(ctx context.Context, client *kafka.Client) (in Input, err error) {
	note := func(format string, args ...any) { in.Notes = append(in.Notes, fmt.Sprintf(format, args...)) }
	s, err := p.sources(ctx, client, func(kafka.TopicPartition) bool { return true })
	if err != nil {
		return in, err
	}
	if len(s.partitions) == 0 {
		return in, fmt.Errorf("look for topics: none of %v exists", cmp.Or(fmt.Sprint(p.Topics.Topics), fmt.Sprint(p.Topics.Regex)))
	}
	for _, tp := range s.partitions {
		to := s.committed[tp].Offset
		log, led := s.logs[tp]
		switch {
		case to < 0:
			note("%s/%d has no committed offset: nothing of it is verified", tp.Topic, tp.Partition)
		case !led:
			note("%s/%d has no leader: nothing of it is verified", tp.Topic, tp.Partition)
		case to > log.End:
			note("%s/%d ends at offset %d, below the committed offset %d: its topic was deleted and made anew, or its log was cut", tp.Topic, tp.Partition, log.End, to)
			to = log.End
		}
		if led && to > log.Begin {
			in.Records = append(in.Records, scan.Range{Topic: tp.Topic, TopicID: s.IDs[tp.Topic].String(), Partition: tp.Partition, From: log.Begin, To: to})
		}
	}
	var begun []string
	in.Receipts, in.Letters, begun, err = p.evidence(ctx, client)
	for _, topic := range begun {
		note("the oldest records of %s were deleted by its retention: what they told is counted as missing; -since leaves out what is older", topic)
	}
	return in, err
}

// evidence is where receipts and dead letters lie. begun names the topics of which
// records were deleted, if all of them is wanted.
func (p *Plan) evidence(ctx context.Context, client *kafka.Client) (receipts, letters []scan.Range, begun []string, err error) {
	for _, other := range []struct {
		name, setting string
		into          *[]scan.Range
	}{{p.Receipts, "BRIDGE_RECEIPTS_TOPIC", &receipts}, {p.Letters, "BRIDGE_DLQ_TOPIC", &letters}} {
		if other.name == "" {
			continue
		}
		ranges, cut, err := p.whole(ctx, client, other.name)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("look for %s=%s: %w", other.setting, other.name, err)
		}
		*other.into = ranges
		if cut && p.Since.IsZero() {
			begun = append(begun, other.name)
		}
	}
	return receipts, letters, begun, nil
}

// Search asks the cluster where to look for one record. The record must be of a
// topic that the settings name.
func (p *Plan) Search(ctx context.Context, client *kafka.Client, place Place) (in Search, err error) {
	tp := kafka.TopicPartition{Topic: place.Topic, Partition: place.Partition}
	s, err := p.sources(ctx, client, func(other kafka.TopicPartition) bool { return other == tp })
	if err != nil {
		return in, err
	}
	if len(s.partitions) == 0 {
		return in, fmt.Errorf("%w: the settings read %v", errNotRead, s.Topics)
	}
	log, led := s.logs[tp]
	if !led {
		return in, fmt.Errorf("%s/%d has no leader: its broker is down", tp.Topic, tp.Partition)
	}
	return Search{
		Place: place, TopicID: s.IDs[tp.Topic].String(), Begin: log.Begin, End: log.End, Committed: s.committed[tp].Offset,
		Evidence: func(ctx context.Context, since time.Time) ([]scan.Range, []scan.Range, error) {
			recent := *p
			recent.Since = since
			receipts, letters, _, err := recent.evidence(ctx, client)
			return receipts, letters, err
		},
	}, nil
}

// errNotRead says that a record is of no partition that the bridge reads.
var errNotRead = errors.New("the topic has no such partition, or is none that the bridge reads")

// whole is all of a topic, or what is not much older than Since. begun reports
// whether records were deleted at its start.
func (p *Plan) whole(ctx context.Context, client *kafka.Client, topic string) (ranges []scan.Range, begun bool, err error) {
	md, err := client.Metadata(ctx, []string{topic})
	if err != nil {
		return nil, false, err
	}
	for _, t := range md.Topics {
		if code := kafka.Code(t.ErrorCode); code != kafka.CodeOK && code != kafka.CodeLeaderNotAvailable {
			return nil, false, code
		}
	}
	since := p.Since
	if !since.IsZero() {
		since = since.Add(-clockMargin)
	}
	parts, leaders := partitionsOf(md, []string{topic})
	logs, err := logsOf(ctx, client, since, parts, leaders)
	if err != nil {
		return nil, false, err
	}
	for _, tp := range parts {
		log, ok := logs[tp]
		if !ok {
			return nil, false, fmt.Errorf("partition %d has no leader", tp.Partition)
		}
		begun = begun || log.Begin > 0
		ranges = append(ranges, scan.Range{Topic: tp.Topic, Partition: tp.Partition, From: log.Begin, To: scan.ToEnd})
	}
	return ranges, begun, nil
}

// logsOf returns the extent of the partitions' logs, from a time on, or the zero time
// for all. Those without leader are left out.
func logsOf(ctx context.Context, client *kafka.Client, since time.Time, parts []kafka.TopicPartition, leaders map[kafka.TopicPartition]wire.PartitionMetadata) (map[kafka.TopicPartition]kafka.Range, error) {
	todo := map[kafka.TopicPartition]bool{}
	for _, tp := range parts {
		if leaders[tp].Leader >= 0 {
			todo[tp] = true
		}
	}
	logs, err := client.ListRanges(ctx, kafka.RangeQuery{Since: since}, todo, leaders)
	if err != nil {
		return nil, err
	}
	for tp, log := range logs {
		if log.Begin = max(log.Begin, log.Since); log.Since < 0 && !since.IsZero() {
			log.Begin = log.End
		}
		logs[tp] = log
	}
	return logs, nil
}

// partitionsOf lists the partitions of topics in their order.
func partitionsOf(md *wire.MetadataResponse, topics []string) (parts []kafka.TopicPartition, leaders map[kafka.TopicPartition]wire.PartitionMetadata) {
	leaders = map[kafka.TopicPartition]wire.PartitionMetadata{}
	for _, t := range md.Topics {
		if !slices.Contains(topics, t.Name) {
			continue
		}
		for _, p := range t.Partitions {
			tp := kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}
			parts, leaders[tp] = append(parts, tp), p
		}
	}
	slices.SortFunc(parts, kafka.TopicPartition.Compare)
	return parts, leaders
}
