package committer

import (
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// unproven reports whether nothing tells the partition's topic from one that may have
// been created in its place meanwhile: its brokers know no ids, and no answer has
// shown yet that the log is the one that was read.
func (s *Committer) unproven(p *assignment.Partition) bool {
	return p.TopicID == (wire.UUID{}) && s.Fetcher.Standing(p.Cursor).Doubted
}

// bare lists the topics of the offsets that are committed without metadata, where a
// coordinator takes none: the next owner cannot tell of which topic they are. It
// returns the ids that the topics must still have.
func (s *Committer) bare(commit *kafka.Commit) map[string]wire.UUID {
	ids := map[string]wire.UUID{}
	for _, o := range commit.Offsets {
		if p := s.Partitions[o.TopicPartition]; o.Metadata == "" && p != nil && p.TopicID != (wire.UUID{}) {
			ids[o.Topic] = p.TopicID
		}
	}
	return ids
}
