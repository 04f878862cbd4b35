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

// leftOut rejects a record that BRIDGE_SKIP_RECORDS names.
var leftOut = &record.Rejection{Reason: record.Operator, Detail: "named by BRIDGE_SKIP_RECORDS"}

// plain returns the value of d.rec, which points into l, as JSON. It may send the
// chunk and begin another. The error is a *decode.Waiting or that of ctx.
func (d *Decoder) plain(ctx context.Context, w *Work, l *Buffer) (plain, *record.Rejection, error) {
	rec, p := &d.rec, plain{d.rec.Value, l}
	if d.cfg.Skip != nil && d.cfg.Skip(w.Cursor.TopicPartition, rec.Offset) {
		return p, leftOut, nil
	}
	if rej := ReceiptIn(rec); rej != nil {
		return p, rej, nil
	}
	if d.values == nil || rec.Value == nil {
		return p, nil, nil
	}
	err := d.fill(ctx, w, &d.made, 0, func(room []byte) error {
		json, out, err := d.values.Decode(room, rec.Value, rec, time.UnixMilli(rec.Timestamp))
		if p.value = json; len(out) > 0 { // else null, or JSON that was in the value already
			p.buffer = d.made.buffer
			d.made.used += len(out)
		}
		return err
	})
	if invalid, ok := errors.AsType[*decode.Invalid](err); ok {
		return p, invalid.Rejection, nil
	}
	if errors.Is(err, errNoRoom) {
		return p, JSONTooLarge, nil
	}
	return p, nil, err
}
