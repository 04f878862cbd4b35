package consumer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/internal/wire"
)

// subscription is what there is to subscribe to.
type subscription struct {
	topics  []string // existing ones, sorted
	missing []string // listed ones that do not exist
	unclear []string // listed ones of which the brokers say nothing, such as what may not be described
	parts   map[string]int
	ids     map[string]wire.UUID
	cluster string
	brokers int
}

// subscription asks the cluster which of the configured topics exist. Only
// those are ever named to the membership connection, which would create the
// others on clusters that allow it.
func (c *Consumer) subscription(ctx context.Context) (subscription, *wire.MetadataResponse, error) {
	return resolveTopics(ctx, c.client, c.cfg)
}

// resolveTopics asks what there is to subscribe to. Where the brokers say nothing
// of some topics it returns, beside the error, what they say of the others; without
// any answer the metadata is nil.
func resolveTopics(ctx context.Context, client *Client, cfg *Config) (subscription, *wire.MetadataResponse, error) {
	md, err := client.Metadata(ctx, cfg.Topics) // nil with a regular expression: all
	if err != nil {
		return subscription{}, nil, err
	}
	sub := subscription{parts: map[string]int{}, ids: map[string]wire.UUID{}, cluster: md.ClusterID, brokers: len(md.Brokers)}
	for _, t := range md.Topics {
		switch code := Code(t.ErrorCode); {
		case cfg.TopicRegex != nil && !matches(cfg, t):
			continue
		case code.TopicGone():
			continue
		case code == CodeLeaderNotAvailable:
			// It exists; partitions without a leader are resolved later.
		case code != CodeOK && cfg.TopicRegex == nil:
			sub.unclear = append(sub.unclear, t.Name)
			if err == nil {
				err = fmt.Errorf("topic %s: %w", t.Name, code)
			}
			continue
		case code != CodeOK:
			continue
		}
		sub.topics = append(sub.topics, t.Name)
		sub.parts[t.Name] = len(t.Partitions)
		sub.ids[t.Name] = t.ID
	}
	slices.Sort(sub.topics)
	for _, name := range cfg.Topics {
		if !slices.Contains(sub.topics, name) && !slices.Contains(sub.unclear, name) {
			sub.missing = append(sub.missing, name)
		}
	}
	return sub, md, err
}

func matches(cfg *Config, t wire.TopicMetadata) bool {
	return !t.Internal && !strings.HasPrefix(t.Name, "__") && !slices.Contains(cfg.Exclude, t.Name) && cfg.TopicRegex.MatchString(t.Name)
}

// topicsChanged needs another subscription, so another membership.
const topicsChanged = "the topics have changed"

// change says what makes the subscription of the member out of date, "" for
// nothing.
func (sub *subscription) change(m *member) string {
	switch {
	case !slices.Equal(sub.topics, m.topics):
		return topicsChanged
	case !maps.Equal(sub.ids, m.ids):
		return "a topic was created anew"
	case !maps.Equal(sub.parts, m.parts):
		return "partitions were added"
	}
	return ""
}

// assume takes the topics of which the brokers say nothing for what they were when
// the member joined.
func (sub *subscription) assume(m *member) {
	for _, name := range sub.unclear {
		if slices.Contains(m.topics, name) {
			sub.topics = append(sub.topics, name)
			sub.parts[name], sub.ids[name] = m.parts[name], m.ids[name]
		}
	}
	slices.Sort(sub.topics)
}

// watch follows the metadata of the subscribed topics: leaders for the
// fetcher, and changes that end the generation.
func (s *session) watch(ctx context.Context, wake <-chan struct{}) {
	const least = 100 * time.Millisecond // between two requests
	for ctx.Err() == nil {
		if pause(ctx, least) != nil {
			return
		}
		wait(ctx, wake, time.Now().Add(s.cfg.MetadataRefresh))
		if ctx.Err() != nil {
			return
		}
		sub, md := s.refresh(ctx)
		if md == nil {
			continue
		}
		s.fetcher.relead(md)
		why := sub.change(&s.member)
		if why != "" && !s.settledChange(ctx, &sub) {
			continue
		}
		select {
		case s.queries <- func(now time.Time) { s.found(&sub, why, now) }:
		case <-ctx.Done():
		}
		if why != "" {
			return
		}
	}
}

// refresh asks for the metadata and tells what is wrong with it. One topic that is
// refused hides nothing of the others. Without an answer the metadata is nil.
func (s *session) refresh(ctx context.Context) (subscription, *wire.MetadataResponse) {
	sub, md, err := resolveTopics(ctx, s.client, s.cfg)
	if err != nil && ctx.Err() == nil {
		s.metrics.kafkaErrors.WithLabelValues("metadata").Inc()
		text := s.explain(err)
		args := []any{"error", text}
		if len(sub.unclear) > 0 {
			args = append(args, "topics", sub.unclear)
		}
		s.faults.Log(time.Now(), "metadata cannot be refreshed", "metadata/"+text, args...)
	}
	sub.assume(&s.member)
	return sub, md
}

// settledChange confirms a change: a broker that has just started may not know
// all topics yet.
func (s *session) settledChange(ctx context.Context, first *subscription) bool {
	if pause(ctx, 250*time.Millisecond) != nil {
		return false
	}
	again, md := s.refresh(ctx)
	return md != nil && slices.Equal(first.topics, again.topics) && maps.Equal(first.ids, again.ids) && maps.Equal(first.parts, again.parts)
}

// found takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *session) found(sub *subscription, why string, now time.Time) {
	for _, p := range s.partitions {
		if slices.Contains(sub.unclear, p.Topic) {
			continue
		}
		same := sub.ids[p.Topic] == p.topicID && int(p.Partition) < sub.parts[p.Topic]
		switch {
		case !same:
			s.lose(p, CodeUnknownTopicID, now)
		case p.lost:
			p.lost, p.failure = false, nil
			p.touch()
		}
	}
	if why == "" {
		return
	}
	s.log.Info("ending the generation", "reason", why)
	s.resubscribe = why == topicsChanged
	s.beginDrain(drainRebalance, now)
}
