package preflight

import (
	"context"
	"errors"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// checkRegistry asks the schema registry for its answer.
func (p *Preflight) checkRegistry(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, preflightPatience)
	defer cancel()
	err := p.cfg.Registry.Check(ctx)
	if err == nil {
		return Finding{Check: "schema registry", OK: true, Detail: "answers"}
	}
	f := Finding{Check: "schema registry", Detail: oneLine(err.Error()), Remedy: "correct BRIDGE_SCHEMA_REGISTRY_URL, or see to it that the registry can be reached from here"}
	if errors.Is(err, decode.ErrRefused) {
		f.Remedy = "correct BRIDGE_SCHEMA_REGISTRY_USERNAME and BRIDGE_SCHEMA_REGISTRY_PASSWORD"
	}
	return f
}

// plain returns the value of a record as JSON and notes its schema. It waits for a
// schema that is not known yet, unless the registry is in trouble.
func (s *sampler) plain(ctx context.Context, rec *wire.Record, seen *tally) (value []byte, rej *record.Rejection, err error) {
	if s.values == nil || rec.Value == nil {
		return rec.Value, nil, nil
	}
	for {
		json, _, err := s.values.Decode(s.json[:0], rec.Value, rec, time.UnixMilli(rec.Timestamp))
		invalid, unfit := errors.AsType[*decode.Invalid](err)
		waiting, waits := errors.AsType[*decode.Waiting](err)
		if name := s.values.Schema(); name != "" && (err == nil || unfit) {
			seen.schemas[name]++
		}
		switch {
		case err == nil:
			return json, nil, nil
		case unfit:
			return nil, invalid.Rejection, nil
		case errors.Is(err, decode.ErrRoom) && int64(cap(s.json)) < fetch.DecodedShare(s.cfg.BufferMaxBytes):
			s.json = make([]byte, 0, max(4*cap(s.json), 64<<10))
		case errors.Is(err, decode.ErrRoom):
			return nil, fetch.JSONTooLarge, nil
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
