package fetch

import (
	"context"
	"fmt"

	"kafka-import-bridge/internal/wire"
)

// Oversized is a Kafka batch that the buffer budget has no room for. Its records
// are not read: the loop holds them as a range of offsets, and the partition goes
// on behind it.
type Oversized struct {
	Last      int64 // offset of its last record
	Records   int   // how many it has at most, from where reading is on
	Timestamp int64 // of its first record, Unix milliseconds
	Size      Size
}

// Size says by how much a batch is too large.
type Size struct {
	Bytes    int64
	inflated bool  // they are what it inflates to, at most; 0 if that is not known
	Buffer   int64 // the BRIDGE_BUFFER_MAX_BYTES that takes it
	Exact    bool  // no more is needed; else perhaps more, as only its header is known
}

// fetchedSize is the size of a batch that makes an answer of so many bytes.
func fetchedSize(b *wire.Batch, answer int64) Size {
	return Size{Bytes: answer, Buffer: 4 * answer, Exact: b.Codec == wire.None}
}

// InflatedSize is the size of a batch that inflates to more than its ceiling in the
// buffer.
func InflatedSize(b *wire.Batch, buffer int64) Size {
	if most := b.InflatedBound(); most > InflateCeiling(buffer) {
		return Size{Bytes: most, inflated: true, Buffer: (most + 4) / 5 * 16, Exact: true}
	}
	return Size{inflated: true, Buffer: 2 * buffer}
}

// String words the size and the buffer that would take the batch.
func (s Size) String() string {
	least := ""
	if !s.Exact {
		least = "at least "
	}
	switch {
	case s.inflated && s.Bytes == 0:
		return fmt.Sprintf("inflates to more than there is room for; BRIDGE_BUFFER_MAX_BYTES must be above %s", mebibytes(s.Buffer/2))
	case s.inflated:
		return fmt.Sprintf("inflates to %s; BRIDGE_BUFFER_MAX_BYTES=%s takes it", mebibytes(s.Bytes), mebibytes(s.Buffer))
	}
	return fmt.Sprintf("has %s; it takes BRIDGE_BUFFER_MAX_BYTES=%s%s", mebibytes(s.Bytes), least, mebibytes(s.Buffer))
}

// mebibytes rounds up.
func mebibytes(n int64) string { return fmt.Sprintf("%dMiB", (n+1<<20-1)>>20) }

// head passes over the batch that the answer begins with, of which only the
// header is there.
func (d *Decoder) head(ctx context.Context, w *Work) *Fault {
	b, length, err := wire.ReadHeader(w.Records, w.end())
	switch {
	case err != nil:
		return &Fault{Kind: FaultCorrupt, Err: err}
	case b.NextOffset() <= w.From:
		return &Fault{Kind: FaultCorrupt, Err: fmt.Errorf("batch at offset %d ends at %d, before what was asked for", b.BaseOffset, b.LastOffset)}
	case length < w.cut/2: // it is not the batch that makes the answer large
		return &Fault{Kind: FaultRetry, Err: fmt.Errorf("broker answered with %d bytes, many times as many as were asked for", w.cut)}
	}
	if d.aborted.Skip(&b) {
		w.From = b.NextOffset()
		d.chunk.Next = w.From
	} else if d.passOver(ctx, w, &b, fetchedSize(&b, w.cut)) != nil {
		return nil // only with ctx
	}
	_ = d.send(ctx) // fails only with ctx
	return nil
}

// passOver lets the loop hold the batch, after what was read before it.
func (d *Decoder) passOver(ctx context.Context, w *Work, b *wire.Batch, s Size) error {
	d.sendRead(ctx)
	d.begin(w)
	d.chunk.Oversized = &Oversized{Last: b.LastOffset, Records: int(min(int64(b.Records), b.LastOffset-w.From+1)), Timestamp: b.FirstTimestamp, Size: s}
	if b.LogAppendTime {
		d.chunk.Oversized.Timestamp = b.MaxTimestamp
	}
	w.From = b.NextOffset()
	d.chunk.Next = w.From
	if err := d.send(ctx); err != nil {
		return err
	}
	d.begin(w)
	return nil
}
