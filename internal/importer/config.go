package importer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
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

// Config says where the API is and how patient the client may be. Zero values
// of the fields with a default take it.
type Config struct {
	// BaseURL is the API's address: https, or http to a loopback host or with
	// AllowInsecureHTTP. Its path has no escapes. Required.
	BaseURL *url.URL

	// Path of the create call, with {namespace} in it, or PathAuto.
	//
	// Default: PathAuto
	Path string

	// Key is sent as a Bearer token to BaseURL's host and nowhere else.
	// Required.
	Key KeySource

	// Headers returns further headers for requests to BaseURL's host, with
	// canonical names; it is asked for each request, from any goroutine, and the
	// map must not change. What the client sets itself wins over them. Their
	// values are never shown.
	//
	// Default: none
	Headers func() http.Header

	Patience
	Network

	// AllowInsecureHTTP permits plain http to hosts other than loopback, for
	// the API and for upload URLs.
	AllowInsecureHTTP bool

	// UserAgent is sent with every request.
	//
	// Default: kafka-import-bridge
	UserAgent string

	// Now is the wall clock. It is read only where another machine's clock has
	// to be compared with ours and did not say its own time; waiting uses the
	// monotonic clock.
	//
	// Default: time.Now
	Now func() time.Time

	// Log receives what concerns the process and not one attempt: that the API
	// knows the create call by its other name, say.
	//
	// Default: nothing is logged
	Log *slog.Logger

	// Rand returns a number in [0, 1) for jitter, from any goroutine.
	//
	// Default: rand.Float64
	Rand func() float64
}

// Patience says how long the client waits for an answer, and after a failure.
type Patience struct {
	// CreateTimeout bounds one POST, its answer included.
	//
	// Default: 30s
	CreateTimeout time.Duration

	// UploadTimeout bounds one PUT up to its answer's header.
	//
	// Default: 5m
	UploadTimeout time.Duration

	// ProgressTimeout ends a PUT whose body made no progress for that long. Too
	// small, and a busy store's pauses look like faults; too large, and a dead
	// connection keeps an upload slot. Once the body is out, the answer may
	// take answerPatience times as long.
	//
	// Default: 30s
	ProgressTimeout time.Duration

	// MinBackoff and MaxBackoff bound the delay asked for after a failure; see
	// Backoff.
	//
	// Default: 500ms and 30s
	MinBackoff, MaxBackoff time.Duration
}

// Network says how connections are made.
type Network struct {
	// RootCAs verify the API and the store. nil means the system's.
	RootCAs *x509.CertPool

	// MaxConns bounds the idle connections kept per host. Connections in use
	// are as many as attempts.
	//
	// Default: 16
	MaxConns int

	// Proxy chooses a request's proxy.
	//
	// Default: http.ProxyFromEnvironment
	Proxy func(*http.Request) (*url.URL, error)

	// DialContext opens connections; tests use networks in memory.
	//
	// Default: a net.Dialer with dialTimeout
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// withDefaults returns a copy of the configuration without zero values.
func (c Config) withDefaults() Config {
	setDefault(&c.Path, PathAuto)
	setDefault(&c.CreateTimeout, 30*time.Second)
	setDefault(&c.UploadTimeout, 5*time.Minute)
	setDefault(&c.ProgressTimeout, 30*time.Second)
	setDefault(&c.MinBackoff, 500*time.Millisecond)
	setDefault(&c.MaxBackoff, 30*time.Second)
	setDefault(&c.UserAgent, "kafka-import-bridge")
	setDefault(&c.MaxConns, 16)
	if c.Proxy == nil {
		c.Proxy = http.ProxyFromEnvironment
	}
	if c.DialContext == nil {
		c.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Headers == nil {
		c.Headers = func() http.Header { return nil }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate reports every fault at once.
func (c Config) validate() error {
	var faults []error
	switch {
	case c.BaseURL == nil:
		faults = append(faults, errors.New("check base URL: it is missing"))
	case c.BaseURL.RawQuery != "" || c.BaseURL.Fragment != "":
		faults = append(faults, errors.New("check base URL: it must have no query and no fragment"))
	case c.BaseURL.RawPath != "":
		faults = append(faults, errors.New("check base URL: its path must have no escapes"))
	default:
		if err := checkTarget(c.BaseURL, c.AllowInsecureHTTP); err != nil {
			faults = append(faults, fmt.Errorf("check base URL: %w", err))
		}
	}
	if c.Path != PathAuto && (!strings.HasPrefix(c.Path, "/") || !strings.Contains(c.Path, namespaceMark) || strings.ContainsAny(c.Path, "?#%")) {
		faults = append(faults, fmt.Errorf("check path: it must begin with / and contain %s, unescaped and without query", namespaceMark))
	}
	if c.Key == nil {
		faults = append(faults, errors.New("check key: it is missing"))
	}
	if c.MinBackoff < 0 || c.MaxBackoff < c.MinBackoff {
		faults = append(faults, errors.New("check backoff: the largest must not be below the smallest"))
	}
	if c.CreateTimeout < 0 || c.UploadTimeout < 0 || c.ProgressTimeout < 0 || c.MaxConns < 0 {
		faults = append(faults, errors.New("check limits: negative"))
	}
	return errors.Join(faults...)
}

// checkTarget says why a URL may not be called; its error never shows the URL.
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
