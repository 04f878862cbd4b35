package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kafka-import-bridge/internal/sandbox"
)

// keepRunning judges while the bridge goes on, and stops it at Ctrl-C.
func (d *demo) keepRunning(ctx context.Context) error {
	last, err := d.catchUp(ctx, func(r reading) bool { return r.lag == 0 })
	if err != nil {
		return d.explain(err)
	}
	verdict, err := d.judge(ctx, last.skipped)
	if err != nil {
		return d.explain(err)
	}
	judged := errors.Join(d.conclude(verdict), d.verify(ctx))
	if err := d.goOn(ctx); err != nil {
		return d.explain(err)
	}
	if exit := d.bridge.stop(stopBudget); exit != 0 {
		return d.explain(fmt.Errorf("the bridge exited with %d", exit))
	}
	return judged
}

// goOn lets few records come, without end, until the context or the bridge ends.
func (d *demo) goOn(ctx context.Context) error {
	d.judged.Store(true)
	feed, err := sandbox.NewFeed(sandbox.FeedOptions{
		Brokers: []string{d.world.kafka.Addr()}, Rate: keptRate, Seed: d.opts.seed + 1, OddShare: 0.005,
	})
	if err != nil {
		return err
	}
	settings, err := d.writeSettings()
	if err != nil {
		return err
	}
	d.screen.printf("\nask it       (set -a; . %s; %s record %s/0@0)   and verify, import, check\n", settings, d.opts.bridge, sandbox.SampleTopics()[0])
	d.screen.printf("still running, with %d records a second; status page %s/, Ctrl-C ends it\n", keptRate, d.bridge.url)
	feeding, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- feed.Run(feeding) }() // ends with feeding; received below
	select {
	case <-ctx.Done():
	case <-d.bridge.process.Done():
	}
	cancel()
	return <-done
}

// writeSettings writes the bridge's settings into a file that a shell can read, for
// its other commands, and returns the file's name.
func (d *demo) writeSettings() (string, error) {
	var text strings.Builder
	for _, setting := range d.bridge.settings {
		name, value, _ := strings.Cut(setting, "=")
		fmt.Fprintf(&text, "%s='%s'\n", name, value)
	}
	name := filepath.Join(d.opts.dir, "bridge.env")
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		return "", fmt.Errorf("write settings: %w", err)
	}
	return name, nil
}
