package consumer

import (
	"context"
	"errors"
	"fmt"

	"kafka-import-bridge/internal/wire"
)

// errOversized says that a batch has no room in the buffer budget.
var errOversized = errors.New("batch has no room in BRIDGE_BUFFER_MAX_BYTES")

// oversized is a Kafka batch that the buffer budget has no room for. Its records
// are not read: the loop holds them as a range of offsets, and the partition goes
// on behind it.
type oversized struct {
	last      int64 // offset of its last record
	records   int   // how many it says it has
	timestamp int64 // of its first record, Unix milliseconds
	size      size
}

// size is what makes a batch too large.
type size struct {
	bytes    int64
	inflated bool  // they are what it inflates to, at most; 0 if that is not known
	buffer   int64 // the BRIDGE_BUFFER_MAX_BYTES that takes it
	exact    bool  // no more is needed; else perhaps more, as only its header is known
}

// fetchedSize is the size of a batch that makes an answer of so many bytes.
func fetchedSize(b *wire.Batch, answer int64) size {
	return size{bytes: answer, buffer: 4 * answer, exact: b.Codec == wire.None}
}

// InflatedSize is the size of a batch that inflates to more than its ceiling in the
// buffer.
func InflatedSize(b *wire.Batch, buffer int64) size {
	if most := b.InflatedBound(); most > inflateCeiling(buffer) {
		return size{bytes: most, inflated: true, buffer: (most + 4) / 5 * 16, exact: true}
	}
	return size{inflated: true, buffer: 2 * buffer}
}

// String says what is too large and which buffer would take it.
func (s size) String() string {
	least := ""
	if !s.exact {
		least = "at least "
	}
	switch {
	case s.inflated && s.bytes == 0:
		return fmt.Sprintf("inflates to more than there is room for; BRIDGE_BUFFER_MAX_BYTES must be above %s", mebibytes(s.buffer/2))
	case s.inflated:
		return fmt.Sprintf("inflates to %s; BRIDGE_BUFFER_MAX_BYTES=%s takes it", mebibytes(s.bytes), mebibytes(s.buffer))
	}
	return fmt.Sprintf("has %s; it takes BRIDGE_BUFFER_MAX_BYTES=%s%s", mebibytes(s.bytes), least, mebibytes(s.buffer))
}

// mebibytes rounds up.
func mebibytes(n int64) string { return fmt.Sprintf("%dMiB", (n+1<<20-1)>>20) }

// head passes over the batch that the answer begins with, of which only the
// header is there.
func (d *decoder) head(ctx context.Context, w *work) *fault {
	b, length, err := wire.ReadHeader(w.records, w.end())
	switch {
	case err != nil:
		return &fault{kind: faultCorrupt, offset: w.from, err: err}
	case b.NextOffset() <= w.from:
		return &fault{kind: faultCorrupt, offset: w.from, err: fmt.Errorf("batch at offset %d ends at %d, before what was asked for", b.BaseOffset, b.LastOffset)}
	case length < w.cut/2: // it is not the batch that makes the answer large
		return &fault{kind: faultRetry, err: fmt.Errorf("broker answered with %d bytes, many times as many as were asked for", w.cut)}
	}
	if d.aborted.Skip(&b) && (d.cfg.ReadCommitted || b.Control) {
		w.from = b.NextOffset()
		d.chunk.next = w.from
	} else if d.passOver(ctx, w, &b, fetchedSize(&b, w.cut)) != nil {
		return nil // only with ctx
	}
	_ = d.send(ctx) // fails only with ctx
	return nil
}

// passOver lets the loop hold the batch, after what was read before it.
func (d *decoder) passOver(ctx context.Context, w *work, b *wire.Batch, s size) error {
	d.sendRead(ctx)
	d.begin(w)
	d.chunk.oversized = &oversized{last: b.LastOffset, records: b.Records, timestamp: b.FirstTimestamp, size: s}
	if b.LogAppendTime {
		d.chunk.oversized.timestamp = b.MaxTimestamp
	}
	w.from = b.NextOffset()
	d.chunk.next = w.from
	if err := d.send(ctx); err != nil {
		return err
	}
	d.begin(w)
	return nil
}
