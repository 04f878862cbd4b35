package session

import (
	"context"
	"maps"
	"slices"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// unproven reports whether nothing tells the partition's topic from one that may have
// been created in its place meanwhile: its brokers know no ids, and no answer has
// shown yet that the log is the one that was read.
func (s *committer) unproven(p *partition) bool {
	return p.topicID == (wire.UUID{}) && s.fetcher.Standing(p.cursor).Doubted
}

// bare lists the topics of the offsets that are committed without metadata, where a
// coordinator takes none: the next owner cannot tell of which topic they are. It
// returns the ids that the topics must still have.
func (s *committer) bare(commit *kafka.Commit) map[string]wire.UUID {
	ids := map[string]wire.UUID{}
	for _, o := range commit.Offsets {
		if p := s.partitions[o.TopicPartition]; o.Metadata == "" && p != nil && p.topicID != (wire.UUID{}) {
			ids[o.Topic] = p.topicID
		}
	}
	return ids
}

// commitSame commits the offsets, but for those of topics that do not have their id
// any more. The results are in the order of the commit that it returns.
func commitSame(ctx context.Context, client *kafka.Client, commit kafka.Commit, ids map[string]wire.UUID) (kafka.Commit, []kafka.CommitResult, error) {
	gone := map[string]kafka.Code{}
	if len(ids) > 0 {
		md, err := client.Metadata(ctx, slices.Collect(maps.Keys(ids)))
		if err != nil {
			return commit, nil, err
		}
		for _, t := range md.Topics {
			if id, ok := ids[t.Name]; ok && t.ID != id {
				gone[t.Name] = kafka.CodeUnknownTopicID
			}
		}
	}
	all := commit.Offsets
	var refused []kafka.CommitResult
	commit.Offsets = nil
	for _, o := range all {
		if code, ok := gone[o.Topic]; ok {
			refused = append(refused, kafka.CommitResult{TopicPartition: o.TopicPartition, Code: code})
		} else {
			commit.Offsets = append(commit.Offsets, o)
		}
	}
	if len(commit.Offsets) == 0 {
		return commit, refused, nil
	}
	results, err := client.CommitOffsets(ctx, commit)
	return commit, append(results, refused...), err
}
