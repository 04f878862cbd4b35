package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// report is what RESULTS.md and its plot tell.
type report struct {
	options *options
	results []*result
	before  place
	after   place
	kafka   string
}

func (b *bench) report() *report {
	return &report{b.options, b.results, b.before, b.before.again(), b.cluster.kind}
}

// write writes the results and the plot beside them.
func (r *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(r.markdown()), 0o644); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "results.svg"), []byte(r.plot()), 0o644); err != nil {
		return fmt.Errorf("write plot: %w", err)
	}
	return nil
}

func (r *report) markdown() string {
	var t strings.Builder
	o := r.options
	fmt.Fprintf(&t, "# Measured\n\nWritten by `make` (`bin/bench %s`); not by hand. What the columns mean is in [doc.go](doc.go).\n\n", o.commandLine)
	fmt.Fprintf(&t, "Where a scenario says nothing else: %s%d partitions, codec %s, producer batches of %d KiB; batches of at most 8 MiB and %s; a store that answers at once. Median (least–most) of %d interleaved runs. Each line is counted and checksummed at the store.\n\n",
		r.data(), o.base.partitions, o.base.codec, o.base.batch>>10, o.age, o.runs)
	if warning := r.before.warning(); warning != "" {
		t.WriteString("**" + warning + "**\n\n")
	}
	r.sections(&t)
	t.WriteString("![The same as bars](results.svg)\n\n## Where\n\n")
	for _, line := range r.where() {
		fmt.Fprintf(&t, "- %s\n", line)
	}
	return t.String()
}

func (r *report) data() string {
	b := r.options.base
	if d := r.options.data; d != nil {
		return fmt.Sprintf("%d records of a file, of about %d bytes, again and again (namespace at `%s`), ", len(d.records), b.record, r.options.field)
	}
	return fmt.Sprintf("generated records of about %d bytes, %d skewed namespaces from a JSON field, ", b.record, b.namespaces)
}

func (r *report) sections(t *strings.Builder) {
	bulk, live := r.split()
	if len(bulk) > 0 {
		fmt.Fprintf(t, "## Targets\n\n%s\n## A backlog\n\n%s\n", r.targets(bulk), r.bulkTable(bulk))
		if r.options.against != "" {
			fmt.Fprintf(t, "## Beside the other build\n\nThe bridge's figures over the other build's of the same run.\n\n%s\n", r.besideTable(bulk))
		}
	}
	if len(live) > 0 {
		fmt.Fprintf(t, "## Live traffic\n\nFrom a record's timestamp until the answer to its PUT; batches of at most 1 s.\n\n%s\n", r.liveTable(live))
	}
}

// split parts the results of backlogs from those of live traffic.
func (r *report) split() (bulk, live []*result) {
	for _, res := range r.results {
		if res.scenario.flow == nil {
			bulk = append(bulk, res)
		} else {
			live = append(live, res)
		}
	}
	return bulk, live
}

// standings are the bridge's, in the order of the scenarios.
func (r *report) standings(results []*result) []standing {
	var all []standing
	for _, res := range results {
		if res.subject == bridgeName {
			all = append(all, stand(res.scenario, r.of(res.scenario), r.options.buffer))
		}
	}
	return all
}

// of are the results of a scenario by subject.
func (r *report) of(in *scenario) map[string]*result {
	all := map[string]*result{}
	for _, res := range r.results {
		if res.scenario == in {
			all[res.subject] = res
		}
	}
	return all
}

// targets is a table of what the bridge is built to reach.
func (r *report) targets(results []*result) string {
	var t strings.Builder
	most := float64(r.options.buffer+wantBeside) / (1 << 20)
	fmt.Fprintf(&t, "| scenario | MB/s over Bento's (≥ %g) | over the straight line's (≥ %g) | CPU over Bento's (≤ %.3f) | highest RSS MiB (≤ %.0f) | target |\n|---|---:|---:|---:|---:|---|\n", wantPeer, wantStraight, wantCPU, most)
	for _, s := range r.standings(results) {
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s | %s |\n", s.scenario.title, s.peer.cell("%.1f"), s.straight.cell("%.2f"), s.cpu.cell("%.3f"), s.rss.most(), s.verdict())
	}
	return t.String()
}

func (c *check) cell(format string) string {
	switch {
	case c == nil:
		return "–"
	case c.note != "":
		return c.note
	}
	return c.got.cell(format)
}

func (c *check) most() string {
	if c == nil {
		return "–"
	}
	return fmt.Sprintf("%.0f", c.got.max)
}

// cell is the median, with the least and the most where they differ.
func (s spread) cell(format string) string {
	text := fmt.Sprintf(format, s.median)
	if least, most := fmt.Sprintf(format, s.min), fmt.Sprintf(format, s.max); least != most {
		text += " (" + least + "–" + most + ")"
	}
	return text
}

func (r *report) bulkTable(results []*result) string {
	var t strings.Builder
	t.WriteString("| scenario | subject | MB/s | records/s | seconds | CPU s/GB | peak RSS MiB | PUTs | mean MB | lines stored of produced | repeats |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, res := range results {
		fmt.Fprintf(&t, "| %s | %s | ", res.scenario.title, res.subject)
		if len(res.runs) == 0 {
			fmt.Fprintf(&t, "%s |||||||||\n", failure(res))
			continue
		}
		fmt.Fprintf(&t, "%s | %.0f | %s | %s | %s | %.0f | %.2f | %s |\n", res.spread(mbps).cell("%.0f"), res.spread(recordsPerSecond).median,
			res.spread(seconds).cell("%.1f"), res.spread(cpuPerGB).cell("%.2f"), res.spread(rssMiB).cell("%.0f"), res.spread(puts).median, res.spread(putMB).median, res.account())
	}
	return t.String()
}

// besideTable compares the bridge with the other build.
func (r *report) besideTable(results []*result) string {
	var t strings.Builder
	t.WriteString("| scenario | MB/s | CPU s/GB | peak RSS | PUTs | CPU ms per PUT, bridge | other build |\n|---|---:|---:|---:|---:|---:|---:|\n")
	for _, res := range results {
		other := r.of(res.scenario)[againstName]
		if res.subject != bridgeName || other == nil || len(res.runs) == 0 || len(other.runs) == 0 {
			continue
		}
		ratio := func(get metric) string { return ratios(res.of(get), other.of(get)).cell("%.2f") }
		fmt.Fprintf(&t, "| %s | %s | %s | %s | %s | %s | %s |\n", res.scenario.title, ratio(mbps), ratio(cpuPerGB), ratio(rssMiB), ratio(puts),
			res.spread(cpuPerPut).cell("%.2f"), other.spread(cpuPerPut).cell("%.2f"))
	}
	return t.String()
}

// account is two cells: lines stored of lines produced, and repeats, of all runs.
func (r *result) account() string {
	var stored, produced, repeated int64
	for i := range r.runs {
		stored, produced, repeated = stored+r.runs[i].lines, produced+r.runs[i].produced.lines, repeated+r.runs[i].repeated
	}
	text := fmt.Sprintf("%d of %d | %d", stored, produced, repeated)
	if r.err != nil {
		text += "; " + failure(r)
	}
	return text
}

func (r *report) liveTable(results []*result) string {
	var t strings.Builder
	t.WriteString("| scenario | subject | MB/s sent | p50 ms | p99 ms | records a run | CPU s/GB | peak RSS MiB | PUTs | mean MB | lines stored of produced | repeats | target |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|\n")
	for _, res := range results {
		fmt.Fprintf(&t, "| %s | %s | ", res.scenario.title, res.subject)
		if len(res.runs) == 0 {
			fmt.Fprintf(&t, "%s |||||||||||\n", failure(res))
			continue
		}
		fmt.Fprintf(&t, "%s | %s | %s | %.0f | %s | %s | %.0f | %.2f | %s | %s |\n", res.spread(sentMBps).cell("%.2f"), res.spread(p50ms).cell("%.0f"), res.spread(p99ms).cell("%.0f"), res.spread(func(m *measured) float64 { return float64(m.delivered) }).median,
			res.spread(cpuPerGB).cell("%.2f"), res.spread(rssMiB).cell("%.0f"), res.spread(puts).median, res.spread(putMB).median, res.account(), r.liveTarget(res))
	}
	return t.String()
}

// liveTarget compares delays with the others', and says how the bridge stands.
func (r *report) liveTarget(res *result) string {
	if res.subject != bridgeName || len(res.runs) == 0 {
		return ""
	}
	of := r.of(res.scenario)
	var parts []string
	for _, other := range []string{bentoName, straightName} {
		if o := of[other]; o != nil && len(o.runs) > 0 {
			parts = append(parts, fmt.Sprintf("p99 %s of %s's", ratios(res.of(p99ms), o.of(p99ms)).cell("%.2f"), other))
		}
	}
	what := fmt.Sprintf("RSS ≤ %d MiB", (r.options.buffer+wantBeside)>>20)
	if bound := res.scenario.flow.bound; bound > 0 {
		what = fmt.Sprintf("p99 ≤ %s, %s", bound, what)
	}
	s := stand(res.scenario, of, r.options.buffer)
	return strings.Join(append(parts, what+": "+s.verdict()), "; ")
}

// failure is the first line of an error, as a cell.
func failure(r *result) string {
	text, _, _ := strings.Cut(r.err.Error(), " (its log")
	text, _, _ = strings.Cut(text, "\n")
	return "failed: " + strings.ReplaceAll(text, "|", "/")
}
