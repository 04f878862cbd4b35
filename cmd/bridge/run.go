package main

import (
	"context"
	"errors"
	"log/slog"

	"kafka-import-bridge/internal/config"
)

// runCommand is `bridge run`: it bridges until it is told to stop.
func runCommand(ctx context.Context, inv invocation) error {
	if err := inv.parse(inv.flags("run")); err != nil {
		return err
	}
	cfg, err := inv.loadConfig()
	if err != nil {
		return err
	}
	return runBridge(ctx, cfg, newLogger(inv.stderr, cfg.Log))
}

// runBridge builds the rooms and runs them until the context ends, a signal
// arrives or one of them fails.
func runBridge(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	return errors.New("run bridge: not wired yet")
}
