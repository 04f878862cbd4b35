package verify

import (
	"context"
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// clockMargin is how much earlier than a record its receipt may seem to be:
// the clocks of producers and brokers differ.
const clockMargin = time.Hour

// sources is what the brokers say of the source partitions.
type sources struct {
	kafka.Subscription
	partitions []kafka.TopicPartition // of those that are wanted
	committed  map[kafka.TopicPartition]kafka.Committed
	logs       map[kafka.TopicPartition]kafka.Range // without those that have no leader
}

// sources asks the cluster for the wanted ones of the partitions that the bridge reads,
// and for their logs from a time on.
func (a *Audit) sources(ctx context.Context, since time.Time, wanted func(kafka.TopicPartition) bool) (s sources, err error) {
	sub, md, err := a.client.Resolve(ctx, a.cfg.Topics)
	if err != nil {
		return s, fmt.Errorf("look for topics: %w", err)
	}
	parts, leaders := partitionsOf(md, sub.Topics)
	s.Subscription, s.partitions = sub, slices.DeleteFunc(parts, func(tp kafka.TopicPartition) bool { return !wanted(tp) })
	if len(s.partitions) == 0 {
		return s, nil
	}
	if s.committed, err = a.client.FetchOffsets(ctx, a.cfg.Group, s.partitions); err == nil {
		err = kafka.FirstError(s.committed)
	}
	if err == nil {
		s.logs, err = a.logsOf(ctx, since, s.partitions, leaders)
	}
	return s, err
}

// input asks the cluster what there is to verify: the records from the log's start, or
// from the given time, up to the committed offsets. The committed offsets are taken
// before the receipts are looked for, so that none is missed.
func (a *Audit) input(ctx context.Context, since time.Time) (in input, err error) {
	note := func(format string, args ...any) { in.Notes = append(in.Notes, fmt.Sprintf(format, args...)) }
	s, err := a.sources(ctx, since, func(kafka.TopicPartition) bool { return true })
	if err != nil {
		return in, err
	}
	if len(s.partitions) == 0 {
		return in, a.noTopics()
	}
	for _, tp := range s.partitions {
		to := s.committed[tp].Offset
		log, led := s.logs[tp]
		switch {
		case to < 0:
			note("%s has no committed offset: nothing of it is verified", tp)
		case !led:
			note("%s has no leader: nothing of it is verified", tp)
		case to > log.End:
			note("%s ends at offset %d, below the committed offset %d: its topic was deleted and made anew, or its log was cut", tp, log.End, to)
			to = log.End
		}
		if led && to > log.Begin {
			in.Records = append(in.Records, scan.Range{TopicPartition: tp, TopicID: s.IDs[tp.Topic].String(), From: log.Begin, To: to})
		}
	}
	in.Receipts, in.Letters, err = a.evidence(ctx, since)
	for _, parts := range [][]scan.Range{in.Receipts, in.Letters} {
		if since.IsZero() && slices.ContainsFunc(parts, func(r scan.Range) bool { return r.From > 0 }) {
			note("the oldest records of %s were deleted by its retention: what they accounted for is counted as missing; -since leaves out what is older", parts[0].Topic)
		}
	}
	return in, err
}

// noTopics returns the error of a selection that no topic is of.
func (a *Audit) noTopics() error {
	if regex := a.cfg.Topics.Regex; regex != nil {
		return fmt.Errorf("look for topics: none that this user may describe matches BRIDGE_KAFKA_TOPIC_REGEX %q: correct it, or grant DESCRIBE", regex)
	}
	return fmt.Errorf("look for topics: none of %v exists: correct BRIDGE_KAFKA_TOPICS", a.cfg.Topics.Topics)
}

// evidence returns where the receipts and dead letters of a time and later lie, of each
// nil where nobody writes them.
func (a *Audit) evidence(ctx context.Context, since time.Time) (receipts, letters []scan.Range, err error) {
	if receipts, err = a.whole(ctx, a.cfg.ReceiptsTopic, since); err != nil {
		return nil, nil, fmt.Errorf("look for BRIDGE_RECEIPTS_TOPIC=%s: %w", a.cfg.ReceiptsTopic, err)
	}
	if letters, err = a.whole(ctx, a.cfg.DLQTopic, since); err != nil {
		return nil, nil, fmt.Errorf("look for BRIDGE_DLQ_TOPIC=%s: %w", a.cfg.DLQTopic, err)
	}
	return receipts, letters, nil
}

// search asks the cluster where to look for one record. The record must be of a
// topic that the settings name.
func (a *Audit) search(ctx context.Context, place kafka.Place) (in search, err error) {
	tp := place.TopicPartition
	s, err := a.sources(ctx, time.Time{}, func(other kafka.TopicPartition) bool { return other == tp })
	if err != nil {
		return in, err
	}
	if len(s.partitions) == 0 {
		return in, fmt.Errorf("look for %s: the topic has no such partition, or is none that the bridge reads: the settings read %v", place, s.Topics)
	}
	log, led := s.logs[tp]
	if !led {
		return in, fmt.Errorf("%s: %w", tp, kafka.ErrNoLeader)
	}
	return search{
		Place: place, TopicID: s.IDs[tp.Topic].String(), Begin: log.Begin, End: log.End, Committed: s.committed[tp].Offset,
		Evidence: a.evidence,
	}, nil
}

// whole returns all of a topic, or what is not much older than a time. It returns nil
// for the topic "".
func (a *Audit) whole(ctx context.Context, topic string, since time.Time) (ranges []scan.Range, err error) {
	if topic == "" {
		return nil, nil
	}
	md, err := a.client.Metadata(ctx, []string{topic})
	if err != nil {
		return nil, err
	}
	for _, t := range md.Topics {
		if code := kafka.Code(t.ErrorCode); code != kafka.CodeOK && code != kafka.CodeLeaderNotAvailable {
			return nil, code
		}
	}
	if !since.IsZero() {
		since = since.Add(-clockMargin)
	}
	parts, leaders := partitionsOf(md, []string{topic})
	logs, err := a.logsOf(ctx, since, parts, leaders)
	if err != nil {
		return nil, err
	}
	for _, tp := range parts {
		log, ok := logs[tp]
		if !ok {
			return nil, fmt.Errorf("%s: %w", tp, kafka.ErrNoLeader)
		}
		ranges = append(ranges, scan.Range{TopicPartition: tp, From: log.Begin, To: scan.ToEnd})
	}
	return ranges, nil
}

// logsOf returns the extent of the partitions' logs, from a time on, or the zero time
// for all. Those without leader are left out.
func (a *Audit) logsOf(ctx context.Context, since time.Time, parts []kafka.TopicPartition, leaders map[kafka.TopicPartition]int32) (map[kafka.TopicPartition]kafka.Range, error) {
	asked := map[kafka.TopicPartition]int32{}
	for _, tp := range parts {
		if leader := leaders[tp]; leader >= 0 {
			asked[tp] = leader
		}
	}
	logs, err := a.client.ListRanges(ctx, kafka.RangeQuery{Since: since}, asked)
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

// partitionsOf lists the partitions of topics in their order, and who leads them, -1 for
// nobody.
func partitionsOf(md *wire.MetadataResponse, topics []string) (parts []kafka.TopicPartition, leaders map[kafka.TopicPartition]int32) {
	leaders = map[kafka.TopicPartition]int32{}
	for _, t := range md.Topics {
		if !slices.Contains(topics, t.Name) {
			continue
		}
		for _, p := range t.Partitions {
			tp := kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}
			parts, leaders[tp] = append(parts, tp), p.Leader
		}
	}
	slices.SortFunc(parts, kafka.TopicPartition.Compare)
	return parts, leaders
}
