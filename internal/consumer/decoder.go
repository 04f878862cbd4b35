package consumer

import (
	"context"
	"errors"
	"io"
	"time"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// decoder turns fetched bytes into chunks: it checks and inflates record
// batches and makes lines of the records. One goroutine runs it; partitions
// are spread over as many decoders as there are cores.
type decoder struct {
	cfg      *fetchConfig
	worker   *record.Worker
	inflated *allowance
	out      chan<- *chunk

	batches  wire.Batches
	inflater wire.Inflater
	records  wire.Records
	aborted  wire.AbortedFilter
	rec      wire.Record
	input    record.Input

	maxLines int // of a chunk
	maxBytes int64

	arena *lease // inflated batches lie in it side by side
	used  int    // bytes of the arena that are taken

	chunk *chunk // being filled
}

func newDecoder(cfg *fetchConfig, mapper *record.Mapper, inflated *allowance, out chan<- *chunk) *decoder {
	lines, bytes := cfg.chunkBounds()
	return &decoder{cfg: cfg, worker: mapper.Worker(), inflated: inflated, out: out, maxLines: lines, maxBytes: bytes}
}

// run serves work until ctx ends.
func (d *decoder) run(ctx context.Context, in <-chan work) {
	defer d.dropArena()
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-in:
			d.serve(ctx, w)
			if len(in) == 0 {
				d.dropArena() // an idle decoder must not keep others waiting
			}
		}
	}
}

// serve decodes one partition's share of an answer. Stale work is dropped.
func (d *decoder) serve(ctx context.Context, w work) {
	if w.lease != nil {
		defer w.lease.release()
	}
	if w.cursor.epoch.Load() != w.epoch {
		return
	}
	flt := w.fault
	if flt == nil {
		flt = d.decode(ctx, &w)
	}
	if flt != nil && ctx.Err() == nil {
		d.chunk = newChunk(w.cursor, w.epoch)
		d.chunk.fault = flt
		d.chunk.next = w.from
		_ = d.send(ctx)
	}
}

// watermarkSlack is how far beyond an answer's high watermark its records may
// lie. A broker notes the watermark first and then reads up to where it is by
// then, so that under load records may lie beyond it. The bound is there for
// base offsets gone wild, which no checksum covers.
const watermarkSlack = 1 << 20

// end is the offset that no record of the work may reach, -1 if the broker did not
// say how far its log goes.
func (w *work) end() int64 {
	if w.high < 0 {
		return -1
	}
	return w.high + watermarkSlack
}

// decode sends the chunks of the work's records. w.from moves along: all below
// it has been sent or lies in the chunk being filled.
func (d *decoder) decode(ctx context.Context, w *work) *fault {
	d.begin(w)
	d.aborted.Reset(w.aborted)
	if w.cut > 0 {
		return d.head(ctx, w)
	}
	d.batches.Reset(w.records, w.end())
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
			return &fault{kind: faultCorrupt, offset: w.from, err: err}
		}
	}
}

// batch adds the records of one batch to chunks.
func (d *decoder) batch(ctx context.Context, w *work, b *wire.Batch) error {
	if !d.aborted.Skip(b) || !d.cfg.ReadCommitted && !b.Control {
		data, l, err := d.inflate(ctx, w, b)
		if errors.Is(err, errOversized) {
			return d.passOver(ctx, w, b, InflatedSize(b, d.cfg.BufferMaxBytes))
		}
		if err != nil {
			return err
		}
		d.records.Reset(b, data)
		for d.records.Next(&d.rec) {
			if d.rec.Offset < w.from {
				continue
			}
			d.record(w, l)
			if w.from = d.rec.Offset + 1; d.full() {
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
	w.from = max(w.from, b.NextOffset())
	d.chunk.next = w.from
	return nil
}

// record makes lines of d.rec, which points into l.
func (d *decoder) record(w *work, l *lease) {
	c, rec := d.chunk, &d.rec
	if w.catchUp != nil {
		d.caughtUp(w, l)
		return
	}
	c.records++
	c.next = rec.Offset + 1
	c.lastTime = c.ageOf(rec)
	if d.skips(w) {
		c.rejects = append(c.rejects, rejected{offset: rec.Offset, time: c.lastTime, operator: true})
		return
	}
	d.input = record.Input{Topic: w.cursor.Topic, Partition: w.cursor.Partition, Offset: rec.Offset, Key: rec.Key, Value: rec.Value, Headers: rec}
	ln, out, rej := d.worker.Line(c.scratch, &d.input)
	if rej != nil {
		d.reject(rej, l)
		return
	}
	c.scratch = out
	c.keep(l)
	for _, ns := range ln.Namespaces {
		c.add(ns, line{rec.Offset, c.lastTime, ln.Bytes})
	}
}

// skips says whether d.rec is named by BRIDGE_SKIP_RECORDS.
func (d *decoder) skips(w *work) bool {
	return d.cfg.Skip != nil && d.cfg.Skip(w.cursor.TopicPartition, d.rec.Offset)
}

// reject notes that d.rec, which points into l, becomes no line.
func (d *decoder) reject(rej *record.Rejection, l *lease) {
	r := rejected{offset: d.rec.Offset, time: d.chunk.lastTime, reason: rej.Reason, detail: rej.Detail}
	if d.cfg.Keep(rej.Reason) {
		r.original = newOriginal(d.chunk.cursor.TopicPartition, &d.rec, d.chunk.arrived)
		d.chunk.keep(l)
		d.chunk.bytes += r.original.Size()
	}
	d.chunk.rejects = append(d.chunk.rejects, r)
}

// full says whether the chunk should be handed over.
func (d *decoder) full() bool {
	c := d.chunk
	return c.lines >= d.maxLines || c.records >= chunkMaxLines || c.bytes >= d.maxBytes
}

func (d *decoder) begin(w *work) {
	d.chunk = newChunk(w.cursor, w.epoch)
	d.chunk.arrived = time.Now().UnixMilli()
	d.chunk.start, d.chunk.next, d.chunk.catchUp = w.from, w.from, w.catchUp
}

// send hands the chunk being filled to the loop. There is none any more after a
// send that ctx has cut off.
func (d *decoder) send(ctx context.Context) error {
	c := d.chunk
	if d.chunk = nil; c == nil {
		return ctx.Err()
	}
	select {
	case d.out <- c:
		return nil
	case <-ctx.Done():
		c.recycle()
		return ctx.Err()
	}
}

// sendRead sends the chunk being filled before an error, unless it has come to
// nothing: the loop would take that for a success.
func (d *decoder) sendRead(ctx context.Context) {
	if c := d.chunk; c != nil && c.next == c.start {
		d.chunk = nil
		c.recycle()
	}
	_ = d.send(ctx) // fails only with ctx
}
