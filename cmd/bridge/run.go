package main

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	actors "github.com/oklog/run"

	"kafka-import-bridge/internal/admin"
	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/consumer"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/follow"
	"kafka-import-bridge/internal/logging"
	"kafka-import-bridge/internal/outbox"
)

// runCommand is `bridge run`: it bridges until it is told to stop.
func runCommand(*flag.FlagSet) action {
	return func(ctx context.Context, inv invocation) error {
		cfg, err := inv.loadConfig()
		if err != nil {
			return err
		}
		outliveReaders()
		tellDropped(inv.stderr, cfg.Log)
		return runBridge(ctx, cfg, inv.stderr)
	}
}

// errInsisted is how a second signal ends the program.
var errInsisted = errors.New("stopped by a second signal before everything was stored")

// runBridge builds the rooms and runs them until the context ends, a signal
// arrives or one of them fails. The first signal begins the drain, during which
// metrics and status are still served; the second ends it.
func runBridge(ctx context.Context, cfg *config.Config, stderr *logging.Writer) error {
	logger := newLogger(stderr, cfg.Log)
	settleLimits(cfg, logger)
	b := currentBuild()
	registry := admin.NewRegistry(b.Version, b.Revision)
	stderr.Register(registry)
	roots, err := rootCAs(cfg.API.CAFile)
	if err != nil {
		return err
	}
	imports := importClient(cfg, roots, registry, logger)
	client, err := kafkaClient(ctx, cfg, roots)
	if err != nil {
		return err
	}
	metrics := report.NewMetrics(registry, cfg.HTTP.MetricsMaxNamespaces)
	out, err := newReceipts(ctx, cfg, roots, outbox.NewMetrics(registry), metrics.ThrottledFor, logger)
	if err != nil {
		return err
	}
	follower := newFollower(cfg, imports, out, follow.NewMetrics(registry, metrics.Label), logger)
	asked := decode.NewMetrics(registry) // their series exist without a registry, too
	asked.Refused = func(refused bool) { metrics.Refused("registry", refused) }
	schemas, err := schemaCache(cfg, roots, asked)
	if err != nil {
		return err
	}
	settings := consumerConfig(cfg)
	settings.Schemas = schemas
	bridge, err := consumer.New(settings, process.Dependencies{
		Client: client, Importer: importing{imports}, Log: logger,
		Metrics: metrics, Stored: follower.Stored, Receipts: out.session,
	})
	if err != nil {
		return err
	}
	server, err := admin.Listen(ctx, admin.Config{
		Addr: cfg.HTTP.Addr, Gatherer: registry, Logger: logger, Version: b.Version,
		Healthy: bridge.Healthy, Ready: bridge.Ready, Sample: sampling(bridge),
		Status: func(ctx context.Context) (any, error) {
			st, err := bridge.Status(ctx)
			if err != nil {
				return nil, err
			}
			st.Version, st.ImportPath = b.Version, imports.Path()
			return status{st, follower.Report(), out.report()}, nil
		},
	})
	if err != nil {
		return err
	}
	logger.Info("bridge starts", "version", b.Version, "revision", b.Revision, "group", cfg.Kafka.GroupID, "http_addr", server.Addr())
	background := []func(context.Context) error{server.Run, follower.Run}
	if out.run != nil {
		background = append(background, out.run)
	}
	if schemas != nil {
		background = append(background, schemas.Run)
	}
	if cfg.HTTP.PprofAddr != "" {
		background = append(background, func(ctx context.Context) error { return admin.ServePprof(ctx, cfg.HTTP.PprofAddr) })
	}
	if err := supervise(ctx, bridge, background, logger); err != nil {
		return err
	}
	logger.Info("bridge stopped")
	return nil
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

// sampling takes from the status what the page's history keeps.
func sampling(bridge *consumer.Consumer) func(context.Context) (admin.Point, error) {
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
func supervise(ctx context.Context, bridge *consumer.Consumer, background []func(context.Context) error, logger *slog.Logger) error {
	var group actors.Group
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()
	group.Add(func() error { return bridge.Run(work) }, func(error) { stopWork() })

	serve, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	for _, run := range background {
		group.Add(func() error { return run(serve) }, func(error) { stopServing() })
	}
	group.Add(func() error { return outliveTerminal(serve, logger) }, func(error) { stopServing() })

	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	insisted := make(chan error, 1)
	group.Add(func() error { return obey(serve, signals, stopWork, insisted, logger) }, func(error) { stopServing() })

	ended := make(chan error, 1)
	go func() { ended <- group.Run() }()
	select {
	case err := <-ended:
		return err
	case err := <-insisted: // nothing is waited for: the process ends
		return err
	}
}

// obey turns the first signal into the drain and the second into an error. A
// drain that a second signal cuts short is not waited for: the process exits.
func obey(ctx context.Context, signals <-chan os.Signal, stop func(), insisted chan<- error, logger *slog.Logger) error {
	select {
	case s := <-signals:
		logger.Info("stopping: storing what is open, then committing and leaving the group", "signal", s.String())
		stop()
	case <-ctx.Done():
		return nil
	}
	select {
	case <-signals:
		insisted <- errInsisted
		return errInsisted
	case <-ctx.Done():
		return nil
	}
}
