package main

import (
	"context"
	"fmt"

	"kafka-import-bridge/internal/config"
)

// configCommand is `bridge config`: it prints every setting, or with -markdown
// docs/settings.md.
func configCommand(_ context.Context, inv invocation) error {
	set := inv.flags("config")
	markdown := set.Bool("markdown", false, "print docs/settings.md and read no configuration")
	if err := inv.parse(set); err != nil {
		return err
	}
	if *markdown {
		_, err := fmt.Fprint(inv.stdout, config.Markdown())
		return err
	}
	cfg, err := inv.loadConfig()
	if err != nil {
		return err
	}
	return cfg.Describe(inv.stdout)
}
