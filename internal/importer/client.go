package importer

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// Client makes attempts. It is safe for concurrent use.
type Client struct {
	cfg       Config
	transport *http.Transport
	metrics   *metrics

	// noExpect is set once a store has answered 417: from then on bodies are
	// sent without asking first.
	noExpect atomic.Bool
}

// New makes a client; it opens no connection. Metrics are registered with reg,
// which may be nil.
func New(cfg Config, reg prometheus.Registerer) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure importer: %w", err)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("register importer metrics: %w", err)
	}
	return &Client{cfg: cfg, transport: newTransport(cfg), metrics: m}, nil
}

// Close ends the idle connections. Attempts must have returned.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Attempt tries once to store the import: it asks for an upload URL if there is
// no usable one, then PUTs the body. It returns after the last read of the body.
//
// guard is called before the POST, before the PUT and, from another goroutine,
// at each read of the body; its error cancels the attempt. nil means none.
func (c *Client) Attempt(ctx context.Context, i *Import, guard func() error) Outcome {
	i.attempts++
	if i.upload != nil && !i.usable() {
		i.dropURL()
	}
	if i.upload == nil {
		if out := c.create(ctx, i, guard); out.Class != Stored {
			return out
		}
	}
	return c.put(ctx, i, guard)
}

// Create only asks for an upload URL, which the import keeps for the next
// Attempt. Stored then means that the URL is there. See Attempt for guard.
func (c *Client) Create(ctx context.Context, i *Import, guard func() error) Outcome {
	i.attempts++
	return c.create(ctx, i, guard)
}
