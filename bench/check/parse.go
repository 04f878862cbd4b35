package main

import (
	"regexp"
	"strconv"
	"strings"
)

// measurement is one line that a benchmark has printed.
type measurement struct {
	name        string
	nanoseconds float64 // per operation
}

// parseBenchmarks finds the measurements in a test binary's output. The names
// have no suffix: the binaries run with -test.cpu=1.
func parseBenchmarks(output string) []measurement {
	var all []measurement
	for line := range strings.Lines(output) {
		words := strings.Fields(line)
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") || words[3] != "ns/op" {
			continue
		}
		if ns, err := strconv.ParseFloat(words[2], 64); err == nil {
			all = append(all, measurement{words[0], ns})
		}
	}
	return all
}

// exactly is the pattern of -test.bench that chooses one benchmark: a regular
// expression for each level of its name.
func exactly(name string) string {
	levels := strings.Split(name, "/")
	for i, level := range levels {
		levels[i] = "^" + regexp.QuoteMeta(level) + "$"
	}
	return strings.Join(levels, "/")
}
