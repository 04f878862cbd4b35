package assignment

import (
	"errors"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// What follows is about how much one commit, and what stands beside one offset, may
// write.

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
		if p := s.Partitions[offsets[0].TopicPartition]; p != nil && errors.Is(refused, kafka.CodeCommitTooLarge) {
			s.narrow(p, len(offsets[0].Metadata), now)
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
	s.widenBy(p.Metadata.WidenAt())
	p.Touch()
	s.Faults.Log(now, "broker refuses commit metadata of this size: less is written, and a crash may repeat more", "metadata-size",
		"topic", p.Topic, "partition", p.Partition, "characters", refused, "remedy", "set offset.metadata.max.bytes of the brokers to at least 4096, and max.message.bytes of __consumer_offsets to more")
}

// widen offers brokers that have refused metadata more of it after a while.
func (s *Committer) widen(now time.Time) {
	if s.widenAt.IsZero() || now.Before(s.widenAt) {
		return
	}
	s.widenAt = time.Time{}
	for _, p := range s.Partitions {
		if p.Metadata.Widen(now) {
			p.Touch()
		}
		s.widenBy(p.Metadata.WidenAt())
	}
}

func (s *Committer) widenBy(at time.Time) {
	if !at.IsZero() && (s.widenAt.IsZero() || at.Before(s.widenAt)) {
		s.widenAt = at
	}
}
