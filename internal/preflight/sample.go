package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// sample reads up to n records of each topic, outside of the group, and reports
// what would become of them. It takes the oldest that a bridge has not
// committed, which are the ones it would read next, in equal shares from the
// topic's partitions.
func (p *Preflight) sample(ctx context.Context, n int) {
	reader := scan.NewReader(p.client, p.cfg)
	for _, t := range p.topics {
		check := "sample " + t.name
		var unread []*scan.Range
		var ahead int64
		for _, part := range t.partitions {
			if part.err == nil && part.end() > part.start {
				unread = append(unread, &scan.Range{TopicPartition: part.TopicPartition, From: part.start, To: part.end()})
				ahead += part.end() - part.start
			}
		}
		if ahead == 0 && slices.ContainsFunc(t.partitions, func(part *inspectedPartition) bool { return part.err != nil }) {
			continue // what is known of it has been reported
		}
		seen := newTally()
		err := p.sampleTopic(ctx, reader, unread, n, seen)
		seen.report(p, check, ahead)
		if err != nil {
			p.report(p.failure(check, err))
		}
	}
}

// sampleTopic tallies n records of the ranges in turns, until there are no more. A
// partition that cannot be read is left; the error joins those of all of them.
func (p *Preflight) sampleTopic(ctx context.Context, reader *scan.Reader, open []*scan.Range, n int, seen *tally) error {
	var errs []error
	for n > 0 && len(open) > 0 {
		share := (n + len(open) - 1) / len(open)
		open = slices.DeleteFunc(open, func(r *scan.Range) bool {
			if n == 0 {
				return false
			}
			before := seen.records
			err := p.sampleRange(ctx, reader, r, min(share, n), seen)
			n -= seen.records - before
			if err != nil {
				errs = append(errs, err)
			}
			return err != nil || r.From >= r.To
		})
	}
	return errors.Join(errs...)
}

// errEnough ends a reading that has brought what was asked for.
var errEnough = errors.New("enough records were read")

// sampleRange tallies up to n records from the start of r, and cuts them off r.
func (p *Preflight) sampleRange(ctx context.Context, reader *scan.Reader, r *scan.Range, n int, seen *tally) error {
	enough := seen.records + n
	part := *r
	err := reader.Read(ctx, &part, func(rec *wire.Record) error {
		fate, err := p.judge.Fate(ctx, r.TopicPartition, rec)
		if err != nil {
			return err
		}
		r.From = rec.Offset + 1
		seen.take(&fate, r.At(rec.Offset))
		if seen.records == enough {
			return errEnough
		}
		return nil
	}, func(u scan.Unread) error {
		if !errors.Is(u.Err, wire.ErrInflatesTooMuch) {
			return fmt.Errorf("%s: %w", r.At(u.First), u.Err)
		}
		r.From = u.Last + 1
		fate := scan.Fate{Reason: record.TooLarge.String(), Policy: record.Hold,
			Detail: fmt.Sprintf("the Kafka batch up to offset %d %s", u.Last, fetch.InflatedSize(u.Batch, p.cfg.BufferMaxBytes))}
		for range min(u.Records, int64(enough-seen.records)) {
			seen.take(&fate, r.At(u.First))
		}
		if seen.records == enough {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	r.From = r.To
	return err
}
