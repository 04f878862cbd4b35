package verify

import (
	"context"
	"fmt"

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
			reading, stop := context.WithCancelCause(ctx)
			err := v.source.Read(reading, &r, v.counted(&r, v.total, v.owed(reading, &r, stop)), v.unread(&r))
			if cause := context.Cause(reading); cause != nil {
				err = cause
			}
			if stop(nil); err != nil {
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

// owed counts the records of a range. What they owe may not be found out: that
// stops the reading.
func (v *verifier) owed(ctx context.Context, r *Range, stop func(error)) func(*wire.Record) {
	return func(rec *wire.Record) {
		d := &v.delivery
		var err error
		if d.namespaces, d.reason, d.policy, err = v.router.Route(ctx, r, rec); err != nil {
			stop(err)
			return
		}
		d.hashes = d.hashes[:0]
		for _, namespace := range d.namespaces {
			d.hashes = append(d.hashes, v.hash(namespace))
		}
		v.sweep.record(rec.Offset, d)
	}
}

// sum is how many records were read so far.
func (v *verifier) sum() (records int64) {
	for _, p := range v.report.Partitions {
		records += p.Records
	}
	return records
}

// unread counts records that cannot be read: left out if the settings name them.
func (v *verifier) unread(r *Range) func(Unread) {
	return func(u Unread) {
		p := v.report.Partitions[v.next]
		u.Records = min(u.Records, u.Last-u.First+1)
		p.Records += u.Records
		p.Deliveries += u.Records
		if v.router.Skips(r, u.First, u.Last) {
			p.leftOut("operator", u.Records, false)
			return
		}
		p.Unread += u.Records
		v.report.note("%d records of %s/%d from offset %d to %d cannot be read: %v", u.Records, r.Topic, r.Partition, u.First, u.Last, u.Err)
	}
}
