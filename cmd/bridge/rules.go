package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/charts"
)

// rulesOptions are the flags of `bridge rules`.
type rulesOptions struct {
	rules    charts.Rules
	labels   string // as they are given: name=value,...
	disabled string // as they are given: name,...
}

// rulesCommand prepares `bridge rules`, which prints the chart's alerts as a file for a
// Prometheus that is configured by files.
func rulesCommand(set *flag.FlagSet) action {
	o := rulesOptions{rules: charts.Rules{Thresholds: charts.DefaultThresholds()}}
	t := &o.rules.Thresholds
	set.StringVar(&o.rules.Matchers, "matchers", "", `watch the series that these label `+"`MATCHERS`"+` select, as in job="bridge"; all by default`)
	set.DurationVar(&o.rules.BatchMaxAge, "batch-max-age", 30*time.Second, "`DURATION` of BRIDGE_BATCH_MAX_AGE, for which a record waits in peace; it is added to the times below")
	set.DurationVar(&t.Lag, "lag", t.Lag, "warn of records that are not committed after `DURATION`, while it grows")
	set.DurationVar(&t.Waiting, "waiting", t.Waiting, "warn of records in memory that no import has taken after `DURATION`")
	set.DurationVar(&t.Stalled, "stalled", t.Stalled, "alarm when nothing was imported for `DURATION`, though there is something to import")
	set.DurationVar(&t.RetentionLag, "retention-lag", t.RetentionLag, "alarm when Kafka may soon delete records that are older than `DURATION` and not imported")
	set.IntVar(&t.Rebalances, "rebalances", t.Rebalances, "warn of more than `N` rebalances in half an hour, not counting deployments")
	set.Float64Var(&t.MemoryPaused, "memory-paused", t.MemoryPaused, "warn when reading waits for memory for more than this `SHARE` of the time")
	set.StringVar(&o.rules.RunbookURL, "runbook-url", "", "link each alert to `URL`, with its name in lower case as the fragment")
	set.StringVar(&o.labels, "labels", "", "add these `LABELS` to each alert, as in team=data,tier=1")
	set.StringVar(&o.disabled, "disable", "", "leave out the alerts with these `NAMES`, comma-separated")
	return func(_ context.Context, inv invocation) error {
		if err := o.complete(); err != nil {
			return misuse{err}
		}
		_, err := io.WriteString(inv.stdout, "# Alerts of kafka-import-bridge, printed by bridge rules.\n"+o.rules.Text())
		return err
	}
}

var (
	labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	matchers  = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"([^"\\\n]|\\.)*"(,[a-zA-Z_][a-zA-Z0-9_]*(=|!=|=~|!~)"([^"\\\n]|\\.)*")*$`)
)

// complete reads the lists, and refuses what would make a file that Prometheus
// does not load or alerts that never fire.
func (o *rulesOptions) complete() error {
	if o.rules.Matchers != "" && !matchers.MatchString(o.rules.Matchers) {
		return fmt.Errorf(`-matchers wants label matchers such as job="bridge",region=~"eu-.+", not %q`, o.rules.Matchers)
	}
	t := o.rules.Thresholds
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"batch-max-age", o.rules.BatchMaxAge}, {"lag", t.Lag}, {"waiting", t.Waiting}, {"stalled", t.Stalled}, {"retention-lag", t.RetentionLag}} {
		if d.value < 0 {
			return fmt.Errorf("-%s must not be negative, it is %s", d.name, d.value)
		}
	}
	if t.Rebalances < 0 {
		return fmt.Errorf("-rebalances must not be negative, it is %d", t.Rebalances)
	}
	if t.MemoryPaused < 0 || t.MemoryPaused > 1 {
		return fmt.Errorf("-memory-paused wants a share between 0 and 1, not %v", t.MemoryPaused)
	}
	o.rules.Labels = map[string]string{}
	for _, label := range list(o.labels) {
		name, value, ok := strings.Cut(label, "=")
		if !ok || !labelName.MatchString(name) || name == "severity" || name == "alertname" {
			return fmt.Errorf("-labels wants name=value,... with names other than severity and alertname, not %q", label)
		}
		o.rules.Labels[name] = value
	}
	for _, name := range list(o.disabled) {
		if !slices.Contains(charts.AlertNames(), name) {
			return fmt.Errorf("-disable wants names of alerts, not %q: they are %s", name, strings.Join(charts.AlertNames(), ", "))
		}
		o.rules.Disabled = append(o.rules.Disabled, name)
	}
	return nil
}

// list splits comma-separated words.
func list(text string) []string {
	var words []string
	for word := range strings.SplitSeq(text, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}
