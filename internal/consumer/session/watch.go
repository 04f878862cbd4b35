package session

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

// watching is what follows the metadata of the generation's topics.
func (s *Session) watching() *discovery.Watch {
	p := s.Process
	return &discovery.Watch{
		Client: p.Client, Selection: p.Config.Topics, Subscription: s.member.Subscription, Stale: s.member.Stale, Every: p.Config.MetadataRefresh,
		Relead: s.fetcher.Relead, Failed: p.WatchFailed,
	}
}

// follow takes in what the cluster has now: it clears the suspicion against
// partitions whose topic is still the same, never commits others again, and
// ends the generation where the subscription must change.
func (s *Session) follow(f *discovery.Found, now time.Time) {
	s.unclear = f.Unclear
	for _, p := range s.partitions {
		if slices.Contains(f.Unclear, p.Topic) {
			continue
		}
		same := f.IDs[p.Topic] == p.topicID && int(p.Partition) < f.Parts[p.Topic]
		switch {
		case !same:
			s.lose(p, kafka.CodeUnknownTopicID, now)
		case p.lost:
			p.lost, p.failure = false, nil
			if p.open() { // a broker that has just said otherwise is not asked at once
				s.fetcher.Reset(p.cursor, p.ledger.Position(), now.Add(fetch.MaxBackoff))
				s.fetcher.Pause(p.cursor, p.paused)
			}
			p.touch()
		}
	}
	if f.Change == kafka.Unchanged {
		return
	}
	s.Log.Info("ending the generation", "reason", string(f.Change))
	s.beginDrain(drainRebalance, now)
}
