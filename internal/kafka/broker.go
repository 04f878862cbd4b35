package kafka

import (
	"fmt"
	"io"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"
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

// errUnknownBroker says that kafka-go's table of brokers lacks one.
var errUnknownBroker = fmt.Errorf("broker has no known address: %w", CodeBrokerNotAvailable)

// renewal makes kafka-go ask for the brokers again and wait for the answer: the
// transport does so after every answer of this type. Nothing is sent.
type renewal struct{}

// ApiKey implements protocol.Message.
func (renewal) ApiKey() protocol.ApiKey { return protocol.CreateTopics }

// Required implements protocol.RawExchanger.
func (renewal) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (renewal) RawExchange(io.ReadWriter) (protocol.Message, error) {
	return new(createtopics.Response), nil
}

var _ kafkago.Request = renewal{}
