package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// noContent is the policy of everything but the page: even if a browser is
// talked into rendering an answer, nothing in it runs or loads.
const noContent = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// newHandler routes the whole admin address. The patterns answer 405 to methods
// other than GET and HEAD, and 404 to every other path.
func newHandler(c Config, h *history) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(c.Gatherer, c.Logger))
	mux.HandleFunc("GET /healthz", probe(c.Healthy))
	mux.HandleFunc("GET /readyz", probe(c.Ready))
	mux.HandleFunc("GET /status", statusHandler(c.Status))
	mux.Handle("GET /history", h)
	mux.Handle("GET /{$}", newPage(c.Version))
	return secure(mux)
}

// secure sets the headers that every answer carries; the page replaces the
// content policy by its own.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", noContent)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		next.ServeHTTP(w, r)
	})
}

// metricsHandler serves text, OpenMetrics and, to whoever asks for protobuf,
// native histograms.
func metricsHandler(g prometheus.Gatherer, logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(g, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorHandling:     promhttp.ContinueOnError,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelError),
	})
}

// probe answers 200 and "ok", or 503 and the error's text.
func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if err := check(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprintln(w, err)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}

// statusHandler answers the owner's snapshot, or 503 and {"error": …} when the
// owner gives none in time or one that cannot be encoded.
func statusHandler(status func(context.Context) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), statusTimeout)
		defer cancel()
		code := http.StatusOK
		body, err := encodeStatus(status(ctx))
		if err != nil {
			code = http.StatusServiceUnavailable
			body, _ = encodeStatus(map[string]string{"error": err.Error()}, nil) // strings always encode
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write(body)
	}
}

func encodeStatus(v any, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("ask for the status: %w", err)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the status: %w", err)
	}
	return b.Bytes(), nil
}
