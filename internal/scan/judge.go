package scan

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// A Fate is what a bridge would make of a record: a line for each of its namespaces, or
// none for a reason.
type Fate struct {
	Namespaces []string      // valid until the next record
	Bytes      int64         // of the line, with its newline
	Reason     string        // why there is none, "" if there is one
	Detail     string        // the same in a sentence
	Policy     record.Policy // what becomes of a record without a line
	Schema     string        // the schema that the value names, "" for none
	Letter     bool          // it is a dead letter of a bridge
}

// NewJudge returns a judge that maps records as a bridge of this configuration. Whoever
// asks for it runs the schemas. It is an error if the settings of records are incomplete or
// reject every record.
func NewJudge(cfg *process.Config) (*Judge, error) {
	mapper, err := record.NewMapper(cfg.Record)
	if err != nil {
		return nil, err
	}
	j := &Judge{cfg: cfg, worker: mapper.Worker()}
	if cfg.Schemas != nil {
		j.values = cfg.Schemas.Decoder()
	}
	return j, nil
}

// Judge maps records as a bridge would. It is not safe for concurrent use.
type Judge struct {
	cfg     *process.Config
	worker  *record.Worker
	values  *decode.Decoder // nil: values are JSON as they come
	json    []byte
	scratch []byte
	input   record.Input
}

// Skips reports whether the settings name all records of a partition from one offset to
// another to be left out.
func (j *Judge) Skips(tp kafka.TopicPartition, first, last int64) bool {
	return j.cfg.SkipRecords[tp].Hold(first, last)
}

// Fate judges a record of a partition. It waits for a schema that is not known yet; an
// error is about the settings or the schema registry.
func (j *Judge) Fate(ctx context.Context, tp kafka.TopicPartition, rec *wire.Record) (Fate, error) {
	if j.Skips(tp, rec.Offset, rec.Offset) {
		return Fate{Reason: record.Operator.String(), Detail: "named by BRIDGE_SKIP_RECORDS", Policy: record.Skip}, nil
	}
	out := Fate{Letter: isLetter(rec)}
	value, rej, err := j.plain(ctx, rec, &out)
	if err != nil {
		return Fate{}, fmt.Errorf("%s: %w", tp.At(rec.Offset), err)
	}
	var line record.Line
	if rej == nil {
		j.input = record.Input{Topic: tp.Topic, Partition: tp.Partition, Offset: rec.Offset, Key: rec.Key, Value: value, Headers: rec}
		line, j.scratch, rej = j.worker.Line(j.scratch[:0], &j.input)
		if cap(j.scratch) > maxScratch {
			j.scratch = nil
		}
	}
	if rej == nil {
		out.Namespaces, out.Bytes = line.Namespaces, int64(len(line.Bytes))+1
		return out, nil
	}
	out.Reason, out.Detail = rej.Reason.String(), rej.Detail
	out.Policy = j.cfg.PolicyFor(rej.Reason)
	if out.Letter && out.Policy == record.DeadLetter {
		out.Policy = record.Hold
		out.Detail += " (it is a dead letter of a bridge already)"
	}
	return out, nil
}

func isLetter(rec *wire.Record) bool {
	return letters.Marked(func(name string) bool {
		_, ok := rec.Header(name)
		return ok
	})
}

// maxScratch is the memory for a rewritten line that is kept for the next one.
const maxScratch = 1 << 20

// plain returns the value of a record as JSON, and notes its schema.
func (j *Judge) plain(ctx context.Context, rec *wire.Record, out *Fate) ([]byte, *record.Rejection, error) {
	if rej := fetch.ReceiptIn(rec); rej != nil {
		return nil, rej, nil
	}
	if j.values == nil || rec.Value == nil {
		return rec.Value, nil, nil
	}
	for {
		json, _, err := j.values.Decode(j.json[:0], rec.Value, rec, time.UnixMilli(rec.Timestamp))
		invalid, unfit := errors.AsType[*decode.Invalid](err)
		waiting, waits := errors.AsType[*decode.Waiting](err)
		if err == nil || unfit {
			out.Schema = j.values.Schema()
		}
		switch {
		case err == nil:
			return json, nil, nil
		case unfit:
			return nil, invalid.Rejection, nil
		case errors.Is(err, decode.ErrRoom) && int64(cap(j.json)) < fetch.DecodedShare(j.cfg.BufferMaxBytes):
			j.json = make([]byte, 0, max(4*cap(j.json), 64<<10))
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
