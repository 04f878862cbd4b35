package importer

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/http1"
)

// Client makes imports and their calls. It is safe for concurrent use.
type Client struct {
	cfg       Config
	log       *slog.Logger
	userAgent http1.Field
	api       *http1.Client
	uploads   *http1.Client
	paths     *paths
	stores    stores
	toldMute  atomic.Bool // it was logged that the API cannot be asked
	metrics   *metrics
}

// New makes a client; it opens no connection. Metrics are registered with reg,
// which may be nil.
func New(cfg Config, reg prometheus.Registerer) *Client {
	cfg = cfg.withDefaults()
	return &Client{
		cfg: cfg, log: cfg.Log, userAgent: http1.Field{Name: "User-Agent", Value: cfg.UserAgent},
		api: newTransport(cfg), uploads: newTransport(cfg), paths: newPaths(cfg.Path), metrics: newMetrics(reg),
	}
}

// Close ends the idle connections. Attempts must have returned.
func (c *Client) Close() {
	c.api.Close()
	c.uploads.Close()
}

// Attempt tries once to store the import: it asks for an upload URL if there is
// no usable one, then PUTs the body. An import that may be stored already is
// asked about first, or repeated on condition that it is not. Attempt returns
// after the last read of the body.
//
// guard is called before each request and before each piece of the body, perhaps
// from another goroutine; its error cancels the attempt. nil means none.
func (i *Import) Attempt(ctx context.Context, guard func() error) Outcome {
	c := i.client
	i.attempts++
	if !i.url.usable() {
		c.giveUpURL(i)
	}
	if out, done := c.beforeRepeat(ctx, i, guard); done {
		return out
	}
	if i.url.link == nil {
		if out := c.create(ctx, i, guard); out.Class != Stored {
			return out
		}
	}
	if out, done := c.beforeNewURL(ctx, i, guard); done {
		return out
	}
	return c.put(ctx, i, guard)
}

// Create only asks for an upload URL, which the import keeps for the next
// Attempt. Stored then means that the URL is there. See Attempt for guard.
func (i *Import) Create(ctx context.Context, guard func() error) Outcome {
	return i.client.create(ctx, i, guard)
}

// Prepare is Create for an import whose turn comes after another one's: its URL
// is there when it does. A failure counts, and is paced, like one of its attempts.
// An import with a usable URL makes no call.
func (i *Import) Prepare(ctx context.Context, guard func() error) Outcome {
	if i.url.usable() {
		return Outcome{Class: Stored, Operation: OperationCreate, RequestID: i.requestID}
	}
	return i.client.create(ctx, i, guard)
}

// Drop gives up the import's upload URL, because no attempt will follow, or not soon. One
// to which nothing was sent is counted as unused; it lapses.
func (i *Import) Drop() { i.client.giveUpURL(i) }

// giveUpURL makes the import's next attempt ask for a new URL, and counts the old
// one if it was of no use.
func (c *Client) giveUpURL(i *Import) {
	if i.url.link != nil && !i.url.sent {
		c.metrics.unused.Inc()
	}
	i.giveUpURL()
}
