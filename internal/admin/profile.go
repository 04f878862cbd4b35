package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"

	"kafka-import-bridge/internal/loopback"
)

// ServePprof serves profiles on addr until ctx ends. A heap profile holds pieces
// of records, so the address must be a loopback one ("127.0.0.1:6060",
// "localhost:6060"), and a request must name a loopback host, which keeps a web
// page whose name was pointed at 127.0.0.1 from reading it. It errs when addr is
// anything else or is taken. Profiles are on no other address.
func ServePprof(ctx context.Context, addr string) error {
	ln, err := listenLoopback(ctx, addr)
	if err != nil {
		return err
	}
	srv := newHTTPServer(pprofHandler(), slog.New(slog.DiscardHandler))
	srv.WriteTimeout = 0 // a CPU profile takes as long as its caller asks
	return serve(ctx, srv, ln)
}

func listenLoopback(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("serve profiles on %s: %w", addr, err)
	}
	// A resolver may give "localhost" any address: what counts is what was bound.
	if !isLoopback(ln.Addr().String()) {
		_ = ln.Close()
		return nil, fmt.Errorf("serve profiles on %s: %s is not a loopback address", addr, ln.Addr())
	}
	return ln, nil
}

// isLoopback reports whether hostport, with or without its port, names this
// machine only.
func isLoopback(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport
	}
	return loopback.Is(host)
}

func pprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return secure(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "profiles are served to loopback hosts only", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}
