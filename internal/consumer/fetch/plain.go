package fetch

import (
	"context"
	"errors"
	"time"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/receipt"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// DecodedShare returns what the JSON of values may hold that their schemas turn into
// it, and so how large that of one value may be.
func DecodedShare(buffer int64) int64 { return buffer / 8 }

// plain is the value of a record as JSON.
type plain struct {
	value  []byte // nil is a tombstone
	buffer *Buffer
}

// JSONTooLarge rejects a record whose value becomes more JSON than DecodedShare.
var JSONTooLarge = &record.Rejection{
	Reason: record.TooLarge, Detail: "the JSON of the value is larger than an eighth of the buffer (BRIDGE_BUFFER_MAX_BYTES)",
}

var receiptFound = &record.Rejection{Reason: record.Receipt, Detail: "a receipt of a bridge is never imported; leave its topic out of the selection"}

// ReceiptIn rejects a record that a bridge wrote to BRIDGE_RECEIPTS_TOPIC, else it
// returns nil.
func ReceiptIn(r *wire.Record) *record.Rejection {
	if _, ok := r.Header(receipt.Header); ok {
		return receiptFound
	}
	return nil
}

// plain returns the value of d.rec, which points into l, as JSON. It may send the
// chunk and begin another. The error is a *decode.Waiting or that of ctx.
func (d *Decoder) plain(ctx context.Context, w *Work, l *Buffer) (plain, *record.Rejection, error) {
	p := plain{d.rec.Value, l}
	if rej := ReceiptIn(&d.rec); rej != nil {
		return p, rej, nil
	}
	if d.values == nil || d.rec.Value == nil {
		return p, nil, nil
	}
	m := &d.made
	for want := int64(arenaBytes); ; {
		if m.buffer == nil {
			if err := d.renew(ctx, w, m, want); err != nil {
				return p, nil, err
			}
		}
		room := m.room()
		json, out, err := d.values.Decode(room[:0:len(room)], d.rec.Value, &d.rec, time.UnixMilli(d.rec.Timestamp))
		switch invalid, ok := errors.AsType[*decode.Invalid](err); {
		case ok:
			return p, invalid.Rejection, nil
		case errors.Is(err, decode.ErrRoom) && m.used == 0 && int64(len(room)) >= m.from.Ceiling:
			return p, JSONTooLarge, nil
		case errors.Is(err, decode.ErrRoom):
			if m.used == 0 {
				want = 4 * int64(len(room))
			}
			m.drop()
		case err != nil:
			return p, nil, err
		case len(out) == 0: // null, or JSON that was in the value already
			return plain{json, l}, nil, nil
		default:
			return plain{json, m.buffer}, nil, nil
		}
	}
}

// keep makes the chunk hold the memory of a value that lines point into.
func (d *Decoder) keep(p plain) {
	d.chunk.keep(p.buffer)
	if p.buffer == d.made.buffer && p.buffer != nil {
		d.made.used += len(p.value)
	}
}
