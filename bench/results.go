package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// table is a Markdown table of the medians.
func (b *bench) table() string {
	var t strings.Builder
	t.WriteString("| codec | subject | MB/s | records/s | seconds | CPU s/GB | peak RSS MiB | PUTs (mean size) |\n|---|---|---:|---:|---:|---:|---:|---:|\n")
	for i := range b.results {
		r := &b.results[i]
		if len(r.runs) == 0 {
			fmt.Fprintf(&t, "| %s | %s | failed: see the program's output |||||\n", r.codec, r.subject)
			continue
		}
		f := r.median()
		fmt.Fprintf(&t, "| %s | %s | %.0f | %.0f | %.2f | %.2f | %.0f | %.0f (%.2f MB) |\n",
			r.codec, r.subject, f.mbps, f.records, f.seconds, f.cpuPerGB, f.rssMiB, f.puts, float64(r.expected.bytes)/1e6/f.puts)
	}
	return t.String()
}

// writeResults writes RESULTS.md and the plot beside it.
func (b *bench) writeResults(ctx context.Context) error {
	s := b.plan.shape
	var t strings.Builder
	fmt.Fprintf(&t, "# Measured\n\nWritten by `make bench-peers`; not by hand. What the columns mean is in [doc.go](doc.go).\n\n")
	fmt.Fprintf(&t, "%d records of about %d bytes (%.2f GB) in each topic, %d partitions, %d skewed namespaces from a JSON field, producer batches of %d KiB; batches of at most 8 MiB and %s; the store answers after %s. Median of %d interleaved runs.\n\n",
		s.records(), s.record, float64(b.results[0].expected.bytes)/1e9, s.partitions, s.namespaces, s.batch>>10, b.plan.age, b.plan.delay, b.plan.runs)
	t.WriteString(b.table())
	t.WriteString("\n![Throughput and CPU time](results.svg)\n\n## Where\n\n")
	for _, line := range b.machine(ctx) {
		fmt.Fprintf(&t, "- %s\n", line)
	}
	if err := os.WriteFile(filepath.Join(b.plan.write, "RESULTS.md"), []byte(t.String()), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(b.plan.write, "results.svg"), []byte(b.plot()), 0o644); err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	return nil
}

// machine says where and of what the figures are.
func (b *bench) machine(ctx context.Context) []string {
	lines := []string{
		fmt.Sprintf("%s; %d CPUs (%s), shared by broker, store and subject; load average %s when the program ended", time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), cpuModel(), firstField("/proc/loadavg")),
		fmt.Sprintf("%s %s, Linux %s, %s", runtime.GOOS, runtime.GOARCH, firstField("/proc/sys/kernel/osrelease"), runtime.Version()),
		b.cluster.kind,
		"bridge at commit " + commit(ctx),
	}
	if b.plan.straight != "" {
		lines = append(lines, "straight line: bench/peers/straightline at the same commit")
	}
	if b.plan.bento != "" {
		lines = append(lines, "Bento: the module version in bench/peers/bento/go.mod, with bench/peers/bento/bench.yaml")
	}
	return lines
}

func cpuModel() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func firstField(file string) string {
	text, err := os.ReadFile(file)
	if err != nil || len(text) == 0 {
		return "unknown"
	}
	return strings.Fields(string(text))[0]
}

// commit names HEAD, and says so when the tree differs from it.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", "cmd", "internal", "go.mod").Output(); err != nil || len(changed) > 0 {
		name += " with changes"
	}
	return name
}
