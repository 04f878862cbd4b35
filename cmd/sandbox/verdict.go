package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/internal/sandbox"
)

// verdict is a table of what had to hold.
type verdict struct {
	report sandbox.Report
	rows   []verdictRow
}

type verdictRow struct {
	what   string
	ok     bool
	detail string
}

func (v *verdict) add(what string, ok bool, detail string) {
	v.rows = append(v.rows, verdictRow{what, ok, detail})
}

func (v *verdict) ok() bool {
	return !slices.ContainsFunc(v.rows, func(r verdictRow) bool { return !r.ok })
}

// judge reconciles Kafka, the store and the dead letters.
func (d *demo) judge(ctx context.Context, skipped int) (*verdict, error) {
	brokers := []string{d.world.kafka.Addr()}
	reasons, err := sandbox.CountDeadLetters(ctx, brokers, deadLetterTopic, d.tally)
	if err != nil {
		return nil, err
	}
	ends, err := d.offsets.ends(ctx)
	if err != nil {
		return nil, err
	}
	committed, err := d.offsets.committed(ctx)
	if err != nil {
		return nil, err
	}
	uncommitted := int64(0)
	for p, end := range ends {
		uncommitted += end - committed[p]
	}
	d.tally.Skipped(skipped)
	r := d.tally.Report()
	v := &verdict{report: r}
	v.add("lines owed = stored + dead-lettered + skipped", r.Deliveries == r.Stored+r.DeadLettered+r.Skipped,
		fmt.Sprintf("%d = %d + %d + %d", r.Deliveries, r.Stored, r.DeadLettered, r.Skipped))
	for _, row := range []struct {
		what string
		sandbox.Findings
	}{{"nothing lost", r.Lost}, {"nothing twice", r.Twice}, {"nothing unexpected", r.Unexpected}, {"order kept per namespace and partition", r.Disordered}} {
		v.add(row.what, row.Count == 0, fmt.Sprint(row.Count))
	}
	v.add("dead letters by reason", true, countsText(reasons))
	v.add("offsets committed to the end", uncommitted == 0, fmt.Sprintf("%d records behind", uncommitted))
	v.add("every import evaluated", d.evaluated(ctx), "what the API made of them: "+countsText(d.world.api.Verdicts()))
	wrong := d.world.api.Violations()
	v.add("every request as the API and S3 want it", len(wrong) == 0, strings.Join(append(wrong, fmt.Sprintf("%d violations", len(wrong))), "; "))
	return v, nil
}

// evaluated waits until the API has come to an end with every import, and
// reports whether it has.
func (d *demo) evaluated(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*demoIngest)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for d.world.api.Verdicts()["ingesting"] > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// conclude prints the table and returns errVerdict unless all rows hold.
func (d *demo) conclude(v *verdict) error {
	d.screen.verdict(v)
	if !v.ok() {
		return errVerdict
	}
	return nil
}

func countsText(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
