package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// Config says how to reach the brokers.
type Config struct {
	Brokers  []string // host:port; any that answers will do
	ClientID string
	SASL     sasl.Mechanism // nil: none

	// TLS returns the configuration of a connection that is being opened, which becomes the
	// connection's own; an empty ServerName becomes the broker's host. It is called by
	// several goroutines. nil: plaintext.
	TLS func() (*tls.Config, error)

	// DialTimeout bounds connecting, TLS and authentication together.
	//
	// Default: 10s.
	DialTimeout time.Duration

	// CallTimeout bounds each call whose context has no deadline, connecting
	// included. Too small and a busy broker looks dead; too large and a frozen
	// one is noticed late.
	//
	// Default: 10s.
	CallTimeout time.Duration

	// Explain turns an error of a broker into a sentence with its remedy; nil leaves it
	// as it is. It is never given nil, and may be called on any goroutine.
	Explain func(error) string

	// Dial opens the network connections; nil is a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client makes the calls to the brokers that the bridge needs. Each has a deadline, and
// none is repeated: what to do about a failure depends on the call. Safe for concurrent
// use; two calls in flight to one broker use two connections.
//
// Errors from a broker's answer are a Code (errors.As); others say that it
// could not be reached or asked.
type Client struct {
	config      Config
	conns       *connTracker
	transport   *kafkago.Transport
	addr        net.Addr
	correlation atomic.Int32
	turn, round atomic.Uint32 // which broker is any broker, and which one the next, see anyOf
}

// NewClient returns a client. It connects with the first call.
func NewClient(config Config) *Client {
	config.DialTimeout = cmp.Or(config.DialTimeout, 10*time.Second)
	config.CallTimeout = cmp.Or(config.CallTimeout, 10*time.Second)
	if config.Dial == nil {
		config.Dial = new(net.Dialer).DialContext
	}
	if config.Explain == nil {
		config.Explain = error.Error
	}
	c := &Client{
		config: config,
		conns:  newConnTracker(config),
		addr:   kafkago.TCP(config.Brokers...),
	}
	c.transport = c.newTransport([]string{}) // none, where nil would be all
	return c
}

// newTransport returns connections of their own. topics are those whose leaders kafka-go
// itself has to know, which are those that something is produced to: the client's own
// calls name the broker.
func (c *Client) newTransport(topics []string) *kafkago.Transport {
	return &kafkago.Transport{
		Dial:           c.conns.connect,
		DialTimeout:    c.config.DialTimeout,
		IdleTimeout:    idleTimeout,
		MetadataTTL:    layoutTTL,
		MetadataTopics: topics,
		ClientID:       c.config.ClientID,
		SASL:           c.config.SASL,
	}
}

// Config returns how the client reaches the brokers, with its defaults filled in.
func (c *Client) Config() Config { return c.config }

// Explain returns an error of a broker as a sentence, with its remedy where one is known.
func (c *Client) Explain(err error) string { return c.config.Explain(err) }

// layoutTTL is how old kafka-go's own table of broker addresses may become. Calls
// to a broker that is missing from it fail for as long.
const layoutTTL = 2 * time.Second

// idleTimeout is how long a connection is kept that nothing is asked on: shorter than
// the brokers and load balancers of managed clusters keep it, some of which close it
// after four minutes and let the next request fail.
const idleTimeout = 30 * time.Second

// Close closes every connection. Calls in flight and later ones fail.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.conns.close()
}

// bounded gives ctx the call timeout if it has no deadline of its own.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.config.CallTimeout)
}
