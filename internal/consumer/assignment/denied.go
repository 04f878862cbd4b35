package assignment

import (
	"time"

	"kafka-import-bridge/internal/kafka"
)

// deny lets the commits of a partition rest whose topic is denied: neither another
// partition's nor a drain waits for them.
func (s *Committer) deny(p *Partition, now time.Time) {
	p.Dirty = true
	s.again(p.Denied.Refused(now))
	s.Metrics.KafkaFailed("commit")
	err := &kafka.TopicDeniedError{Topic: p.Topic}
	s.Faults.Log(now, "commits of a topic are denied; those of the others go on, and these are tried again", "commit/"+p.Topic,
		"topic", p.Topic, "error", s.Explain(err))
}

// permit tries commits of denied topics again whose rest is over.
func (s *Committer) permit(now time.Time) {
	if s.AgainAt.IsZero() || now.Before(s.AgainAt) || s.Mode == Draining {
		return
	}
	s.AgainAt = time.Time{}
	for _, p := range s.Partitions {
		switch {
		case p.Denied.Rests(now):
			s.again(p.Denied.Until())
		case !p.Denied.Until().IsZero() && p.Dirty:
			s.Touch()
		}
	}
}

func (s *Committer) again(at time.Time) {
	if s.AgainAt.IsZero() || at.Before(s.AgainAt) {
		s.AgainAt = at
	}
}
