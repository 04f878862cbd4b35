package auth

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/xdg-go/scram"
)

// plainMechanism is SASL PLAIN. Unlike kafka-go's it asks for the password again
// whenever a connection authenticates.
type plainMechanism struct{ auth Config }

// Name implements [sasl.Mechanism].
func (m plainMechanism) Name() string { return MechanismPlain }

// Start implements [sasl.Mechanism].
func (m plainMechanism) Start(ctx context.Context) (sasl.StateMachine, []byte, error) {
	return plain.Mechanism{Username: m.auth.Username, Password: m.auth.Password()}.Start(ctx)
}

// scramMechanism is SASL SCRAM (RFC 5802) as Kafka speaks it: user name and
// password are taken as they are. Kafka's brokers, its tools and its Java client
// do not prepare them by SASLprep (RFC 4013), which would turn "pass²" into
// "pass2", and which kafka-go's mechanism does. The password is asked for again
// whenever a connection authenticates.
type scramMechanism struct{ auth Config }

// Name implements [sasl.Mechanism].
func (m scramMechanism) Name() string { return m.auth.Mechanism }

// Start implements [sasl.Mechanism].
func (m scramMechanism) Start(context.Context) (sasl.StateMachine, []byte, error) {
	hash := scram.SHA256
	if m.auth.Mechanism == MechanismScramSHA512 {
		hash = scram.SHA512
	}
	client, err := hash.NewClientUnprepped(m.auth.Username, m.auth.Password(), "")
	if err != nil {
		return nil, nil, fmt.Errorf("prepare %s", m.auth.Mechanism) // the cause could repeat the password
	}
	exchange := scramExchange{client.NewConversation()}
	_, first, err := exchange.Next(context.Background(), nil)
	return exchange, first, err
}

// scramExchange is the exchange of one connection.
type scramExchange struct{ *scram.ClientConversation }

// Next implements [sasl.StateMachine].
func (x scramExchange) Next(_ context.Context, challenge []byte) (bool, []byte, error) {
	answer, err := x.Step(string(challenge))
	return x.Done(), []byte(answer), err
}
