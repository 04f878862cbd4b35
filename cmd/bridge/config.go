package main

import (
	"context"
	"flag"
	"fmt"

	"kafka-import-bridge/internal/config"
)

// configCommand prepares `bridge config`, which prints every setting, or with -markdown
// docs/settings.md.
func configCommand(set *flag.FlagSet) action {
	markdown := set.Bool("markdown", false, "print docs/settings.md instead, and read no configuration")
	return func(_ context.Context, inv invocation) error {
		if *markdown {
			_, err := fmt.Fprint(inv.stdout, config.Markdown())
			return err
		}
		cfg, err := inv.config()
		if err != nil {
			return err
		}
		return cfg.Describe(inv.stdout)
	}
}
