package kafka

import (
	"context"
	"maps"
	"slices"

	"kafka-import-bridge/internal/wire"
)

// CommitSame is CommitOffsets but for the topics that do not have the id any more
// that ids has of them: their offsets would be those of other records. The results are
// in the order of the commit that it returns.
func (c *Client) CommitSame(ctx context.Context, commit Commit, ids map[string]wire.UUID) (Commit, []CommitResult, error) {
	gone := map[string]Code{}
	if len(ids) > 0 {
		md, err := c.Metadata(ctx, slices.Collect(maps.Keys(ids)))
		if err != nil {
			return commit, nil, err
		}
		for _, t := range md.Topics {
			if id, ok := ids[t.Name]; ok && t.ID != id {
				gone[t.Name] = CodeUnknownTopicID
			}
		}
	}
	all := commit.Offsets
	var refused []CommitResult
	commit.Offsets = nil
	for _, o := range all {
		if code, ok := gone[o.Topic]; ok {
			refused = append(refused, CommitResult{TopicPartition: o.TopicPartition, Code: code})
		} else {
			commit.Offsets = append(commit.Offsets, o)
		}
	}
	if len(commit.Offsets) == 0 {
		return commit, refused, nil
	}
	results, err := c.CommitOffsets(ctx, commit)
	return commit, append(results, refused...), err
}
