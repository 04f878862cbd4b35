package verify

import (
	"context"
	"fmt"

	"kafka-import-bridge/internal/scan"
	"kafka-import-bridge/internal/wire"
)

// account reads the records as far as the covers of this pass reach.
func (v *verifier) account(ctx context.Context) error {
	v.done = v.sum()
	for ; v.next < len(v.Records); v.next++ {
		r := v.Records[v.next]
		if v.sweep == nil {
			v.sweep, v.position = newSweep(v.report.Partitions[v.next], r.From, r.To), r.From
		}
		v.sweep.feed(v.covers.of(uint32(v.next)))
		cut := v.covers.cut
		whole := uint32(v.next) < cut.partition
		if r.From = v.position; !whole {
			r.To = min(r.To, cut.offset)
		}
		if r.From < r.To {
			if err := v.source.Read(ctx, &r, v.counted(&r, v.total, v.owed(ctx, &r)), v.unread(&r)); err != nil {
				return fmt.Errorf("read records: %w", err)
			}
			v.position = r.To
		}
		if !whole {
			v.sweep.keep()
			return nil
		}
		v.sweep.finish()
		v.sweep = nil
	}
	return nil
}

// owed counts the records of a range.
func (v *verifier) owed(ctx context.Context, r *scan.Range) func(*wire.Record) error {
	return func(rec *wire.Record) error {
		fate, err := v.judge.Fate(ctx, r.TopicPartition, rec)
		if err != nil {
			return err
		}
		d := &v.delivery
		d.Fate, d.hashes = fate, d.hashes[:0]
		for _, namespace := range fate.Namespaces {
			d.hashes = append(d.hashes, v.hash(namespace))
		}
		v.sweep.record(rec.Offset, d)
		return nil
	}
}

// sum returns how many records were read so far.
func (v *verifier) sum() (records int64) {
	for _, p := range v.report.Partitions {
		records += p.Records
	}
	return records
}

// maxUnreadNotes bounds the notes of Kafka batches that cannot be read.
const maxUnreadNotes = 20

// unread counts records that cannot be read: left out if the settings name them.
func (v *verifier) unread(r *scan.Range) func(scan.Unread) error {
	return func(u scan.Unread) error {
		p := v.report.Partitions[v.next]
		p.Records += u.Records
		p.Deliveries += u.Records
		if v.judge.Skips(r.TopicPartition, u.First, u.Last) {
			p.leftOut("operator", u.Records, false)
			return nil
		}
		p.Unread += u.Records
		if v.unreadBatches++; v.unreadBatches > maxUnreadNotes {
			return nil
		}
		v.report.note("%d records of %s from offset %d to %d cannot be read: %v", u.Records, r.TopicPartition, u.First, u.Last, u.Err)
		return nil
	}
}
