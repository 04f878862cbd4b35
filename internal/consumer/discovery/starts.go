package discovery

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// Start is where one assigned partition starts, or why that is not known.
type Start struct {
	kafka.TopicPartition
	Problem             error // of this partition alone; the others have been asked about. nil: the rest is known
	At                  ledger.Start
	Committed           kafka.Committed // by the group
	Recalled            bool            // the start is this process's own knowledge, beyond the commit
	Log                 kafka.Range
	Leader, LeaderEpoch int32
}

// Starts finds out where the partitions of a generation start.
type Starts struct {
	Client       *kafka.Client
	Group        string
	Generation   int32
	Assigned     []kafka.TopicPartition
	Subscription kafka.Subscription
	// Recreated are the topics that were created anew since this process's generation
	// before. Brokers forget the group's offsets with a topic.
	Recreated []string

	ReadCommitted bool
	Fingerprint   string // see ledger.Reader
	Reset         ledger.OffsetReset
	// Known says that this process has seen or made a commit of the group before.
	Known         bool
	Recollections Recollections // nobody may change them while Run runs

	Refresh func()                    // asks for new metadata; must not block
	Failed  func(err error, todo int) // called after each try that leaves partitions to do

	since time.Time // from which on a new group reads, if Reset goes by a time
}

// The rests of Run after a try that brought nothing: the first, doubled up to the
// maximum.
const (
	backoff    = 50 * time.Millisecond
	maxBackoff = 2 * time.Second
)

// Run sends the starts, those of a leader as soon as it has answered, and tries again
// for partitions whose leader or coordinator is away or that are denied, until it has
// sent all or ctx ends. What is wrong with single partitions it sends once for each
// new reason.
func (s *Starts) Run(ctx context.Context, out chan<- []Start) {
	todo := map[kafka.TopicPartition]bool{}
	for _, tp := range s.Assigned {
		todo[tp] = true
	}
	rest, told := backoff, map[kafka.TopicPartition]string{}
	s.since = s.Reset.Since(time.Now()) // one for all partitions, whatever their leaders take
	for len(todo) > 0 {
		before := len(todo)
		problems, err := s.try(ctx, todo, out)
		err = errors.Join(s.report(ctx, problems, told, out), err)
		if len(todo) < before {
			rest = backoff
		}
		if len(todo) == 0 || ctx.Err() != nil {
			return
		}
		if err != nil {
			s.Failed(err, len(todo))
		}
		if sleep.For(ctx, rest) != nil {
			return
		}
		rest = min(2*rest, maxBackoff)
	}
}

// report sends the problems that are new, and returns one of them all.
func (s *Starts) report(ctx context.Context, problems map[kafka.TopicPartition]error, told map[kafka.TopicPartition]string, out chan<- []Start) (one error) {
	var news []Start
	for tp, problem := range problems {
		if one = problem; told[tp] != problem.Error() {
			told[tp] = problem.Error()
			news = append(news, Start{TopicPartition: tp, Problem: problem})
		}
	}
	if len(news) > 0 {
		select {
		case out <- news:
		case <-ctx.Done():
		}
	}
	return one
}

// try makes one try for some partitions, and leaves those of todo that it did not
// succeed for, with what is wrong with them alone. Neither a topic that is denied nor
// a leader that does not answer holds up what others may start.
func (s *Starts) try(ctx context.Context, todo map[kafka.TopicPartition]bool, out chan<- []Start) (problems map[kafka.TopicPartition]error, err error) {
	leaders, denied, err := s.leaders(ctx, todo)
	if err != nil {
		return nil, err
	}
	committed, fresh, err := s.committed(ctx)
	if err != nil {
		return nil, err
	}
	problems = map[kafka.TopicPartition]error{}
	asked := map[kafka.TopicPartition]int32{}
	for tp := range todo {
		if problem := cmp.Or(denied[tp.Topic], committed[tp].Err); problem != nil {
			problems[tp] = problem
		} else if p, led := leaders[tp]; led {
			asked[tp] = p.Leader
		}
	}
	query := kafka.RangeQuery{Committed: s.ReadCommitted}
	if fresh {
		query.Since = s.since
	}
	err = s.Client.EachRange(ctx, query, asked, func(logs map[kafka.TopicPartition]kafka.Range) {
		var found []Start
		for tp, log := range logs {
			start := s.Place(tp, committed[tp], log, fresh)
			start.Leader, start.LeaderEpoch = leaders[tp].Leader, leaders[tp].LeaderEpoch
			found = append(found, start)
			delete(todo, tp)
		}
		select {
		case out <- found:
		case <-ctx.Done():
		}
	})
	if err == nil && len(todo) > len(problems) {
		err = errors.New("some partitions have no leader")
	}
	return problems, err
}

// leaders asks who leads the partitions of the topics that some partitions are of, and
// which of these topics are denied.
func (s *Starts) leaders(ctx context.Context, todo map[kafka.TopicPartition]bool) (leaders map[kafka.TopicPartition]wire.PartitionMetadata, denied map[string]error, err error) {
	topics := map[string]bool{}
	for tp := range todo {
		topics[tp.Topic] = true
	}
	md, err := s.Client.Metadata(ctx, slices.Collect(maps.Keys(topics)))
	if err != nil {
		return nil, nil, err
	}
	leaders, denied = map[kafka.TopicPartition]wire.PartitionMetadata{}, map[string]error{}
	for _, t := range md.Topics {
		if kafka.Code(t.ErrorCode) == kafka.CodeTopicDenied {
			denied[t.Name] = &kafka.TopicDeniedError{Topic: t.Name}
			continue
		}
		if t.ID.Differs(s.Subscription.IDs[t.Name]) {
			// Created anew since this generation's subscription, perhaps by now
			// committed by another member: only the next generation may judge.
			s.Refresh()
			continue
		}
		for _, p := range t.Partitions {
			if p.Leader >= 0 && t.ErrorCode == 0 {
				leaders[kafka.TopicPartition{Topic: t.Name, Partition: p.Partition}] = p
			}
		}
	}
	return leaders, denied, nil
}

// committed reads what the group has committed for the assigned partitions. fresh says
// that the group is new, which is looked into only where a new group may leave out
// records: nothing is committed for any topic, as far as it may be known, but what
// members of this very generation resolved, nor has this process ever known of a commit.
func (s *Starts) committed(ctx context.Context) (offsets map[kafka.TopicPartition]kafka.Committed, fresh bool, err error) {
	offsets, err = s.Client.FetchOffsets(ctx, s.Group, s.Assigned)
	if err != nil || !s.Reset.Skips() || !s.fresh(offsets) {
		return offsets, false, err
	}
	all, err := s.Client.FetchAllOffsets(ctx, s.Group) // it may have read other partitions and topics
	return offsets, s.fresh(all), err
}

// fresh reports whether the group is new, by all that it has committed.
func (s *Starts) fresh(offsets map[kafka.TopicPartition]kafka.Committed) bool {
	if s.Known {
		return false
	}
	for _, o := range offsets {
		if o.Offset < 0 {
			continue
		}
		if m, err := ledger.Decode(o.Metadata); err != nil || m.Born != s.Generation {
			return false
		}
	}
	return true
}

// Place decides where a partition starts, by its commit, its log, and what this
// process remembers of it. It does not ask anybody.
func (s *Starts) Place(tp kafka.TopicPartition, c kafka.Committed, log kafka.Range, fresh bool) Start {
	out := Start{TopicPartition: tp, Committed: c, Log: log}
	id := s.Subscription.IDs[tp.Topic]
	c, out.Recalled = s.Recollections.Recall(tp, id, c)
	out.At = ledger.Resume(ledger.Committed{Offset: c.Offset, LeaderEpoch: c.LeaderEpoch, Metadata: c.Metadata}, ledger.Log(log), ledger.Reader{
		Identity: ledger.Identity(id, s.Subscription.Cluster), Fingerprint: s.Fingerprint, Reset: s.Reset, Fresh: fresh,
	})
	if out.At.Held {
		out.At.Offset = out.Committed.Offset
	}
	if out.At.First && !fresh && slices.Contains(s.Recreated, tp.Topic) {
		out.At.Reset = "recreated"
	}
	return out
}
