package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/logging"
)

// logFlushTimeout bounds how long the process waits at its end for whoever reads
// standard error.
const logFlushTimeout = 2 * time.Second

// newLogger returns a logger that writes to w.
func newLogger(w io.Writer, settings config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: settings.Level}
	if settings.Format == config.LogText {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

// noticeDropped makes w write a line of the log in place of lines that it dropped, with
// their number.
func noticeDropped(w *logging.Writer, settings config.Log) {
	w.SetNotice(func(w io.Writer, dropped uint64) {
		newLogger(w, settings).Error("log lines are missing here: standard error was read too slowly or could not be written", "dropped", dropped)
	})
}

// ignoreBrokenPipes lets the process go on when the reader of its output is gone: a write
// to a broken pipe fails and does no more. It also silences the log of the standard
// library, where libraries may print what a server sent.
func ignoreBrokenPipes() {
	signal.Ignore(syscall.SIGPIPE)
	log.SetOutput(io.Discard)
}

// ignoreHangups keeps SIGHUP from ending the process until ctx ends.
func ignoreHangups(ctx context.Context, logger *slog.Logger) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-hangups:
			logger.Info("SIGHUP is ignored: a restart reads settings anew, and secrets in files are read again by themselves")
		case <-ctx.Done():
			return nil
		}
	}
}
