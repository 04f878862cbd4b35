package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"kafka-import-bridge/internal/wire"
)

// Committed is a group's commit for a partition.
type Committed struct {
	Offset      int64 // the next record to read, -1 if there is none
	LeaderEpoch int32 // -1 if unknown
	Metadata    string
	Err         error // why the rest is not known, such as a topic that may not be described
}

// FirstError returns an error of one of the partitions, or nil if all are known.
func FirstError(offsets map[TopicPartition]Committed) error {
	for _, o := range offsets {
		if o.Err != nil {
			return o.Err
		}
	}
	return nil
}

// FetchOffsets asks for the committed offsets of the partitions, each of which
// is in the answer, the ones with an error of their own too.
func (c *Client) FetchOffsets(ctx context.Context, group string, partitions []TopicPartition) (map[TopicPartition]Committed, error) {
	topics := map[string][]int32{}
	for _, tp := range partitions {
		topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
	}
	request := &offsetfetch.Request{GroupID: group, Topics: []offsetfetch.RequestTopic{}}
	for name, numbers := range topics {
		request.Topics = append(request.Topics, offsetfetch.RequestTopic{Name: name, PartitionIndexes: numbers})
	}
	offsets, err := c.fetchOffsets(ctx, request)
	if err != nil {
		return nil, err
	}
	for _, tp := range partitions {
		if _, ok := offsets[tp]; !ok {
			return nil, fmt.Errorf("fetch offset of %s: the broker left it out", tp)
		}
	}
	return offsets, nil
}

// FetchAllOffsets asks for everything that the group has committed. Topics that this
// user may not describe are not in the answer.
func (c *Client) FetchAllOffsets(ctx context.Context, group string) (map[TopicPartition]Committed, error) {
	return c.fetchOffsets(ctx, &offsetfetch.Request{GroupID: group})
}

func (c *Client) fetchOffsets(ctx context.Context, request *offsetfetch.Request) (map[TopicPartition]Committed, error) {
	answer, err := askCoordinator[*offsetfetch.Response](ctx, c, request.GroupID, request)
	if err == nil {
		err = Code(answer.ErrorCode).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("fetch offsets of group %s: %w", request.GroupID, err)
	}
	offsets := make(map[TopicPartition]Committed)
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			o := Committed{Offset: p.CommittedOffset, LeaderEpoch: p.ComittedLeaderEpoch, Metadata: p.Metadata}
			if err := Code(p.ErrorCode).Err(); err != nil {
				o = Committed{Offset: -1, LeaderEpoch: -1, Err: fmt.Errorf("fetch offset of %s/%d: %w", t.Name, p.PartitionIndex, err)}
			}
			offsets[TopicPartition{t.Name, p.PartitionIndex}] = o
		}
	}
	return offsets, nil
}

// Commit is a commit of one generation of a group.
type Commit struct {
	Group      string
	Generation int32
	MemberID   string
	InstanceID string // of a static member, "" for none
	Offsets    []CommitOffset
	// TopicIDs are ids that topics must still have, or their offsets are refused with
	// CodeUnknownTopicID: they would be those of other records.
	TopicIDs map[string]wire.UUID
}

// CommitOffset is the next record to read of a partition, and what else to know
// about it: at most 4,096 characters.
type CommitOffset struct {
	TopicPartition
	Offset      int64
	LeaderEpoch int32 // of what was read last, -1 if unknown
	Metadata    string
}

// CommitResult is the broker's answer to one CommitOffset.
type CommitResult struct {
	CommitOffset
	Code Code
}

// CommitOffsets commits, with one result for every offset and in the same
// order; an offset that the answer leaves out has CodeUnknown. After an error
// the commit may have been applied, or may be applied later. The broker accepts
// lower offsets than before: not to go back is the caller's concern.
func (c *Client) CommitOffsets(ctx context.Context, commit Commit) ([]CommitResult, error) {
	gone, err := c.gone(ctx, commit.TopicIDs)
	if err != nil {
		return nil, err
	}
	results := make([]CommitResult, len(commit.Offsets))
	at := make(map[TopicPartition]int, len(commit.Offsets))
	for i, o := range commit.Offsets {
		results[i] = CommitResult{o, CodeUnknown}
		if at[o.TopicPartition] = i; gone[o.Topic] {
			results[i].Code = CodeUnknownTopicID
		}
	}
	commit.Offsets = slices.DeleteFunc(slices.Clone(commit.Offsets), func(o CommitOffset) bool { return gone[o.Topic] })
	if len(commit.Offsets) == 0 && len(gone) > 0 {
		return results, nil
	}
	answer, err := askCoordinator[*offsetcommit.Response](ctx, c, commit.Group, commitRequest(commit))
	if err != nil {
		return nil, fmt.Errorf("commit offsets of group %s: %w", commit.Group, err)
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			if i, ok := at[TopicPartition{t.Name, p.PartitionIndex}]; ok {
				results[i].Code = Code(p.ErrorCode)
			}
		}
	}
	return results, nil
}

// gone asks which topics do not have their ids any more, nor one that is not known.
func (c *Client) gone(ctx context.Context, ids map[string]wire.UUID) (map[string]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	md, err := c.Metadata(ctx, slices.Collect(maps.Keys(ids)))
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, t := range md.Topics {
		if Code(t.ErrorCode).TopicGone() || t.ID.Differs(ids[t.Name]) {
			gone[t.Name] = true
		}
	}
	return gone, nil
}

func commitRequest(commit Commit) *offsetcommit.Request {
	r := &offsetcommit.Request{
		GroupID:         commit.Group,
		GenerationID:    commit.Generation,
		MemberID:        commit.MemberID,
		GroupInstanceID: commit.InstanceID,
		RetentionTimeMs: -1, // the broker's own
	}
	for _, o := range commit.Offsets {
		i := slices.IndexFunc(r.Topics, func(t offsetcommit.RequestTopic) bool { return t.Name == o.Topic })
		if i < 0 {
			i = len(r.Topics)
			r.Topics = append(r.Topics, offsetcommit.RequestTopic{Name: o.Topic})
		}
		r.Topics[i].Partitions = append(r.Topics[i].Partitions, offsetcommit.RequestPartition{
			PartitionIndex:       o.Partition,
			CommittedOffset:      o.Offset,
			CommitTimestamp:      -1,
			CommittedLeaderEpoch: o.LeaderEpoch,
			CommittedMetadata:    o.Metadata,
		})
	}
	return r
}
