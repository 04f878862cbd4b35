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
			return sub, md, fmt.Errorf("topic %s: %w", t.Name, code)
		case code != CodeOK:
			continue
		}
		sub.topics = append(sub.topics, t.Name)
		sub.parts[t.Name] = len(t.Partitions)
		sub.ids[t.Name] = t.ID
	}
	slices.Sort(sub.topics)
	for _, name := range cfg.Topics {
		if !slices.Contains(sub.topics, name) {
			sub.missing = append(sub.missing, name)
		}
	}
	return sub, md, nil
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
		sub, md, err := resolveTopics(ctx, s.client, s.cfg)
		if err != nil {
			if ctx.Err() == nil {
				s.metrics.kafkaErrors.WithLabelValues("metadata").Inc()
				text := s.explain(err)
				s.faults.Log(time.Now(), "metadata cannot be refreshed", "metadata/"+text, "error", text)
			}
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

// settledChange confirms a change: a broker that has just started may not know
// all topics yet.
func (s *session) settledChange(ctx context.Context, first *subscription) bool {
	if pause(ctx, 250*time.Millisecond) != nil {
		return false
	}
	again, _, err := resolveTopics(ctx, s.client, s.cfg)
	return err == nil && slices.Equal(first.topics, again.topics) && maps.Equal(first.ids, again.ids) && maps.Equal(first.parts, again.parts)
}

// found takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *session) found(sub *subscription, why string, now time.Time) {
	for _, p := range s.partitions {
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
