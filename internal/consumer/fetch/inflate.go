package fetch

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/decode"
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
// answer's own for an uncompressed batch, the arena's else. The error is that of fill,
// or says what is wrong with the batch.
func (d *Decoder) inflate(ctx context.Context, w *Work, b *wire.Batch) ([]byte, *Buffer, error) {
	if b.Codec == wire.None {
		data, err := d.inflater.Inflate(nil, b)
		return data, w.Lease, err
	}
	var data []byte
	err := d.fill(ctx, w, &d.arena, max(b.SizeHint(), int64(b.CompressedLen())), func(room []byte) (err error) {
		data, err = d.inflater.Inflate(room, b)
		d.arena.used += len(data)
		return err
	})
	return data, d.arena.buffer, err
}

// errNoRoom says that a batch or value has no room in its share of the buffer budget.
var errNoRoom = errors.New("no room in BRIDGE_BUFFER_MAX_BYTES")

// fill lets put write into the free rest of an arena, and returns its error. Where
// less is free than wanted, or put finds too little there, it is given other memory,
// which is ever larger, up to the ceiling of the allowance. If that is too little the
// error is errNoRoom.
func (d *Decoder) fill(ctx context.Context, w *Work, a *arena, want int64, put func(room []byte) error) error {
	for want = max(want, 1); ; {
		if int64(len(a.room())) < want {
			if err := d.renew(ctx, w, a, max(want, arenaBytes)); err != nil {
				return err
			}
		}
		room := a.room()
		err := put(room[:0:len(room)])
		if !errors.Is(err, wire.ErrInflatesTooMuch) && !errors.Is(err, decode.ErrRoom) {
			return err
		}
		if int64(len(room)) >= a.from.Ceiling {
			return errNoRoom
		}
		want = min(4*max(want, int64(len(room))), a.from.Ceiling)
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
