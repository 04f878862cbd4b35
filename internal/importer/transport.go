package importer

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"
)

const (
	dialTimeout      = 10 * time.Second // also of the TLS handshake
	continueTimeout  = time.Second      // for the store's 100 Continue
	idleTimeout      = 55 * time.Second // below the minute after which load balancers close
	maxHeaderBytes   = 64 << 10         // of an answer
	maxAnswerBytes   = 64 << 10         // read of an answer's body
	writeBufferBytes = 64 << 10
)

// newPool makes a pool, of which there are two: trouble with the store closes no
// connection to the API. RoundTrip is called directly: there is no http.Client,
// so no redirect is ever followed, no cookie kept, and no error wrapped together
// with its URL.
//
// HTTP/1.1 only, for the API too: stores speak it, its connections fail one by
// one where one dead HTTP/2 connection stalls every namespace, and there is just
// one create call per batch.
func newPool(cfg Config) pool {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return pool{&http.Transport{
		Protocols:              protocols,
		Proxy:                  cfg.Proxy,
		DialContext:            patientDial(cfg.DialContext),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    dialTimeout,
		ExpectContinueTimeout:  continueTimeout,
		IdleConnTimeout:        idleTimeout,
		MaxIdleConnsPerHost:    cfg.MaxConns,
		MaxResponseHeaderBytes: maxHeaderBytes,
		WriteBufferSize:        writeBufferBytes,
		DisableCompression:     true, // so nothing is ever inflated
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return proxyError{answer.StatusCode}
			}
			return nil
		},
	}}
}

type dialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

func patientDial(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return newPatientConn(conn), nil
	}
}
