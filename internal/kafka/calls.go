package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go/protocol/describeconfigs"

	"kafka-import-bridge/internal/wire"
)

// Metadata asks for the brokers and the topics, nil meaning all topics. It asks
// a broker each time, never a cache, and another one than before: what one believes
// who has lost touch with the cluster's controller may be old. Where that one does not
// answer it asks the one that has answered lately. It creates no topic. Errors of single
// topics are in the answer.
func (c *Client) Metadata(ctx context.Context, topics []string) (*wire.MetadataResponse, error) {
	answer := new(wire.MetadataResponse)
	err := c.Ask(ctx, nextBroker, &wire.MetadataRequest{Topics: topics}, answer)
	if _, refused := CodeOf(err); err != nil && !refused {
		err = c.Ask(ctx, anyBroker, &wire.MetadataRequest{Topics: topics}, answer)
	}
	if err != nil {
		return nil, fmt.Errorf("ask for metadata: %w", err)
	}
	return answer, nil
}

// DescribeTopic asks for one topic, and for what this user may do with it. Partitions
// without a leader are no error.
func (c *Client) DescribeTopic(ctx context.Context, name string) (wire.TopicMetadata, error) {
	var answer wire.MetadataResponse
	if err := c.Ask(ctx, anyBroker, &wire.MetadataRequest{Topics: []string{name}, Operations: true}, &answer); err != nil {
		return wire.TopicMetadata{}, err
	}
	if len(answer.Topics) != 1 {
		return wire.TopicMetadata{}, fmt.Errorf("the broker described %d topics", len(answer.Topics))
	}
	t := answer.Topics[0]
	if code := Code(t.ErrorCode); code != CodeLeaderNotAvailable {
		return t, code.Err()
	}
	return t, nil
}

// topicResource is the type of a topic among the resources that have settings.
const topicResource int8 = 2

// TopicSettings asks for settings of a topic by their names, which takes the permission
// DESCRIBE_CONFIGS. Those that the brokers do not know are not in the answer.
func (c *Client) TopicSettings(ctx context.Context, topic string, names ...string) (map[string]string, error) {
	answer, err := roundTrip[*describeconfigs.Response](ctx, c, anyBroker, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: topicResource, ResourceName: topic, ConfigNames: names}},
	})
	if err == nil && len(answer.Resources) != 1 {
		err = fmt.Errorf("the broker answered for %d topics", len(answer.Resources))
	}
	if err == nil {
		err = Code(answer.Resources[0].ErrorCode).Err()
	}
	if err != nil {
		return nil, fmt.Errorf("describe the settings of topic %s: %w", topic, err)
	}
	settings := map[string]string{}
	for _, e := range answer.Resources[0].ConfigEntries {
		settings[e.ConfigName] = e.ConfigValue
	}
	return settings, nil
}

// Fetch reads from one leader, in version 13 if the broker offers it and every topic's
// id is given, else in 12 or 11. The answer names every topic. Errors of single
// partitions are in it.
//
// alloc is called when the answer's size is known and before any of it is read; the
// answer lies in the first n bytes of what it returned. Where that is less, only the
// answer's beginning is read, and the connection is given up. alloc may block (the sender
// waits), must return soon after ctx ends, and its error is returned. Once Fetch has
// returned with an error, nothing touches that memory any more. Without alloc the memory
// is new.
//
// Where ctx has no deadline, the wait for a connection, the wait for the answer
// (beyond the request's MaxWait) and each step of reading it are bounded by the
// call timeout, and alloc is not.
func (c *Client) Fetch(ctx context.Context, broker int32, r *wire.FetchRequest, alloc func(n int) ([]byte, error)) (*wire.FetchResponse, error) {
	if alloc == nil {
		alloc = ownMemory
	}
	e := &exchange{client: c, request: r, patience: r.MaxWait + c.config.CallTimeout, alloc: alloc}
	err := c.exchange(ctx, broker, e)
	answer := new(wire.FetchResponse)
	switch {
	case errors.Is(err, errUnread):
		err = answer.DecodeHead(e.body, e.version)
	case err == nil, errors.Is(err, errMuted):
		err = answer.Decode(e.body, e.version)
	}
	if err = cmp.Or(err, Code(answer.ErrorCode).Err()); err != nil {
		return nil, fmt.Errorf("fetch from broker %d: %w", broker, err)
	}
	answer.Name(r)
	return answer, nil
}

// Ask sends a request to a broker, or to any if it is -1, and reads its answer. It
// waits until ctx ends, or for the call timeout where ctx has no deadline; connecting
// has a bound of its own.
func (c *Client) Ask(ctx context.Context, broker int32, r wire.Request, answer wire.Response) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	deadline, _ := ctx.Deadline()
	e := &exchange{client: c, request: r, patience: time.Until(deadline), alloc: ownMemory}
	if err := c.exchange(ctx, broker, e); err != nil {
		return err
	}
	return answer.Decode(e.body, e.version)
}

// Partitions returns how many partitions each of the topics has, 0 for those that
// do not exist. Topics of which the brokers do not say are left out.
func (c *Client) Partitions(ctx context.Context, topics []string) (map[string]int, error) {
	counts := make(map[string]int, len(topics))
	if len(topics) == 0 {
		return counts, nil
	}
	md, err := c.Metadata(ctx, topics)
	if err != nil {
		return nil, err
	}
	for _, t := range md.Topics {
		switch code := Code(t.ErrorCode); {
		case code == CodeOK, code == CodeLeaderNotAvailable, code.TopicGone():
			counts[t.Name] = len(t.Partitions)
		}
	}
	return counts, nil
}
