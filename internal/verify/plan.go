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

// Input asks the cluster for the ranges of the plan: the records from the log's start,
// or from the given time, up to the committed offsets. The committed offsets are taken
// before the receipts are looked for, so that none is missed. The notes say what is not
// verified.
func (p *Plan) Input(ctx context.Context, client *kafka.Client) (in Input, notes []string, err error) {
	sub, md, err := client.Resolve(ctx, p.Topics)
	if err != nil {
		return in, nil, fmt.Errorf("look for topics: %w", err)
	}
	parts, leaders := partitionsOf(md, sub.Topics)
	byTopic := map[string][]int32{}
	for _, tp := range parts {
		byTopic[tp.Topic] = append(byTopic[tp.Topic], tp.Partition)
	}
	if len(parts) == 0 {
		return in, nil, fmt.Errorf("look for topics: none of %v exists", cmp.Or(fmt.Sprint(p.Topics.Topics), fmt.Sprint(p.Topics.Regex)))
	}
	committed, err := client.FetchOffsets(ctx, p.Group, byTopic)
	if err == nil {
		err = kafka.FirstError(committed)
	}
	if err != nil {
		return in, nil, err
	}
	logs, err := p.logs(ctx, client, parts, leaders, false)
	if err != nil {
		return in, nil, err
	}
	for _, tp := range parts {
		to := committed[tp].Offset
		log, led := logs[tp]
		switch {
		case to < 0:
			notes = append(notes, fmt.Sprintf("%s/%d has no committed offset: nothing of it is verified", tp.Topic, tp.Partition))
		case !led:
			notes = append(notes, fmt.Sprintf("%s/%d has no leader: nothing of it is verified", tp.Topic, tp.Partition))
		case to > log.End:
			notes = append(notes, fmt.Sprintf("%s/%d ends at offset %d, below the committed offset %d: its topic was deleted and made anew, or its log was cut", tp.Topic, tp.Partition, log.End, to))
			to = log.End
		}
		if led && to > log.Begin {
			in.Records = append(in.Records, scan.Range{Topic: tp.Topic, TopicID: sub.IDs[tp.Topic].String(), Partition: tp.Partition, From: log.Begin, To: to})
		}
	}
	receipts, letters, begun, err := p.evidence(ctx, client)
	if err != nil {
		return in, nil, err
	}
	in.Receipts, in.Letters = receipts, letters
	for _, topic := range begun {
		notes = append(notes, fmt.Sprintf("the oldest records of %s were deleted by its retention: what they told is counted as missing; -since leaves out what is older", topic))
	}
	return in, notes, nil
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
	sub, md, err := client.Resolve(ctx, p.Topics)
	if err != nil {
		return in, fmt.Errorf("look for topics: %w", err)
	}
	tp := kafka.TopicPartition{Topic: place.Topic, Partition: place.Partition}
	parts, leaders := partitionsOf(md, sub.Topics)
	if !slices.Contains(parts, tp) {
		return in, fmt.Errorf("%w: the settings read %v", errNotRead, sub.Topics)
	}
	committed, err := client.FetchOffsets(ctx, p.Group, map[string][]int32{tp.Topic: {tp.Partition}})
	if err == nil {
		err = kafka.FirstError(committed)
	}
	if err != nil {
		return in, err
	}
	all := Plan{Topics: p.Topics, Group: p.Group, Receipts: p.Receipts, Letters: p.Letters}
	logs, err := all.logs(ctx, client, []kafka.TopicPartition{tp}, leaders, false)
	if err != nil {
		return in, err
	}
	log, led := logs[tp]
	if !led {
		return in, fmt.Errorf("%s/%d has no leader: its broker is down", tp.Topic, tp.Partition)
	}
	return Search{
		Place: place, TopicID: sub.IDs[tp.Topic].String(), Begin: log.Begin, End: log.End, Committed: committed[tp].Offset,
		Evidence: func(ctx context.Context, since time.Time) ([]scan.Range, []scan.Range, error) {
			recent := all
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
	parts, leaders := partitionsOf(md, []string{topic})
	logs, err := p.logs(ctx, client, parts, leaders, true)
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

// logs returns the extent of the partitions' logs, from Since on. Those without leader
// are left out.
func (p *Plan) logs(ctx context.Context, client *kafka.Client, parts []kafka.TopicPartition, leaders map[kafka.TopicPartition]wire.PartitionMetadata, told bool) (map[kafka.TopicPartition]kafka.Range, error) {
	todo := map[kafka.TopicPartition]bool{}
	for _, tp := range parts {
		if leaders[tp].Leader >= 0 {
			todo[tp] = true
		}
	}
	since := p.Since
	if told && !since.IsZero() {
		since = since.Add(-clockMargin)
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

// Limits adds to a report what its counts cannot say.
func (r *Report) Limits() {
	rec, t := &r.Receipts, &r.Total
	switch {
	case rec.Read-rec.Bad <= 0:
		r.note("there is no receipt yet: what was imported before BRIDGE_RECEIPTS_TOPIC was set is counted as missing; -since TIME leaves it out")
	case t.Missing > 0 && rec.Oldest != nil:
		r.note("the oldest receipt is of %s: what was imported before receipts were written is counted as missing; -since TIME leaves it out", rec.Oldest.UTC().Format(time.RFC3339))
	}
	if rec.Bad > 0 {
		r.note("%d records of the receipts' and dead-letter topics are none that this version knows; they are left aside", rec.Bad)
	}
	if rec.OtherSettings > 0 {
		r.note("%d of %d receipts were written under other settings of namespaces and ids than the present ones, by which records are routed here: of that time records may be counted as missing or left out that were not", rec.OtherSettings, rec.Read)
	}
	if t.Unexplained > 0 {
		r.note("%d records were left out that the present settings would hold: by a policy of then, or by name", t.Unexplained)
	}
	if t.Gone > 0 {
		r.note("%d imported lines have no record any more: it was compacted away or deleted, or goes to other namespaces by the present settings", t.Gone)
	}
}
