package kafka

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"kafka-import-bridge/internal/wire"
)

// The receivers of calls that each broker can answer.
const (
	anyBroker  int32 = -1 // the one that has answered such a call before, if it still does
	nextBroker int32 = -2 // another one each time
)

// toBroker is a message for one broker where kafka-go would choose: it sends what any
// broker can answer to the configured addresses only, and looks for a group's coordinator
// there.
type toBroker struct {
	protocol.Message
	broker int32
	turn   uint32 // which one is any broker, see anyOf
}

var (
	_ protocol.BrokerMessage = toBroker{}
	_ protocol.RawExchanger  = toBroker{}
)

// Broker implements protocol.BrokerMessage.
func (t toBroker) Broker(known protocol.Cluster) (protocol.Broker, error) {
	if t.broker < 0 {
		return anyOf(known, t.turn), nil
	}
	b, ok := known.Brokers[t.broker]
	if !ok {
		return b, errUnknownBroker
	}
	return b, nil
}

// anyOf takes turns among the known brokers and the configured addresses, which come
// first and are -1 to kafka-go.
func anyOf(known protocol.Cluster, turn uint32) protocol.Broker {
	ids := append([]int32{-1}, slices.Sorted(maps.Keys(known.Brokers))...)
	return protocol.Broker{ID: ids[int(turn)%len(ids)]}
}

// Required implements protocol.RawExchanger.
func (t toBroker) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (t toBroker) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	return rw.(*protocol.Conn).RoundTrip(t.Message)
}

// errUnknownBroker says that kafka-go's table of brokers lacks one. It is asked for
// again every layoutTTL.
var errUnknownBroker = fmt.Errorf("broker has no known address: %w", CodeBrokerNotAvailable)

// send sends a message to a broker and waits for the answer. After a call to any
// broker that has failed the next one goes to another broker: a cluster is not away
// because the configured addresses are.
func (c *Client) send(ctx context.Context, broker int32, m protocol.Message) (protocol.Message, error) {
	turn := c.turn.Load()
	if broker == nextBroker {
		turn = c.round.Add(1) - 1
	}
	answer, err := c.transport.RoundTrip(ctx, c.addr, toBroker{m, broker, turn})
	if err != nil && broker == anyBroker {
		c.turn.CompareAndSwap(turn, turn+1)
	}
	return answer, err
}

// roundTrip makes a call to a broker in the types of kafka-go.
func roundTrip[T kafkago.Response](ctx context.Context, c *Client, broker int32, r kafkago.Request) (answer T, err error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	response, err := c.send(ctx, broker, r)
	if err != nil {
		return answer, withCode(err)
	}
	answer, ok := response.(T)
	if !ok {
		return answer, fmt.Errorf("answer of type %T", response)
	}
	return answer, nil
}

// askCoordinator makes a call to the coordinator of a group, for which it asks each time.
func askCoordinator[T kafkago.Response](ctx context.Context, c *Client, group string, r kafkago.Request) (answer T, err error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	node, err := c.coordinator(ctx, group)
	if err != nil {
		return answer, err
	}
	return roundTrip[T](ctx, c, node, r)
}

// coordinator asks which broker coordinates a group.
func (c *Client) coordinator(ctx context.Context, group string) (int32, error) {
	var found wire.FindCoordinatorResponse
	err := c.Ask(ctx, anyBroker, &wire.FindCoordinatorRequest{Group: group}, &found)
	if err == nil {
		err = Code(found.ErrorCode).Err()
	}
	if err != nil {
		return 0, fmt.Errorf("find coordinator: %w", err)
	}
	return found.NodeID, nil
}
