package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/record"
)

// checkOptions are the flags of `bridge check`.
type checkOptions struct {
	namespace string // ask the API for an upload URL of this namespace; "" asks for none
	sample    int    // read so many records of each topic; 0 reads none
	json      bool   // one JSON object a line instead of text
}

// checkCommand is `bridge check`: it tries everything that run needs, and
// neither consumes nor imports.
func checkCommand(ctx context.Context, inv invocation) error {
	var options checkOptions
	set := inv.flags("check")
	set.StringVar(&options.namespace, "namespace", "", "also ask the import API for an upload URL of namespace `NAME`; nothing is uploaded")
	set.IntVar(&options.sample, "sample", 0, "also read `N` records of each topic, outside of the group, and tell what would become of them")
	set.BoolVar(&options.json, "json", false, "print JSON, one object a line")
	if err := inv.parse(set); err != nil {
		return err
	}
	if err := options.validate(); err != nil {
		fmt.Fprintf(inv.stderr, "bridge check: %v\n", err)
		return errUsage
	}
	cfg, err := inv.loadConfig()
	if err != nil {
		return err
	}
	return checkBridge(ctx, cfg, options, inv, newLogger(inv.stderr, cfg.Log))
}

func (o checkOptions) validate() error {
	if o.sample < 0 {
		return errors.New("-sample wants a number of records that is not negative")
	}
	if o.namespace != "" && !record.ValidNamespace(o.namespace) {
		return fmt.Errorf("-namespace wants letters, digits, '_' and '-', not %q", o.namespace)
	}
	return nil
}

// checkBridge prints one line for each thing it tries, and returns errReported
// if any of them failed.
func checkBridge(ctx context.Context, cfg *config.Config, options checkOptions, inv invocation, logger *slog.Logger) error {
	return errors.New("check bridge: not wired yet")
}
