package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// bench is one execution of the program.
type bench struct {
	*options
	cluster  *kafka
	store    *sink
	subjects []subject
	before   place // the machine at the start
	results  []*result
}

// all measures one scenario after another. In each the subjects are interleaved:
// what disturbs the machine for a while disturbs all of them.
func (b *bench) all(ctx context.Context) error {
	began := time.Now()
	for i := range b.scenarios {
		s := &b.scenarios[i]
		fmt.Fprintf(os.Stderr, "[%d/%d, %s] %s: %s\n", i+1, len(b.scenarios), time.Since(began).Round(time.Second), s.name, s.title)
		if err := b.scenario(ctx, s); err != nil {
			return fmt.Errorf("scenario %s: %w", s.name, err)
		}
	}
	fmt.Fprintf(os.Stderr, "took %s\n", time.Since(began).Round(time.Second))
	return nil
}

func (b *bench) scenario(ctx context.Context, s *scenario) error {
	var t *topic
	if s.flow == nil {
		began := time.Now()
		var err error
		if t, err = b.cluster.fill(ctx, "bench-"+s.name, s.shape, b.newSource(s.shape)); err != nil {
			return err
		}
		defer b.cluster.remove(t)
		fmt.Fprintf(os.Stderr, "  %d records, %.2f GB, produced in %.1f s\n", t.expected.total.lines, float64(t.expected.total.bytes)/1e9, time.Since(began).Seconds())
		if err := b.cluster.warm(ctx, t, s.shape); err != nil {
			return err
		}
	}
	var results []*result
	for _, subject := range b.subjects {
		if subject.takesPart(s) {
			results = append(results, &result{scenario: s, subject: subject.name})
		}
	}
	b.results = append(b.results, results...)
	for range b.runs {
		for _, r := range results {
			if r.err == nil {
				b.one(ctx, r, t)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}
	return nil
}

func (b *bench) one(ctx context.Context, r *result, t *topic) {
	m, err := b.measure(ctx, b.subject(r.subject), r.scenario, t)
	if err != nil {
		r.err = err
		fmt.Fprintf(os.Stderr, "  %-14s %v\n", r.subject, err)
		return
	}
	r.runs = append(r.runs, m)
	fmt.Fprintf(os.Stderr, "  %-14s %s\n", r.subject, m.line(r.scenario.flow != nil))
}

func (b *bench) subject(name string) *subject {
	for i := range b.subjects {
		if b.subjects[i].name == name {
			return &b.subjects[i]
		}
	}
	return nil
}

// bridgeError is the reason why the bridge's figures are not worth telling.
func (b *bench) bridgeError() error {
	for _, r := range b.results {
		if r.subject == bridgeName && r.err != nil {
			return fmt.Errorf("scenario %s: %w", r.scenario.name, r.err)
		}
	}
	return nil
}
