package kafka

import (
	"context"
	"maps"
	"slices"

	"kafka-import-bridge/internal/wire"
)

// CommitSame is CommitOffsets but for the topics that do not have the id any more
// that ids has of them: their offsets would be those of other records.
func (c *Client) CommitSame(ctx context.Context, commit Commit, ids map[string]wire.UUID) (results []CommitResult, err error) {
	if len(ids) > 0 {
		md, err := c.Metadata(ctx, slices.Collect(maps.Keys(ids)))
		if err != nil {
			return nil, err
		}
		gone := map[string]bool{}
		for _, t := range md.Topics {
			id, ok := ids[t.Name]
			gone[t.Name] = ok && t.ID != id
		}
		all := commit.Offsets
		commit.Offsets = nil
		for _, o := range all {
			if gone[o.Topic] {
				results = append(results, CommitResult{o, CodeUnknownTopicID})
			} else {
				commit.Offsets = append(commit.Offsets, o)
			}
		}
		if len(commit.Offsets) == 0 {
			return results, nil
		}
	}
	committed, err := c.CommitOffsets(ctx, commit)
	return append(results, committed...), err
}
