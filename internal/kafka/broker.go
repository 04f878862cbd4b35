package kafka

import (
	"fmt"

	"github.com/segmentio/kafka-go/protocol"
)

// brokerExchange is an exchange with one broker; a plain one goes to any.
type brokerExchange struct {
	*exchange
	broker int32
}

var _ protocol.BrokerMessage = brokerExchange{}

// Broker implements protocol.BrokerMessage.
func (e brokerExchange) Broker(known protocol.Cluster) (protocol.Broker, error) {
	b, ok := known.Brokers[e.broker]
	if !ok {
		return b, errUnknownBroker
	}
	return b, nil
}

// errUnknownBroker says that kafka-go's table of brokers lacks one. It is asked for
// again every layoutTTL.
var errUnknownBroker = fmt.Errorf("broker has no known address: %w", CodeBrokerNotAvailable)
