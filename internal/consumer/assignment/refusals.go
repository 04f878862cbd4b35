package assignment

import (
	"errors"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// What follows is about commits that brokers refuse: as too large, for what stands beside
// one offset, or for a topic.

// sizeOf is about how many bytes the coordinator writes for offsets.
func (s *Committer) sizeOf(offsets []kafka.CommitOffset) (size int) {
	const overhead = 100 // of a record, and the numbers in it
	for i := range offsets {
		size += overhead + len(s.Config.Group) + len(offsets[i].Topic) + len(offsets[i].Metadata)
	}
	return size
}

// shrink makes the next commits smaller after one that was too large, or may have been:
// the coordinator writes each as one batch.
func (s *Committer) shrink(offsets []kafka.CommitOffset, refused error, now time.Time) {
	if len(offsets) == 1 {
		if errors.Is(refused, kafka.CodeCommitTooLarge) {
			s.narrow(s.Partitions[offsets[0].TopicPartition], len(offsets[0].Metadata), now)
		}
		return
	}
	size := s.sizeOf(offsets)
	s.Shrink(size)
	s.Faults.Log(now, "commit refused, perhaps as too large; smaller ones are sent", "commit-size",
		"offsets", len(offsets), "bytes", size, "error", refused, "remedy", "raise max.message.bytes of __consumer_offsets")
}

// narrow writes less beside a partition's offset after a refusal.
func (s *Committer) narrow(p *Partition, refused int, now time.Time) {
	p.Metadata.Narrow(refused, now)
	s.wakeBy(p.Metadata.WidenAt())
	p.Touch()
	s.Faults.Log(now, "broker refuses commit metadata of this size: less is written, and a crash may repeat more", "metadata-size",
		"topic", p.Topic, "partition", p.Partition, "characters", refused, "remedy", "set offset.metadata.max.bytes of the brokers to at least 4096, and max.message.bytes of __consumer_offsets to more")
}

// deny lets the commits of a partition rest whose topic is denied: neither another
// partition's nor a drain waits for them.
func (s *Committer) deny(p *Partition, now time.Time) {
	p.Dirty = true
	s.wakeBy(p.Denied.Refused(now))
	s.Metrics.KafkaFailed("commit")
	err := &kafka.TopicDeniedError{Topic: p.Topic}
	s.Faults.Log(now, "commits of a topic are denied; those of the others go on, and these are tried again", "commit/"+p.Topic,
		"topic", p.Topic, "error", s.Explain(err))
}

// wake ends the rests of single partitions that are over: commits of a denied topic are
// tried again, and a broker that has refused metadata is offered more of it.
func (s *Committer) wake(now time.Time) {
	if s.wakeAt.IsZero() || now.Before(s.wakeAt) {
		return
	}
	s.wakeAt = time.Time{}
	for _, p := range s.Partitions {
		switch until := p.Denied.Until(); {
		case until.After(now):
			s.wakeBy(until)
		case !until.IsZero() && p.Dirty && s.Mode != Draining:
			s.Touch()
		}
		if p.Metadata.Widen(now) {
			p.Touch()
		}
		s.wakeBy(p.Metadata.WidenAt())
	}
}

// wakeBy makes wake look at the partitions at that time, unless it is zero.
func (s *Committer) wakeBy(at time.Time) {
	if !at.IsZero() && (s.wakeAt.IsZero() || at.Before(s.wakeAt)) {
		s.wakeAt = at
	}
}
