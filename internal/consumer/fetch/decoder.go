package fetch

import (
	"context"
	"errors"
	"io"
	"time"

	"kafka-import-bridge/internal/decode"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// Decoder turns fetched bytes into chunks: it checks and inflates record
// batches and makes lines of the records. One goroutine runs it; partitions
// are spread over one decoder per core, eight at most.
type Decoder struct {
	cfg    *Config
	worker *record.Worker
	values *decode.Decoder // nil: values are JSON as they come
	out    chan<- *Chunk

	batches  wire.Batches
	inflater wire.Inflater
	records  wire.Records
	aborted  wire.AbortedFilter
	rec      wire.Record
	input    record.Input

	maxLines int // of a chunk
	maxBytes int64

	arena arena // inflated batches
	made  arena // the JSON of values

	chunk *Chunk // being filled
}

// NewDecoder returns a Decoder that sends its chunks to out. What it inflates lies in what
// inflated lends.
func NewDecoder(cfg *Config, mapper *record.Mapper, inflated *Allowance, out chan<- *Chunk) *Decoder {
	lines, bytes := cfg.chunkBounds()
	d := &Decoder{cfg: cfg, worker: mapper.Worker(), out: out, maxLines: lines, maxBytes: bytes, arena: arena{from: inflated}}
	if cfg.Schemas != nil {
		d.made.from, d.values = cfg.Decoded, cfg.Schemas.Decoder()
	}
	return d
}

// Run serves work until ctx ends.
func (d *Decoder) Run(ctx context.Context, in <-chan Work) {
	defer d.DropArena()
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-in:
			d.Serve(ctx, w)
			if len(in) == 0 {
				d.DropArena() // an idle decoder must not keep others waiting
			}
		}
	}
}

// Serve decodes one partition's share of an answer. Stale work is dropped.
func (d *Decoder) Serve(ctx context.Context, w Work) {
	if w.Lease != nil {
		defer w.Lease.Release()
	}
	if w.Cursor.Epoch.Load() != w.Epoch {
		return
	}
	flt := w.fault
	if flt == nil {
		flt = d.decode(ctx, &w)
	}
	if flt != nil && ctx.Err() == nil {
		d.sendFault(ctx, &w, flt)
	}
}

// watermarkSlack is how far beyond an answer's high watermark its records may
// lie. A broker notes the watermark first and then reads up to where it is by
// then, so that under load records may lie beyond it. The bound is there for
// base offsets gone wild, which no checksum covers.
const watermarkSlack = 1 << 20

// end is the offset that no record of the work may reach, -1 if the broker did not
// say how far its log goes.
func (w *Work) end() int64 {
	if w.High < 0 {
		return -1
	}
	return w.High + watermarkSlack
}

// decode sends the chunks of the work's records. w.From moves along: all below
// it has been sent or lies in the chunk being filled.
func (d *Decoder) decode(ctx context.Context, w *Work) *Fault {
	defer d.forget()
	d.begin(w)
	if d.cfg.ReadCommitted {
		d.aborted.Reset(w.aborted)
	}
	if w.cut > 0 {
		return d.head(ctx, w)
	}
	d.batches.Reset(w.Records, w.end())
	var b wire.Batch
	for {
		err := d.batches.Next(&b)
		if errors.Is(err, io.EOF) {
			_ = d.send(ctx) // fails only with ctx
			return nil
		}
		if err == nil {
			err = d.batch(ctx, w, &b)
		}
		if err != nil {
			d.sendRead(ctx)
			if wait, ok := errors.AsType[*decode.Waiting](err); ok {
				return &Fault{Kind: FaultSchema, Err: wait, Ready: wait.Ready}
			}
			return &Fault{Kind: FaultCorrupt, Err: err}
		}
	}
}

// forget lets go of all that points into lent memory: a decoder may have nothing to do
// for long, and what is given back must be free for others.
func (d *Decoder) forget() {
	d.batches, d.records, d.rec, d.input = wire.Batches{}, wire.Records{}, wire.Record{}, record.Input{}
	d.aborted.Reset(nil)
	d.inflater.Forget()
}

// batch adds the records of one batch to chunks.
func (d *Decoder) batch(ctx context.Context, w *Work, b *wire.Batch) error {
	if !d.aborted.Skip(b) {
		data, l, err := d.inflate(ctx, w, b)
		if errors.Is(err, errNoRoom) {
			return d.passOver(ctx, w, b, InflatedSize(b, d.cfg.BufferMaxBytes))
		}
		if err != nil {
			return err
		}
		d.records.Reset(b, data)
		for d.records.Next(&d.rec) {
			if d.rec.Offset < w.From {
				continue
			}
			if err := d.record(ctx, w, l); err != nil {
				return err
			}
			if w.From = d.rec.Offset + 1; d.full() {
				if err := d.send(ctx); err != nil {
					return err
				}
				d.begin(w)
			}
		}
		if err := d.records.Err(); err != nil {
			return err
		}
	}
	w.From = max(w.From, b.NextOffset())
	d.chunk.Next = w.From
	return nil
}

// record makes lines of d.rec, which points into l. The error is a *decode.Waiting or
// that of ctx.
func (d *Decoder) record(ctx context.Context, w *Work, l *Buffer) error {
	if w.CatchUp != nil && w.CatchUp.Presence {
		d.present()
		return nil
	}
	p, rej, err := d.plain(ctx, w, l)
	if err != nil {
		return err
	}
	c, rec, job := d.chunk, &d.rec, w.CatchUp
	c.Records++
	c.Next, c.LastTime = rec.Offset+1, c.ageOf(rec)
	var ln record.Line
	if rej == nil {
		d.input = record.Input{Topic: w.Cursor.Topic, Partition: w.Cursor.Partition, Offset: rec.Offset, Key: rec.Key, Value: p.value, Headers: rec}
		ln, c.scratch, rej = d.worker.Line(c.scratch, &d.input)
	}
	if rej != nil {
		if job == nil { // else the main read has dealt with it
			d.reject(Rejected{Reason: rej.Reason, Detail: rej.Detail}, d.cfg.Keep(rej.Reason), l)
		}
		return nil
	}
	for _, ns := range ln.Namespaces {
		switch {
		case job != nil && !job.Wanted[ns]:
		case job != nil && job.Originals:
			d.reject(Rejected{}, true, l)
		default:
			c.keep(p.buffer)
			c.Add(ns, Line{rec.Offset, c.LastTime, ln.Bytes})
		}
	}
	return nil
}

// reject adds d.rec, which points into l, as a record that becomes no line: with the
// record itself if it is needed.
func (d *Decoder) reject(r Rejected, needed bool, l *Buffer) {
	c := d.chunk
	r.Offset, r.Time = d.rec.Offset, c.LastTime
	if needed {
		r.Original = newOriginal(c.Cursor.TopicPartition, &d.rec)
		c.keep(l)
		c.Bytes += r.Original.Size()
	}
	c.Rejects = append(c.Rejects, r)
}

// full reports whether the chunk should be handed over.
func (d *Decoder) full() bool {
	c := d.chunk
	return c.lines >= d.maxLines || c.Records >= chunkMaxLines || c.Bytes >= d.maxBytes
}

func (d *Decoder) begin(w *Work) {
	d.chunk = NewChunk(w.Cursor, w.Epoch)
	d.chunk.arrived = time.Now().UnixMilli()
	d.chunk.Start, d.chunk.Next, d.chunk.CatchUp = w.From, w.From, w.CatchUp
}

// send hands the chunk being filled to the loop. There is none any more after a
// send that ctx has cut off.
func (d *Decoder) send(ctx context.Context) error {
	c := d.chunk
	if d.chunk = nil; c == nil {
		return ctx.Err()
	}
	select {
	case d.out <- c:
		return nil
	case <-ctx.Done():
		c.Recycle()
		return ctx.Err()
	}
}

// sendFault lets the loop decide about what has ended the work.
func (d *Decoder) sendFault(ctx context.Context, w *Work, flt *Fault) {
	d.begin(w)
	d.chunk.Fault = flt
	_ = d.send(ctx) // fails only with ctx
}

// sendRead sends the chunk being filled before an error, unless it has come to
// nothing: the loop would take that for a success.
func (d *Decoder) sendRead(ctx context.Context) {
	if c := d.chunk; c != nil && c.Next == c.Start {
		d.chunk = nil
		c.Recycle()
	}
	_ = d.send(ctx) // fails only with ctx
}
