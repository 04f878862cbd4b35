package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// comparison gathers the times of each benchmark in both builds.
type comparison struct {
	*options
	suites []suite
	pairs  map[string]*pair // by folder and name
	log    io.Writer
}

func newComparison(o *options) *comparison {
	return &comparison{options: o, pairs: map[string]*pair{}, log: os.Stderr}
}

// pair is what both builds took for a benchmark, in nanoseconds per operation.
type pair struct {
	suite    int
	name     string
	old, new []float64
}

// lucky is the share of measurements, the shortest ones, that must all tell the
// same: the very shortest alone may owe its time to luck.
const lucky = 0.25

// ratio is how many times the baseline's time it takes, by the least time of
// each build or by the quarter's, whichever says less; 0 where it is unknown.
func (p *pair) ratio() float64 {
	if len(p.old) == 0 || len(p.new) == 0 {
		return 0
	}
	return min(at(p.new, 0)/at(p.old, 0), at(p.new, lucky)/at(p.old, lucky))
}

// at is the measurement that a share of all are shorter than.
func at(all []float64, share float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[int(share*float64(len(sorted)-1))]
}

// add keeps a measurement.
func (c *comparison) add(suite int, m measurement, isNew bool) {
	key := c.suites[suite].folder + " " + m.name
	p := c.pairs[key]
	if p == nil {
		p = &pair{suite: suite, name: m.name}
		c.pairs[key] = p
	}
	if isNew {
		p.new = append(p.new, m.nanoseconds)
	} else {
		p.old = append(p.old, m.nanoseconds)
	}
}

// recheck is how often what seems slower is measured again.
const recheck = 4

// measure runs all benchmarks, then again what seems slower.
func (c *comparison) measure(ctx context.Context) error {
	for i := range c.suites {
		fmt.Fprintf(c.log, "measuring %s\n", c.suites[i].folder)
		if err := c.takeTurns(ctx, i, c.pattern); err != nil {
			return err
		}
	}
	for range recheck {
		slower := c.slower()
		for _, p := range slower {
			fmt.Fprintf(c.log, "%s seems to take %.2f of its time: measuring again\n", p.name, p.ratio())
			if err := c.takeTurns(ctx, p.suite, exactly(p.name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeTurns runs the two builds one after the other, the first one changing, as
// often as the options say and the budget allows.
func (c *comparison) takeTurns(ctx context.Context, suite int, pattern string) error {
	s := &c.suites[suite]
	began := time.Now()
	for round := 0; round < c.turns || time.Since(began) < c.budget; round++ {
		for turn := range 2 {
			isNew := (round+turn)%2 == 0
			b := s.old
			if isNew {
				b = s.new
			}
			if b.file == "" {
				continue
			}
			all, err := c.bench(ctx, b, pattern)
			if err != nil {
				return fmt.Errorf("run benchmarks of %s: %w", s.folder, err)
			}
			for _, m := range all {
				c.add(suite, m, isNew)
			}
		}
	}
	return nil
}

func (c *comparison) bench(ctx context.Context, b binary, pattern string) ([]measurement, error) {
	cmd := exec.CommandContext(ctx, b.file, "-test.run=^$", "-test.bench="+pattern, "-test.skip="+c.skip, "-test.cpu=1",
		"-test.benchtime="+c.slice.String(), fmt.Sprintf("-test.count=%d", c.count), "-test.timeout=5m")
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return parseBenchmarks(string(out)), nil
}

// slower are the benchmarks above the limit, in a fixed order.
func (c *comparison) slower() []*pair {
	var all []*pair
	for _, key := range slices.Sorted(maps.Keys(c.pairs)) {
		if p := c.pairs[key]; p.ratio() > c.limit {
			all = append(all, p)
		}
	}
	return all
}

// table tells of each benchmark.
func (c *comparison) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%-10s %12s %12s  %s\n", "new/old", "old ns/op", "new ns/op", "benchmark")
	for _, key := range slices.Sorted(maps.Keys(c.pairs)) {
		p := c.pairs[key]
		ratio := "new"
		switch {
		case len(p.new) == 0:
			ratio = "gone"
		case p.ratio() > 0:
			ratio = fmt.Sprintf("%.3f", p.ratio())
		}
		if p.ratio() > c.limit {
			ratio += " SLOW"
		}
		fmt.Fprintf(&t, "%-10s %12s %12s  %s\n", ratio, nanoseconds(p.old), nanoseconds(p.new), key)
	}
	return t.String()
}

func nanoseconds(all []float64) string {
	if len(all) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", at(all, 0))
}

// verdict is errSlower if a benchmark is above the limit.
func (c *comparison) verdict() error {
	if len(c.pairs) == 0 {
		return fmt.Errorf("no benchmark matches %q", c.pattern)
	}
	if slower := c.slower(); len(slower) > 0 {
		return fmt.Errorf("%d benchmarks are more than %.0f %% %w", len(slower), (c.limit-1)*100, errSlower)
	}
	return nil
}
