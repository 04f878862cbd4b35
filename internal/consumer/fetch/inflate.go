package fetch

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/wire"
)

// arenaBytes is the least that is borrowed for inflated batches, so that many
// small ones share one buffer.
const arenaBytes = 512 << 10

// arena is memory that is lent by an allowance and filled from its start. At first it
// has none.
type arena struct {
	from   *Allowance
	buffer *Buffer
	used   int
}

// room returns the free rest of the arena.
func (a *arena) room() []byte {
	if a.buffer == nil {
		return nil
	}
	return a.buffer.Bytes[a.used:]
}

// drop gives it back, as far as it is ours: chunks may hold it as well.
func (a *arena) drop() {
	if a.buffer != nil {
		a.buffer.Release()
	}
	*a = arena{from: a.from}
}

// inflate returns the records of a batch and the lease they lie in: the
// answer's own for an uncompressed batch, the arena's else. A batch that does
// not fit what is left of the arena gets a new one of the size it says it
// needs, and if it said too little, of four times that, up to the ceiling. What
// inflates to more than that is errOversized.
func (d *Decoder) inflate(ctx context.Context, w *Work, b *wire.Batch) ([]byte, *Buffer, error) {
	if b.Codec == wire.None {
		data, err := d.inflater.Inflate(nil, b)
		return data, w.Lease, err
	}
	want := max(b.SizeHint(), int64(b.CompressedLen()))
	for try := 0; ; try++ {
		if d.arena.buffer == nil || int64(len(d.arena.room())) < want || try > 0 {
			if err := d.renew(ctx, w, &d.arena, max(want, arenaBytes)); err != nil {
				return nil, nil, err
			}
		}
		room := d.arena.room()
		data, err := d.inflater.Inflate(room[:0:len(room)], b)
		if err == nil {
			d.arena.used += len(data)
			return data, d.arena.buffer, nil
		}
		if !errors.Is(err, wire.ErrInflatesTooMuch) {
			return nil, nil, err
		}
		if int64(len(room)) >= d.arena.from.Ceiling {
			return nil, nil, errOversized
		}
		want = min(4*max(want, int64(len(room))), d.arena.from.Ceiling)
	}
}

// renew borrows other memory for an arena. Nothing of the old one may be held while it
// waits, or two decoders could wait for each other: the chunk goes out first. Who waits
// for memory for values may hold some for batches, but not the other way round.
func (d *Decoder) renew(ctx context.Context, w *Work, a *arena, n int64) error {
	if d.chunk.Records > 0 {
		if err := d.send(ctx); err != nil {
			return err
		}
		d.begin(w)
	}
	d.made.drop()
	a.drop()
	l, err := a.from.Lend(ctx, min(n, a.from.Ceiling))
	if err != nil {
		return err
	}
	a.buffer = l
	return nil
}

// DropArena gives back what the decoder has borrowed.
func (d *Decoder) DropArena() {
	d.arena.drop()
	d.made.drop()
}
