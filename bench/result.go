package main

import (
	"fmt"
	"slices"
	"time"
)

// result is a subject's runs in a scenario.
type result struct {
	scenario *scenario
	subject  string
	runs     []measured
	err      error // of the run that failed; there are no more of it then
}

// measured is what one run has shown.
type measured struct {
	produced  count
	busy      time.Duration // see busyTime
	elapsed   time.Duration // from the start of the process to the last line
	cpu       time.Duration
	peakRSS   int64 // bytes
	puts      int
	lines     int64 // stored
	repeated  int64
	p50, p99  time.Duration // of live traffic
	sent      float64       // bytes a second of live traffic, which is less than was asked for where the producer got too little CPU
	delivered int           // records that p50 and p99 are about
}

// a metric is one figure of a run.
type metric func(m *measured) float64

func mbps(m *measured) float64 {
	if m.busy <= 0 {
		return 0
	}
	return float64(m.produced.bytes) / 1e6 / m.busy.Seconds()
}

func recordsPerSecond(m *measured) float64 {
	if m.busy <= 0 {
		return 0
	}
	return float64(m.produced.lines) / m.busy.Seconds()
}

func seconds(m *measured) float64  { return m.elapsed.Seconds() }
func cpuPerGB(m *measured) float64 { return m.cpu.Seconds() / (float64(m.produced.bytes) / 1e9) }
func rssMiB(m *measured) float64   { return float64(m.peakRSS) / (1 << 20) }
func puts(m *measured) float64     { return float64(m.puts) }
func putMB(m *measured) float64    { return float64(m.produced.bytes) / 1e6 / float64(max(1, m.puts)) }
func cpuPerPut(m *measured) float64 {
	return float64(m.cpu) / float64(time.Millisecond) / float64(max(1, m.puts))
}
func sentMBps(m *measured) float64 { return m.sent / 1e6 }
func p50ms(m *measured) float64    { return float64(m.p50) / float64(time.Millisecond) }
func p99ms(m *measured) float64    { return float64(m.p99) / float64(time.Millisecond) }

// of is a figure of all runs.
func (r *result) of(get metric) []float64 {
	var all []float64
	for i := range r.runs {
		all = append(all, get(&r.runs[i]))
	}
	return all
}

func (r *result) spread(get metric) spread { return spreadOf(r.of(get)) }

// takeDelays sets p50 and p99.
func (m *measured) takeDelays(all []time.Duration) {
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	m.p50, m.p99, m.delivered = quantile(all, 0.5), quantile(all, 0.99), len(all)
}

// line tells of one run while the program works.
func (m *measured) line(live bool) string {
	if live {
		return fmt.Sprintf("%5.1f MB/s  p50 %4.0f ms  p99 %4.0f ms of %d records  %5.2f CPU s/GB  %5.0f MiB  %6d PUTs", sentMBps(m), p50ms(m), p99ms(m), m.delivered, cpuPerGB(m), rssMiB(m), m.puts)
	}
	return fmt.Sprintf("%5.0f MB/s  %8.0f records/s  %6.2f s  %5.2f CPU s/GB  %5.0f MiB  %6d PUTs", mbps(m), recordsPerSecond(m), seconds(m), cpuPerGB(m), rssMiB(m), m.puts)
}
