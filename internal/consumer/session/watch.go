package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/kafka"
)

// watching is what follows the metadata of the generation's topics.
func (s *Session) watching() *discovery.Watch {
	p := s.Process
	return &discovery.Watch{
		Client: p.Client, Selection: p.Config.Topics, Subscription: s.Member.Subscription, Stale: s.Member.Stale, Every: p.Config.MetadataRefresh,
		Relead: s.Fetcher.Relead, Failed: p.WatchFailed,
	}
}

// follow takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *Session) follow(f *discovery.Found, now time.Time) {
	s.unclear = f.Unclear
	for _, p := range s.Partitions {
		if slices.Contains(f.Unclear, p.Topic) {
			continue
		}
		same := f.IDs[p.Topic] == p.TopicID && int(p.Partition) < f.Parts[p.Topic]
		switch {
		case !same:
			s.Lose(p, kafka.CodeUnknownTopicID)
		default:
			s.Found(p, now)
		}
	}
	if f.Change == kafka.Unchanged {
		return
	}
	s.Log.Info("ending the generation", "reason", string(f.Change))
	s.beginDrain(assignment.ForRebalance, now)
}
