package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// place is the machine, and what it measures.
type place struct {
	at     time.Time
	cpus   int
	model  string
	memory string
	kernel string
	load   string // of one, five and fifteen minutes
	commit string
}

// here looks around.
func here(ctx context.Context) place {
	return place{
		at: time.Now(), cpus: runtime.NumCPU(), model: afterColon("/proc/cpuinfo", "model name"), memory: memory(),
		kernel: fields("/proc/sys/kernel/osrelease", 1), load: fields("/proc/loadavg", 3), commit: commit(ctx),
	}
}

// again is the same machine, later.
func (p place) again() place {
	p.at, p.load = time.Now(), fields("/proc/loadavg", 3)
	return p
}

// warning says so when other programs had much of the machine at the start.
func (p place) warning() string {
	load, err := strconv.ParseFloat(strings.Split(p.load, " ")[0], 64)
	if err != nil || load < float64(p.cpus)/2 {
		return ""
	}
	return fmt.Sprintf("The machine was not quiet: load average %.1f on %d CPUs when this began. Compare subjects, and trust no absolute figure.", load, p.cpus)
}

// where says where and of what the figures are.
func (r *report) where() []string {
	p := r.before
	lines := []string{
		fmt.Sprintf("%s, %s long; %d CPUs (%s) and %s of memory, shared by broker, store and subject", p.at.UTC().Format("2006-01-02 15:04 UTC"), r.after.at.Sub(p.at).Round(time.Second), p.cpus, p.model, p.memory),
		fmt.Sprintf("load average (1, 5, 15 minutes) %s before, %s after", p.load, r.after.load),
		fmt.Sprintf("%s %s, Linux %s, %s", runtime.GOOS, runtime.GOARCH, p.kernel, runtime.Version()),
		r.kafka,
		"bridge at commit " + p.commit,
	}
	if r.options.straight != "" {
		lines = append(lines, "straight line: bench/peers/straightline at the same commit")
	}
	if r.options.bento != "" {
		lines = append(lines, "Bento "+bentoVersion("bench/peers/bento/go.mod")+" with "+r.options.bentoConfig)
	}
	return lines
}

// bentoVersion reads the version that the peer's module names.
func bentoVersion(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "of an unknown version"
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && strings.HasSuffix(words[len(words)-2], "warpstreamlabs/bento") {
			return words[len(words)-1]
		}
		if _, rest, ok := strings.Cut(line, "warpstreamlabs/bento "); ok {
			return strings.Fields(rest)[0]
		}
	}
	return "of an unknown version"
}

func memory() string {
	kib, err := strconv.ParseFloat(strings.TrimSuffix(afterColon("/proc/meminfo", "MemTotal"), " kB"), 64)
	if err != nil {
		return "an unknown amount"
	}
	return fmt.Sprintf("%.0f GiB", kib/(1<<20))
}

// afterColon is what follows a name and a colon in a file.
func afterColon(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
		}
	}
	return "unknown"
}

// fields are the first words of a file.
func fields(file string, n int) string {
	text, err := os.ReadFile(file)
	words := strings.Fields(string(text))
	if err != nil || len(words) < n {
		return "unknown"
	}
	return strings.Join(words[:n], " ")
}

// commit names HEAD, and says so when the bridge's code differs from it.
func commit(ctx context.Context) string {
	head, err := exec.CommandContext(ctx, "git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.CommandContext(ctx, "git", "status", "--porcelain", "--", "cmd", "internal", "bench", "go.mod", ":!bench/*.md", ":!bench/*.svg").Output(); err != nil || len(changed) > 0 {
		name += " with changes"
	}
	return name
}
