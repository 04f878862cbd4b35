package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"text/tabwriter"
	"time"

	"kafka-import-bridge/internal/config"
	"kafka-import-bridge/internal/verify"
)

// verifyOptions are the flags of `bridge verify`.
type verifyOptions struct {
	since string
	json  bool
}

// verifyCommand prepares `bridge verify`, which accounts for every record below the
// committed offsets.
func verifyCommand(set *flag.FlagSet) action {
	var options verifyOptions
	set.StringVar(&options.since, "since", "", "look at records since `TIME` only, as in 2026-11-01T00:00:00Z, or 24h for a day ago")
	set.BoolVar(&options.json, "json", false, "print one JSON object instead of text")
	return func(ctx context.Context, inv invocation) error {
		since, err := parseSince(options.since, time.Now())
		if err != nil {
			return misuse{err}
		}
		w, err := inv.wiring()
		if err != nil {
			return err
		}
		if w.cfg.Policies.ReceiptsTopic == "" {
			return &config.Fault{Variable: "BRIDGE_RECEIPTS_TOPIC", Problem: "bridge verify needs it: the receipts say what was imported", Remedy: "set BRIDGE_RECEIPTS_TOPIC"}
		}
		progress := newProgressLine(os.Stderr)
		var report *verify.Report
		err = w.audit(ctx, func(a *verify.Audit) (err error) {
			report, err = a.Verify(ctx, since, progress.draw)
			return err
		})
		progress.clear()
		if err != nil {
			return err
		}
		if err := printVerification(inv.stdout, report, options.json); err != nil {
			return err
		}
		if !report.OK() {
			return errReported
		}
		return nil
	}
}

// parseSince reads a time, or how long ago it was; "" is the zero time.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("-since wants a time such as 2026-11-01T00:00:00Z, or how long ago, such as 24h, not %q", text)
	}
	return at, nil
}

// verifyMemory is the garbage collector's limit, in bytes, unless GOMEMLIMIT is set.
const verifyMemory = 150 << 20

// audit lets a function look at what bridges of the configuration have done.
func (w *wiring) audit(ctx context.Context, look func(*verify.Audit) error) error {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(verifyMemory)
	}
	client, err := w.kafkaClient(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	settings, stop, err := w.readerConfig(ctx)
	if err != nil {
		return err
	}
	defer stop()
	audit, err := verify.New(settings, client)
	if err != nil {
		return err
	}
	return look(audit)
}

// printVerification prints a report. Its last line says whether every record is
// accounted for.
func printVerification(out io.Writer, r *verify.Report, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "partition\toffsets\trecords\towed\tcovered\tdead-lettered\tleft out\tmissing\ttwice\t")
	row := func(name, offsets string, p *verify.Counts) {
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", name, offsets, p.Records, p.Deliveries, p.Covered, p.DeadLettered, p.LeftOut, p.Missing+p.Unread, p.CoveredTwice)
	}
	for _, p := range r.Partitions {
		row(p.String(), fmt.Sprintf("%d-%d", p.From, p.To-1), &p.Counts)
	}
	row("all", "", &r.Total)
	if err := table.Flush(); err != nil {
		return err
	}
	var text strings.Builder
	for _, p := range r.Partitions {
		for _, e := range p.Examples {
			fmt.Fprintf(&text, "missing: %s\n", exampleText(p, e))
		}
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&text, "note: %s\n", note)
	}
	t := &r.Total
	if r.OK() {
		fmt.Fprintf(&text, "ok: every record is accounted for: %d records, owed %d times\n", t.Records, t.Deliveries)
	} else {
		fmt.Fprintf(&text, "fail: %d of %d are not accounted for\n", t.Missing+t.Unread, t.Deliveries)
	}
	_, err := io.WriteString(out, text.String())
	return err
}

// exampleText names a place where something is missing.
func exampleText(p *verify.Partition, e verify.Example) string {
	where := p.At(e.First).String()
	if e.Last > e.First {
		where += fmt.Sprintf("-%d", e.Last)
	}
	switch {
	case e.Reason != "":
		return fmt.Sprintf("%s: %d dead letters (%s)", where, e.Missing, e.Reason)
	case e.Last-e.First+1 > e.Missing:
		return fmt.Sprintf("%s: %d of the lines of namespace %s", where, e.Missing, e.Namespace)
	}
	return fmt.Sprintf("%s: %d lines of namespace %s", where, e.Missing, e.Namespace)
}
