package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	actors "github.com/oklog/run"
	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/admin"
	"kafka-import-bridge/internal/consumer"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/outbox"
)

// runCommand prepares `bridge run`, which bridges until it is told to stop.
func runCommand(*flag.FlagSet) action {
	return func(ctx context.Context, inv invocation) error {
		// Before all else: until then a signal would kill, or pass process 1 of a container unnoticed.
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
		defer signal.Stop(signals)
		w, err := inv.wiring()
		if err != nil {
			return err
		}
		ignoreBrokenPipes()
		noticeDropped(inv.stderr, w.cfg.Log)
		return w.runBridge(ctx, signals, inv.stderr)
	}
}

// errSecondSignal ends the program when a second signal cuts the drain short.
var errSecondSignal = errors.New("stopped by a second signal before everything was stored")

// runBridge builds the rooms and runs them until the context ends, a signal
// arrives or one of them fails. The first signal begins the drain, during which
// metrics and status are still served; the second ends it.
func (w *wiring) runBridge(ctx context.Context, signals <-chan os.Signal, stderr *logging.Writer) error {
	cfg, b := w.cfg, currentBuild()
	logger := newLogger(stderr, cfg.Log)
	applyLimits(cfg, logger)
	registry := admin.NewRegistry(b.Version, b.Revision)
	stderr.Register(registry)
	p, err := w.parts(ctx, registry, logger)
	if err != nil {
		return err
	}
	server, err := admin.Listen(ctx, admin.Config{
		Addr: cfg.HTTP.Addr, Gatherer: registry, Logger: logger, Version: b.Version,
		Healthy: p.consumer.Healthy, Ready: p.consumer.Ready, Sample: historySample(p.consumer), Status: p.status,
	})
	if err != nil {
		return fmt.Errorf("BRIDGE_HTTP_ADDR: %w", err)
	}
	logger.Info("bridge starts", "version", b.Version, "revision", b.Revision, "group", cfg.Kafka.GroupID, "http_addr", server.Addr())
	background := append(p.background, server.Run)
	if cfg.HTTP.PprofAddr != "" {
		background = append(background, func(ctx context.Context) error {
			if err := admin.ServePprof(ctx, cfg.HTTP.PprofAddr); err != nil {
				return fmt.Errorf("BRIDGE_PPROF_ADDR: %w", err)
			}
			return nil
		})
	}
	if err := supervise(ctx, signals, p.consumer, background, logger); err != nil {
		return err
	}
	logger.Info("bridge stopped")
	return nil
}

// parts are what bridges, and what works for it.
type parts struct {
	consumer   *consumer.Consumer
	imports    *importer.Client
	follower   *follow.Follower
	receipts   *outbox.Outbox                // nil where none are wanted
	background []func(context.Context) error // what runs beside the consumer, for as long
}

// parts builds the parts. It starts nothing.
func (w *wiring) parts(ctx context.Context, registry prometheus.Registerer, logger *slog.Logger) (*parts, error) {
	cfg, settings := w.cfg, consumerConfig(w.cfg)
	p := &parts{imports: w.importClient(registry, logger)}
	client, err := w.kafkaClient(ctx)
	if err != nil {
		return nil, err
	}
	metrics := report.NewMetrics(registry, cfg.HTTP.MetricsMaxNamespaces)
	schemaMetrics := decode.NewMetrics(registry) // their series exist without a schema registry, too
	schemaMetrics.Refused = func(refused bool) { metrics.Refused("registry", refused) }
	if settings.Schemas, err = w.schemaCache(schemaMetrics); err != nil {
		return nil, err
	}
	if settings.Schemas != nil {
		p.background = append(p.background, settings.Schemas.Run)
	}
	dependencies := process.Dependencies{Client: client, Log: logger, Metrics: metrics}
	dependencies.NewImport = func(namespace string, body [][]byte, size int64) process.Import {
		return p.imports.NewImport(namespace, body, size)
	}
	box, writeReceipts, err := w.outbox(ctx, outbox.NewMetrics(registry), metrics.ThrottledFor, logger)
	if err != nil {
		return nil, err
	}
	var ends follow.Receipts
	if box != nil {
		p.receipts, dependencies.Receipts, ends = box, box, box
		p.background = append(p.background, writeReceipts)
	}
	var asker follow.Asker
	if cfg.Follow.Enabled {
		asker = p.imports
	}
	p.follower = follow.New(follow.Config{MaxAge: cfg.Follow.MaxAge, MaxImports: cfg.Follow.MaxImports}, asker, ends, logger, follow.NewMetrics(registry, metrics.Label))
	p.background = append(p.background, p.follower.Run)
	dependencies.Stored = p.follower.Stored
	p.consumer, err = consumer.New(settings, dependencies)
	return p, err
}

// status returns the answer of /status.
func (p *parts) status(ctx context.Context) (any, error) {
	st, err := p.consumer.Status(ctx)
	if err != nil {
		return nil, err
	}
	st.Version, st.ImportPath = currentBuild().Version, p.imports.Path()
	return status{st, p.follower.Report(), p.receipts.Report()}, nil
}

// status is the answer of /status.
type status struct {
	*report.Status
	importsReport
	receiptsReport
}

type (
	importsReport  = follow.Report
	receiptsReport = outbox.Report
)

// historySample returns the function that takes from the status what the page's history
// keeps.
func historySample(bridge *consumer.Consumer) func(context.Context) (admin.Point, error) {
	return func(ctx context.Context) (admin.Point, error) {
		st, err := bridge.Status(ctx)
		if err != nil {
			return admin.Point{}, err
		}
		p := admin.Point{
			RecordsConsumed: st.Totals.RecordsConsumed, RecordsUploaded: st.Totals.RecordsUploaded, BytesUploaded: st.Totals.BytesUploaded,
		}
		if len(st.Partitions) > 0 {
			p.LagRecords = new(int64)
		}
		for i := range st.Partitions {
			*p.LagRecords += st.Partitions[i].LagRecords
		}
		return p, nil
	}
}

// supervise runs the actors. The consumer's end is the program's: the others, which
// serve it and work for it until then, are interrupted.
func supervise(ctx context.Context, signals <-chan os.Signal, bridge *consumer.Consumer, background []func(context.Context) error, logger *slog.Logger) error {
	var group actors.Group
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	group.Add(func() error { return bridge.Run(work) }, func(error) { stopWork() })

	serve, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	for _, run := range background {
		group.Add(func() error { return run(serve) }, func(error) { stopServing() })
	}
	group.Add(func() error { return ignoreHangups(serve, logger) }, func(error) { stopServing() })

	second := make(chan error, 1)
	group.Add(func() error { return handleSignals(serve, signals, stopWork, second, logger) }, func(error) { stopServing() })

	ended := make(chan error, 1)
	go func() { ended <- group.Run() }()
	select {
	case err := <-ended:
		return err
	case err := <-second: // nothing is waited for: the process ends
		return err
	}
}

// handleSignals begins the drain at the first signal, and at the second sends an error
// and returns it. A drain that is cut short is not waited for: the process exits.
func handleSignals(ctx context.Context, signals <-chan os.Signal, stop func(), second chan<- error, logger *slog.Logger) error {
	select {
	case s := <-signals:
		logger.Info("stopping: storing what is open, then committing and leaving the group", "signal", s.String())
		stop()
	case <-ctx.Done():
		return nil
	}
	select {
	case <-signals:
		second <- errSecondSignal
		return errSecondSignal
	case <-ctx.Done():
		return nil
	}
}
