package assignment

import (
	"errors"
	"time"

	"kafka-import-bridge/internal/kafka"
)

// What follows is about commits that brokers refuse: as too large, for what stands beside
// one offset, or for a topic.

// sizeOf is about how many bytes the coordinator writes for offsets.
func (c *Committer) sizeOf(offsets []kafka.CommitOffset) (size int) {
	const overhead = 100 // of a record, and the numbers in it
	for i := range offsets {
		size += overhead + len(c.Config.Group) + len(offsets[i].Topic) + len(offsets[i].Metadata)
	}
	return size
}

// shrink makes the next commits smaller after one that was too large, or may have been:
// the coordinator writes each as one batch.
func (c *Committer) shrink(offsets []kafka.CommitOffset, refused error, now time.Time) {
	if len(offsets) == 1 {
		if errors.Is(refused, kafka.CodeCommitTooLarge) {
			c.narrow(c.assignment.Partitions[offsets[0].TopicPartition], len(offsets[0].Metadata), now)
		}
		return
	}
	size := c.sizeOf(offsets)
	c.Schedule.Shrink(size)
	c.Faults.Log(now, "commit refused, perhaps as too large; smaller ones are sent", "commit-size",
		"offsets", len(offsets), "bytes", size, "error", refused, "remedy", "raise max.message.bytes of __consumer_offsets")
}

// narrow writes less beside a partition's offset after a refusal.
func (c *Committer) narrow(p *Partition, refused int, now time.Time) {
	p.Metadata.Narrow(refused, now)
	c.wakeBy(p.Metadata.WidenAt())
	p.Touch()
	c.Faults.Log(now, "broker refuses commit metadata of this size: less is written, and a crash may repeat more", "metadata-size",
		"topic", p.Topic, "partition", p.Partition, "characters", refused, "remedy", "set offset.metadata.max.bytes of the brokers to at least 4096, and max.message.bytes of __consumer_offsets to more")
}

// deny lets the commits of a partition rest whose topic is denied: neither another
// partition's nor a drain waits for them.
func (c *Committer) deny(p *Partition, now time.Time) {
	p.Dirty = true
	c.wakeBy(p.Denied.Refused(now))
	c.Metrics.KafkaFailed("commit")
	err := &kafka.TopicDeniedError{Topic: p.Topic}
	c.Faults.Log(now, "commits of a topic are denied; those of the others go on, and these are tried again", "commit/"+p.Topic,
		"topic", p.Topic, "error", c.Explain(err))
}

// wake ends the rests of single partitions that are over: commits of a denied topic are
// tried again, and a broker that has refused metadata is offered more of it.
func (c *Committer) wake(now time.Time) {
	if c.wakeAt.IsZero() || now.Before(c.wakeAt) {
		return
	}
	c.wakeAt = time.Time{}
	for _, p := range c.assignment.Partitions {
		switch until := p.Denied.Until(); {
		case until.After(now):
			c.wakeBy(until)
		case !until.IsZero() && p.Dirty && c.Mode != Draining:
			c.Schedule.Touch()
		}
		if p.Metadata.Widen(now) {
			p.Touch()
		}
		c.wakeBy(p.Metadata.WidenAt())
	}
}

// wakeBy makes wake look at the partitions at that time, unless it is zero.
func (c *Committer) wakeBy(at time.Time) {
	if !at.IsZero() && (c.wakeAt.IsZero() || at.Before(c.wakeAt)) {
		c.wakeAt = at
	}
}
