package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of the servers. A scrape or a status of a thousand partitions takes
// milliseconds; a client that needs longer than these is gone or hostile.
const (
	readHeaderTimeout = 5 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 90 * time.Second
	maxHeaderBytes    = 16 << 10

	// closeTimeout is what requests under way get once Run's context has ended.
	closeTimeout = 2 * time.Second
	// statusTimeout is what the owner of the state gets to answer.
	statusTimeout = 2 * time.Second
)

// Config says which data a Server shows, and where it listens. Every field but Version
// is required.
type Config struct {
	// Addr is the address to listen on, as for [net.Listen]: ":8080".
	Addr string

	// Gatherer yields the metrics. A collector that fails hides its own
	// metrics only: the others are served and the fault is logged.
	Gatherer prometheus.Gatherer

	// Status asks the owner of the state for a snapshot that encoding/json can
	// encode. It must return when ctx ends; the snapshot belongs to the caller.
	Status func(ctx context.Context) (any, error)

	// Sample returns the figures of this moment for the history that the page
	// draws; At is set by the server. It must return when ctx ends.
	Sample func(ctx context.Context) (Point, error)

	// Healthy returns an error only if restarting the process would help.
	Healthy func() error

	// Ready returns an error while the process is no member of its group.
	Ready func() error

	// Logger takes what goes wrong inside the server.
	Logger *slog.Logger

	// Version is shown on the page until the first status has arrived.
	Version string
}

// Server serves the admin address. Make it with [Listen].
type Server struct {
	http    *http.Server
	history *history
	ln      net.Listener
}

// Listen binds the address, so that a taken port is an error before anything
// else has started. It serves nothing before Run.
func Listen(ctx context.Context, c Config) (*Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Addr, err)
	}
	h := &history{sample: c.Sample}
	return &Server{http: newHTTPServer(newHandler(c, h), c.Logger), history: h, ln: ln}, nil
}

func newHTTPServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readHeaderTimeout, // no request here has a body
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// Addr returns the bound address.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Run serves until ctx ends, which is no error, or until the listener fails. It
// gives the requests under way two seconds to end, then cuts them. A server
// cannot be run again.
func (s *Server) Run(ctx context.Context) error {
	sampling, stop := context.WithCancel(ctx)
	sampled := make(chan struct{})
	go func() { // ends by stop, or by ctx
		defer close(sampled)
		s.history.run(sampling)
	}()
	defer func() {
		stop()
		<-sampled
	}()
	return serve(ctx, s.http, s.ln)
}

// serve runs srv on ln until ctx ends and joins the goroutine that it starts.
func serve(ctx context.Context, srv *http.Server, ln net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }() // ends by Shutdown or Close below
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := srv.Shutdown(deadline); err != nil {
		_ = srv.Close() // cuts what did not end in time; nothing is lost by it
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}
