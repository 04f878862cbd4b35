package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/wire"
)

// anyBroker sends a call to whichever broker answers first.
const anyBroker int32 = -1

// Metadata asks for the brokers and the topics, nil meaning all topics. It asks
// a broker each time, never a cache, and creates no topic. Errors of single
// topics are in the answer.
func (c *Client) Metadata(ctx context.Context, topics []string) (*wire.MetadataResponse, error) {
	answer := new(wire.MetadataResponse)
	if err := c.Ask(ctx, anyBroker, &wire.MetadataRequest{Topics: topics}, answer); err != nil {
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

// Fetch reads from one leader, in version 13 if the broker offers it and every topic's
// id is given, else in 12 or 11. The answer names every topic. Errors of single
// partitions are in it.
//
// alloc is called when the answer's size is known and before any of it is read, and
// again if the request has to be sent again; the answer lies in the first n bytes of
// what it returned last. Where that is less, only the answer's beginning is read, and
// the connection is given up. alloc may block (the sender waits), must return soon
// after ctx ends, and its error is returned. Once Fetch has returned with an error,
// nothing touches that memory any more. Without alloc the memory is new.
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

// exchange carries out e.
func (c *Client) exchange(ctx context.Context, broker int32, e *exchange) error {
	return withCode(c.attempt(ctx, broker, e))
}

func (c *Client) attempt(ctx context.Context, broker int32, e *exchange) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.ctx, e.given = ctx, false
	e.setUp = time.AfterFunc(c.config.DialTimeout+c.config.CallTimeout, func() { cancel(context.DeadlineExceeded) })
	defer e.setUp.Stop()

	var err error
	if broker == anyBroker {
		_, err = c.transport.RoundTrip(ctx, c.addr, e)
	} else {
		_, err = c.transport.RoundTrip(ctx, c.addr, brokerExchange{exchange: e, broker: broker})
	}
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	cancel(err)
	e.abandon()
	if cause != nil {
		return cause
	}
	return err
}
