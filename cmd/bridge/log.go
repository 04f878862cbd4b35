package main

import (
	"io"
	"log/slog"

	"kafka-import-bridge/internal/config"
)

// newLogger returns the program's logger.
func newLogger(w io.Writer, settings config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: settings.Level}
	if settings.Format == config.LogText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}
