package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func testConfig() Config {
	return Config{
		Addr:     "127.0.0.1:0",
		Gatherer: prometheus.NewRegistry(),
		Status:   func(context.Context) (any, error) { return map[string]string{"state": "running"}, nil },
		Sample:   func(context.Context) (Point, error) { return Point{RecordsUploaded: 7}, nil },
		Healthy:  func() error { return nil },
		Ready:    func() error { return nil },
		Logger:   discard(),
		Version:  "v1.2.3",
	}
}

func TestServer_servesUntilItsContextEndsAndLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t)
	s, err := Listen(t.Context(), testConfig())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()

	if got := get(t, "http://"+s.Addr()+"/healthz"); got != "ok\n" {
		t.Errorf("/healthz = %q", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if _, err := (&net.Dialer{Timeout: time.Second}).DialContext(t.Context(), "tcp", s.Addr()); err == nil {
		t.Error("the address still answers after Run")
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := fetch(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// fetch asks on a connection of its own, which it leaves closed behind it.
func fetch(url string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
}

func TestServer_cutsARequestThatOutlivesTheDeadline(t *testing.T) {
	defer goleak.VerifyNone(t)
	entered := make(chan struct{})
	c := testConfig()
	release := make(chan struct{})
	c.Healthy = func() error { close(entered); <-release; return nil }
	s, err := Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	asked := make(chan error, 1)
	go func() {
		resp, err := fetch("http://" + s.Addr() + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
		}
		asked <- err
	}()
	<-entered
	start := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if took := time.Since(start); took > closeTimeout+20*time.Second {
		t.Errorf("Run took %v to end", took)
	}
	if err := <-asked; err == nil {
		t.Error("the stuck request got an answer")
	}
	close(release)
}

func TestServer_listenFailsOnATakenPort(t *testing.T) {
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	c := testConfig()
	c.Addr = taken.Addr().String()
	if _, err := Listen(t.Context(), c); err == nil || !strings.Contains(err.Error(), c.Addr) {
		t.Fatalf("Listen = %v, want an error that names %s", err, c.Addr)
	}
}

func TestServePprof_refusesEverythingButLoopback(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "192.0.2.1:6060", "[::]:0", "example.com:6060", "", "127.0.0.1"} {
		if err := ServePprof(t.Context(), addr); err == nil {
			t.Errorf("ServePprof(%q) served", addr)
		}
	}
}

func TestServePprof_endsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, addr := range []string{"127.0.0.1:0", "localhost:0", "LOCALHOST:0"} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := ServePprof(ctx, addr); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ServePprof(%q) = %v", addr, err)
		}
	}
}
