package importer

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

const (
	// badAnswers is how many answers of 5xx in a row a connection may bring: the
	// one server behind it may be ill while others behind the same name are well.
	badAnswers = 2

	// maxConnAge is how long a connection is kept at most, so that work spreads
	// over servers that came later, and leaves those that are to go.
	maxConnAge = 5 * time.Minute
)

// A pool keeps the connections to the API, or those to the stores.
type pool struct{ *http.Transport }

// leave notes what a trip's connection has answered, once the answer is read. If
// the connection is to be used no more, all that are idle are closed with it:
// they are likely as old, and lead to the same server.
func (p pool) leave(t *trip, status int) {
	if t.conn != nil && t.conn.spent(status) {
		p.CloseIdleConnections()
	}
}

// A trip is one request on its way.
type trip struct {
	conn    *patientConn // that took it last; set by RoundTrip's own goroutine
	reached atomic.Bool  // its header was written to a connection
}

// traced returns a context by which the transport reports to the trip.
func (t *trip) traced(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(info httptrace.GotConnInfo) { t.conn = patientOf(info.Conn) },
		WroteHeaders: func() { t.reached.Store(true) },
	})
}

// patientOf finds the connection under TLS, nil if it is not one of ours.
func patientOf(conn net.Conn) *patientConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	patient, _ := conn.(*patientConn)
	return patient
}
