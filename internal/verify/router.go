package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// Settings are those of the bridge that decide what a record owes.
type Settings struct {
	Mapper      *record.Mapper
	OnInvalid   record.Policy
	OnTombstone record.Policy
	// Skips reports whether all records from one offset to another are named to
	// be left out; nil names none.
	Skips func(topic string, partition int32, first, last int64) bool
	// Schemas turn values into JSON, of at most MaxJSON bytes; nil where values
	// are JSON as they come. Whoever runs the verification runs them.
	Schemas *decode.Schemas
	MaxJSON int64
}

// NewRouter returns a Router that does as a bridge of these settings. It is not
// safe for concurrent use.
func NewRouter(s Settings) Router {
	r := &router{settings: s, worker: s.Mapper.Worker()}
	if s.Schemas != nil {
		r.values = s.Schemas.Decoder()
	}
	return r
}

type router struct {
	settings Settings
	worker   *record.Worker
	values   *decode.Decoder // nil: values are JSON as they come
	json     []byte
	scratch  []byte
	input    record.Input
}

// Skips implements Router.
func (r *router) Skips(in *Range, first, last int64) bool {
	return r.settings.Skips != nil && r.settings.Skips(in.Topic, in.Partition, first, last)
}

// Route implements Router.
func (r *router) Route(ctx context.Context, in *Range, rec *wire.Record) (namespaces []string, reason string, policy record.Policy, err error) {
	if r.Skips(in, rec.Offset, rec.Offset) {
		return nil, "operator", record.Skip, nil
	}
	value, rej, err := r.plain(ctx, rec)
	if err != nil {
		return nil, "", record.Skip, fmt.Errorf("%s/%d@%d: %w", in.Topic, in.Partition, rec.Offset, err)
	}
	var line record.Line
	if rej == nil {
		r.input = record.Input{Topic: in.Topic, Partition: in.Partition, Offset: rec.Offset, Key: rec.Key, Value: value, Headers: rec}
		line, r.scratch, rej = r.worker.Line(r.scratch[:0], &r.input)
		if cap(r.scratch) > maxScratch {
			r.scratch = nil
		}
	}
	switch {
	case rej == nil:
		return line.Namespaces, "", record.Skip, nil
	case rej.Reason == record.Tombstone:
		return nil, rej.Reason.String(), r.settings.OnTombstone, nil
	}
	return nil, rej.Reason.String(), r.settings.OnInvalid, nil
}

// maxScratch is the memory for a rewritten line that is kept for the next one.
const maxScratch = 1 << 20

// jsonTooLarge rejects a value as a bridge does whose buffer has no room for it.
var jsonTooLarge = &record.Rejection{Reason: record.TooLarge}

// plain returns the value of a record as JSON. It waits for a schema that is not
// known yet; a registry in trouble is an error.
func (r *router) plain(ctx context.Context, rec *wire.Record) ([]byte, *record.Rejection, error) {
	if r.values == nil || rec.Value == nil {
		return rec.Value, nil, nil
	}
	for {
		json, _, err := r.values.Decode(r.json[:0], rec.Value, rec, time.UnixMilli(rec.Timestamp))
		invalid, unfit := errors.AsType[*decode.Invalid](err)
		waiting, waits := errors.AsType[*decode.Waiting](err)
		switch {
		case err == nil:
			return json, nil, nil
		case unfit:
			return nil, invalid.Rejection, nil
		case errors.Is(err, decode.ErrRoom) && int64(cap(r.json)) < r.settings.MaxJSON:
			r.json = make([]byte, 0, max(4*cap(r.json), 64<<10))
		case errors.Is(err, decode.ErrRoom):
			return nil, jsonTooLarge, nil
		case waits && (waiting.Err == nil || errors.Is(waiting.Err, decode.ErrNotFound)):
			select {
			case <-waiting.Ready:
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			}
		default:
			return nil, nil, err
		}
	}
}
