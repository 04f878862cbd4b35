package fetch

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/wire"
)

// arenaBytes is the least that is borrowed for inflated batches, so that many
// small ones share one buffer.
const arenaBytes = 512 << 10

// inflate returns the records of a batch and the lease they lie in: the
// answer's own for an uncompressed batch, the arena's else. A batch that does
// not fit what is left of the arena gets a new one of the size it says it
// needs, and if it said too little, of four times that, up to the ceiling. What
// inflates to more than that is errOversized.
func (d *Decoder) inflate(ctx context.Context, w *Work, b *wire.Batch) ([]byte, *Buffer, error) {
	if b.Codec == wire.None {
		data, err := d.inflater.Inflate(nil, b, int64(b.CompressedLen()))
		return data, w.Lease, err
	}
	want := max(b.SizeHint(), int64(b.CompressedLen()))
	for try := 0; ; try++ {
		if d.arena == nil || int64(len(d.arena.Bytes)-d.used) < want || try > 0 {
			if err := d.newArena(ctx, w, max(want, arenaBytes)); err != nil {
				return nil, nil, err
			}
		}
		room := d.arena.Bytes[d.used:]
		data, err := d.inflater.Inflate(room[:0:len(room)], b, int64(len(room)))
		if err == nil {
			d.used += len(data)
			return data, d.arena, nil
		}
		if !errors.Is(err, wire.ErrInflatesTooMuch) {
			return nil, nil, err
		}
		if int64(len(room)) >= d.inflated.Ceiling {
			return nil, nil, errOversized
		}
		want = min(4*max(want, int64(len(room))), d.inflated.Ceiling)
	}
}

// newArena borrows another arena. Nothing of the old one may be held while it
// waits, or two decoders could wait for each other: the chunk goes out first.
func (d *Decoder) newArena(ctx context.Context, w *Work, n int64) error {
	if d.chunk.Records > 0 {
		if err := d.send(ctx); err != nil {
			return err
		}
		d.begin(w)
	}
	d.DropArena()
	l, err := d.inflated.Lend(ctx, min(n, d.inflated.Ceiling))
	if err != nil {
		return err
	}
	d.arena, d.used = l, 0
	return nil
}

func (d *Decoder) DropArena() {
	if d.arena != nil {
		d.arena.Release()
		d.arena = nil
	}
}
