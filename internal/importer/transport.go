package importer

import (
	"crypto/tls"
	"net/url"
	"sync"
	"time"

	"golang.org/x/net/http/httpproxy"

	"kafka-import-bridge/internal/http1"
)

const (
	dialTimeout    = 10 * time.Second
	maxAnswerBytes = 64 << 10 // read of an answer's body

	// minIdle is how many idle connections may be kept at least, for where uploads go
	// to many hosts in turn. One takes some 60 KB of memory.
	minIdle = 64
)

// newTransport makes the connections to the API, or those to the stores: trouble with
// the store closes no connection to the API.
//
// HTTP/1.1 only, for the API too: stores speak it, its connections fail one by
// one where one dead HTTP/2 connection stalls every namespace, and there is just
// one create call per batch.
func newTransport(cfg Config) *http1.Client {
	return http1.New(http1.Config{
		TLS:     func() *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs()} },
		Proxy:   cfg.Proxy,
		Dial:    cfg.DialContext,
		MaxIdle: max(cfg.MaxConns, minIdle),
	})
}

// proxyFromEnvironment reads the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY once, as
// net/http does.
var proxyFromEnvironment = sync.OnceValue(func() func(*url.URL) (*url.URL, error) {
	return httpproxy.FromEnvironment().ProxyFunc()
})
