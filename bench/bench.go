package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// bench is one execution of the program.
type bench struct {
	plan     *plan
	cluster  *kafka
	store    *sink
	subjects []subject
	results  []result
}

// result is a subject's runs with one codec.
type result struct {
	codec, subject string
	expected       count
	runs           []measured
	err            error // of the run that failed; there are no more of it then
}

// all fills the topics and measures, subjects interleaved: what disturbs the
// machine for a while disturbs all of them.
func (b *bench) all(ctx context.Context) error {
	topics := map[string]*topic{}
	for _, codec := range b.plan.codecs {
		began := time.Now()
		t, err := b.cluster.fill(ctx, codec, b.plan.shape)
		if err != nil {
			return err
		}
		topics[codec] = t
		fmt.Fprintf(os.Stderr, "produced %d records, %.2f GB, %s, in %.1f s\n", t.expected.total.lines, float64(t.expected.total.bytes)/1e9, codec, time.Since(began).Seconds())
		for _, s := range b.subjects {
			b.results = append(b.results, result{codec: codec, subject: s.name, expected: t.expected.total})
		}
	}
	for run := range b.plan.runs {
		for i, codec := range b.plan.codecs {
			for j, s := range b.subjects {
				res := &b.results[i*len(b.subjects)+j]
				if res.err == nil {
					b.one(ctx, res, s, topics[codec], fmt.Sprintf("bench-%d-%d-%s-%d", os.Getpid(), run, codec, j))
				}
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
			}
		}
	}
	return b.bridgeError()
}

func (b *bench) one(ctx context.Context, res *result, s subject, t *topic, group string) {
	m, err := b.measure(ctx, s, t, group)
	if err != nil {
		res.err = err
		fmt.Fprintf(os.Stderr, "%-5s %v\n", res.codec, err)
		return
	}
	res.runs = append(res.runs, m)
	fmt.Fprintf(os.Stderr, "%-5s %-14s %s\n", res.codec, s.name, m.line(res.expected))
}

// bridgeError is the reason why the bridge's figures are not worth telling.
func (b *bench) bridgeError() error {
	for i := range b.results {
		if r := &b.results[i]; r.subject == "bridge" && r.err != nil {
			return r.err
		}
	}
	return nil
}

// figures are a result's medians.
type figures struct {
	mbps, records, seconds, cpuPerGB, rssMiB, puts float64
}

func (m measured) figures(e count) figures {
	return figures{
		mbps:     m.rate / 1e6,
		records:  m.rate / (float64(e.bytes) / float64(e.lines)),
		seconds:  m.elapsed.Seconds(),
		cpuPerGB: m.usage.cpu.Seconds() / (float64(e.bytes) / 1e9),
		rssMiB:   float64(m.usage.peakRSS) / (1 << 20),
		puts:     float64(m.puts),
	}
}

func (m measured) line(e count) string {
	f := m.figures(e)
	return fmt.Sprintf("%6.0f MB/s  %8.0f records/s  %6.2f s  %5.2f CPU s/GB  %6.0f MiB  %6.0f PUTs", f.mbps, f.records, f.seconds, f.cpuPerGB, f.rssMiB, f.puts)
}

func (r *result) median() figures {
	at := func(get func(figures) float64) float64 {
		var all []float64
		for _, m := range r.runs {
			all = append(all, get(m.figures(r.expected)))
		}
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	}
	return figures{
		mbps: at(func(f figures) float64 { return f.mbps }), records: at(func(f figures) float64 { return f.records }),
		seconds: at(func(f figures) float64 { return f.seconds }), cpuPerGB: at(func(f figures) float64 { return f.cpuPerGB }),
		rssMiB: at(func(f figures) float64 { return f.rssMiB }), puts: at(func(f figures) float64 { return f.puts }),
	}
}
