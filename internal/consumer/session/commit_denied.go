package session

import (
	"fmt"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// deny lets the commits of a partition rest whose topic is denied: neither another
// partition's nor a drain waits for them.
func (s *committer) deny(p *partition, code kafka.Code, now time.Time) {
	p.dirty = true
	s.again(p.denied.Refused(now))
	s.Metrics.KafkaFailed("commit")
	err := fmt.Errorf("topic %s: %w", p.Topic, code)
	s.Faults.Log(now, "commits of a topic are denied; those of the others go on, and these are tried again", "commit/"+p.Topic,
		"topic", p.Topic, "error", s.Explain(err))
}

// permit tries commits of denied topics again whose rest is over.
func (s *committer) permit(now time.Time) {
	if s.againAt.IsZero() || now.Before(s.againAt) || s.mode == draining {
		return
	}
	s.againAt = time.Time{}
	for _, p := range s.partitions {
		switch {
		case p.denied.Rests(now):
			s.again(p.denied.Until())
		case !p.denied.Until().IsZero() && p.dirty:
			s.Touch()
		}
	}
}

func (s *committer) again(at time.Time) {
	if s.againAt.IsZero() || at.Before(s.againAt) {
		s.againAt = at
	}
}
