package kafka

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go/protocol/describegroups"

	"kafka-import-bridge/internal/wire"
)

// Group is a group as its coordinator describes it.
type Group struct {
	State        string // in the broker's words: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead
	ProtocolType string // "consumer" of consumers, "" of an empty group
	Operations   wire.Operations
	Members      []GroupMember
}

// GroupMember is one member of a group.
type GroupMember struct {
	ClientID string
	Metadata []byte // what it subscribes to, in a stable group
}

// DescribeGroup asks who is in a group, and what this user may do with it. A group
// that does not exist is Dead.
func (c *Client) DescribeGroup(ctx context.Context, group string) (*Group, error) {
	request := &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true}
	answer, err := askCoordinator[*describegroups.Response](ctx, c, group, request)
	if err == nil && len(answer.Groups) != 1 {
		err = fmt.Errorf("the broker described %d groups", len(answer.Groups))
	}
	if err == nil {
		err = Code(answer.Groups[0].ErrorCode).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("describe group %s: %w", group, err)
	}
	is := &answer.Groups[0]
	out := &Group{State: is.GroupState, ProtocolType: is.ProtocolType, Operations: wire.Operations(is.AuthorizedOperations)}
	for _, m := range is.Members {
		out.Members = append(out.Members, GroupMember{ClientID: m.ClientID, Metadata: m.MemberMetadata})
	}
	return out, nil
}

// ForeignGroupError says that a group is of a kind that a bridge cannot share.
type ForeignGroupError struct {
	Group string
	Kind  string // in the brokers' words, in upper or lower case: consumer, share or streams
}

// Error names the kind and the remedy.
func (e *ForeignGroupError) Error() string {
	kind := map[string]string{
		"consumer": "a group of consumers of the protocol of KIP-848 (group.protocol=consumer)",
		"share":    "a share group", "streams": "a group of Kafka Streams",
	}[strings.ToLower(e.Kind)]
	return fmt.Sprintf("%s is %s of another program: stop it, or choose another BRIDGE_KAFKA_GROUP_ID, since a group is for bridges only",
		e.Group, cmp.Or(kind, "a group of another kind, "+e.Kind+","))
}

// ForeignGroup returns a ForeignGroupError if the group is of a kind that a
// bridge cannot share, and nil if it is not or cannot be asked about.
func (c *Client) ForeignGroup(ctx context.Context, group string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	coordinator, err := c.coordinator(ctx, group)
	if err != nil {
		return nil
	}
	var groups wire.ListGroupsResponse
	kinds := &wire.ListGroupsRequest{Types: []string{"consumer", "share", "streams"}}
	if c.Ask(ctx, coordinator, kinds, &groups) != nil || groups.Types[group] == "" {
		return nil
	}
	return &ForeignGroupError{group, groups.Types[group]}
}
