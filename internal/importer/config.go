package importer

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"kafka-import-bridge/internal/loopback"
)

// namespaceMark stands for the namespace in Config.Path.
const namespaceMark = "{namespace}"

// A KeySource holds the API key, and perhaps what Config.Headers returns. It must
// be safe for concurrent use.
type KeySource interface {
	// Value returns the current key.
	Value() string
	// Reload reads the credentials again from where they came, and reports
	// whether they changed. Its error must not show them.
	Reload() (changed bool, err error)
}

// Config says where the API is and how patient the client may be. Its values are
// those of settings, which are checked where they are read. BaseURL and Key are
// required; withDefaults says what the zero values of the others mean.
type Config struct {
	// BaseURL is the API's address: https, or http to a loopback host or with
	// AllowInsecureHTTP. Its path has no escapes.
	BaseURL *url.URL

	// Path of the create call, with {namespace} in it, or PathAuto.
	Path string

	// Key is sent as a Bearer token to BaseURL's host and nowhere else.
	Key KeySource

	// Headers returns further headers for requests to BaseURL's host, with
	// canonical names; it is asked for each request, from any goroutine, and the
	// map must not change. What the client sets itself wins over them. Their
	// values are never shown.
	Headers func() http.Header

	Patience
	Network

	// AllowInsecureHTTP permits plain http to hosts other than loopback, for
	// the API and for upload URLs.
	AllowInsecureHTTP bool

	// UserAgent is sent with every request.
	UserAgent string

	// Now is the wall clock. It is read only where another machine's clock has
	// to be compared with ours and did not say its own time; waiting uses the
	// monotonic clock.
	Now func() time.Time

	// Log receives what concerns the process and not one attempt: that the API
	// knows the create call by its other name, say.
	Log *slog.Logger

	// Rand returns a number in [0, 1) for jitter, from any goroutine.
	Rand func() float64
}

// Patience says how long the client waits for an answer, and after a failure.
type Patience struct {
	CreateTimeout time.Duration // bounds one POST, its answer included
	UploadTimeout time.Duration // bounds one PUT up to its answer's header

	// ProgressTimeout ends a PUT whose body made no progress for that long. Too
	// small, and a busy store's pauses look like faults; too large, and a dead
	// connection keeps an upload slot. Once the body is out, the answer may
	// take answerPatience times as long.
	ProgressTimeout time.Duration

	MinBackoff, MaxBackoff time.Duration // bound the delay asked for after a failure; see Backoff
}

// Network says how connections are made.
type Network struct {
	// RootCAs returns what verifies the API and the store; it is asked for each
	// connection, from any goroutine. nil means the system's.
	RootCAs func() *x509.CertPool

	// MaxConns is how many connections are wanted at the same time. So many idle ones
	// are kept, to the API and to all stores; those in use are as many as attempts.
	MaxConns int

	// Proxy chooses a URL's proxy, nil for none.
	Proxy func(*url.URL) (*url.URL, error)

	// DialContext opens connections; tests use networks in memory.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// withDefaults returns a copy of the configuration without zero values.
func (c Config) withDefaults() Config {
	c.Path, c.UserAgent = cmp.Or(c.Path, PathAuto), cmp.Or(c.UserAgent, "kafka-import-bridge")
	c.CreateTimeout, c.UploadTimeout = cmp.Or(c.CreateTimeout, 30*time.Second), cmp.Or(c.UploadTimeout, 5*time.Minute)
	c.ProgressTimeout, c.MaxConns = cmp.Or(c.ProgressTimeout, 30*time.Second), cmp.Or(c.MaxConns, 16)
	c.MinBackoff, c.MaxBackoff = cmp.Or(c.MinBackoff, 500*time.Millisecond), cmp.Or(c.MaxBackoff, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Proxy == nil {
		c.Proxy = proxyFromEnvironment()
	}
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	if c.RootCAs == nil {
		c.RootCAs = func() *x509.CertPool { return nil }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Headers == nil {
		c.Headers = func() http.Header { return nil }
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

// checkTarget says why an upload URL may not be called; its error never shows the URL.
func checkTarget(u *url.URL, allowInsecure bool) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("not an absolute https URL")
	case u.Hostname() == "" || u.Opaque != "":
		return errors.New("no host")
	case u.User != nil:
		return errors.New("user information in the URL")
	case u.Scheme == "http" && !allowInsecure && !loopback.Is(u.Hostname()):
		return errors.New("plain http to a host that is not loopback, which only BRIDGE_ALLOW_INSECURE_HTTP=true accepts")
	}
	return nil
}
