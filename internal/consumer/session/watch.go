package session

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// change says what makes the subscription of the member out of date, "" for
// nothing.
func (m *Member) change(sub *kafka.Subscription) string {
	switch {
	case !slices.Equal(sub.Topics, m.Topics):
		return "the topics have changed"
	case !maps.Equal(sub.IDs, m.IDs):
		return "a topic was created anew"
	case !maps.Equal(sub.Parts, m.Parts):
		return "partitions were added"
	}
	return ""
}

// stalled says that an assignment that leaves something out has been worked on
// for long enough: one refresh, and twice as long after each further one.
func (m *Member) stalled(since, refresh time.Duration) string {
	if m.Stale == 0 || since < min(refresh<<min(m.Stale-1, 10), time.Hour) {
		return ""
	}
	return "the group's leader did not know all topics and partitions"
}

// assume takes the topics of which the brokers say nothing for what they were when
// the member joined.
func (m *Member) assume(sub *kafka.Subscription) {
	for _, name := range sub.Unclear {
		if slices.Contains(m.Topics, name) {
			sub.Topics = append(sub.Topics, name)
			sub.Parts[name], sub.IDs[name] = m.Parts[name], m.IDs[name]
		}
	}
	slices.Sort(sub.Topics)
}

// watch follows the metadata of the subscribed topics: leaders for the
// fetcher, and changes that end the generation.
func (s *Session) watch(ctx context.Context, wake <-chan struct{}) {
	const least = 100 * time.Millisecond // between two requests
	began := time.Now()
	for ctx.Err() == nil {
		if sleep.For(ctx, least) != nil {
			return
		}
		sleep.Until(ctx, wake, time.Now().Add(s.cfg.MetadataRefresh))
		if ctx.Err() != nil {
			return
		}
		sub, md := s.refresh(ctx)
		if md == nil {
			continue
		}
		s.fetcher.Relead(md)
		why := cmp.Or(s.member.change(&sub), s.member.stalled(time.Since(began), s.cfg.MetadataRefresh))
		if why != "" && !s.settledChange(ctx, &sub) {
			continue
		}
		s.ask(ctx, func(now time.Time) { s.found(&sub, why, now) })
		if why != "" {
			return
		}
	}
}

// refresh asks for the metadata and tells what is wrong with it. One topic that is
// refused hides nothing of the others. Without an answer the metadata is nil.
func (s *Session) refresh(ctx context.Context) (kafka.Subscription, *wire.MetadataResponse) {
	sub, md, err := s.client.Resolve(ctx, s.cfg.Selection())
	if err != nil && ctx.Err() == nil {
		s.metrics.KafkaFailed("metadata")
		text := s.Explain(err)
		args := []any{"error", text}
		if len(sub.Unclear) > 0 {
			args = append(args, "topics", sub.Unclear)
		}
		s.Faults.Log(time.Now(), "metadata cannot be refreshed", "metadata/"+text, args...)
	}
	s.member.assume(&sub)
	return sub, md
}

// settledChange confirms a change: a broker that has just started may not know
// all topics yet.
func (s *Session) settledChange(ctx context.Context, first *kafka.Subscription) bool {
	if sleep.For(ctx, 250*time.Millisecond) != nil {
		return false
	}
	again, md := s.refresh(ctx)
	return md != nil && slices.Equal(first.Topics, again.Topics) && maps.Equal(first.IDs, again.IDs) && maps.Equal(first.Parts, again.Parts)
}

// found takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *Session) found(sub *kafka.Subscription, why string, now time.Time) {
	for _, p := range s.partitions {
		if slices.Contains(sub.Unclear, p.Topic) {
			continue
		}
		same := sub.IDs[p.Topic] == p.topicID && int(p.Partition) < sub.Parts[p.Topic]
		switch {
		case !same:
			s.lose(p, kafka.CodeUnknownTopicID, now)
		case p.lost:
			p.lost, p.failure = false, nil
			p.touch()
		}
	}
	if why == "" {
		return
	}
	s.log.Info("ending the generation", "reason", why)
	s.beginDrain(drainRebalance, now)
}
