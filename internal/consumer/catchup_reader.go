package consumer

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/kafka"
)

// catchUpJob is one fetch of a partition below its position, for the lines of
// some namespaces that were dropped, or for the records of a refused batch. It
// does not change once it is under way.
type catchUpJob struct {
	cursor    *cursor
	from      int64
	wanted    map[string]bool // namespaces
	originals bool            // their records, not their lines
}

// catchUpReader makes the catch-up reads of a session, one fetch at a time. The
// last chunk of each job carries a fault, of kind faultNone if all went well.
type catchUpReader struct {
	jobs chan *catchUpJob // has room for one
	dec  *decoder
	f    *fetcher
}

func newCatchUpReader(f *fetcher, d *decoder) *catchUpReader {
	return &catchUpReader{jobs: make(chan *catchUpJob, 1), f: f, dec: d}
}

// run serves one job after the other until ctx ends.
func (r *catchUpReader) run(ctx context.Context) {
	defer r.dec.dropArena()
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-r.jobs:
			r.serve(ctx, job)
		}
	}
}

// serve fetches once from the job's offset, sends what it finds as chunks, and
// one last chunk that says that the job is over.
func (r *catchUpReader) serve(ctx context.Context, job *catchUpJob) {
	defer r.dec.dropArena()
	w := work{cursor: job.cursor, epoch: job.cursor.epoch.Load(), from: job.from, catchUp: job}
	flt := r.read(ctx, &w)
	if ctx.Err() != nil {
		return
	}
	r.dec.begin(&w)
	if r.dec.chunk.fault = flt; flt == nil {
		r.dec.chunk.fault = &fault{kind: faultNone}
	}
	_ = r.dec.send(ctx)
}

// errNothingThere: the main read has been further on, so that there is something,
// if only a batch without records. A new leader may not know yet how far it is.
var errNothingThere = errors.New("answer holds nothing below the position")

// read fetches and decodes; w.from ends after what was sent.
func (r *catchUpReader) read(ctx context.Context, w *work) *fault {
	a := r.f.aside(w)
	request := r.f.request([]asked{a})
	request.MaxWait = 0
	res, err := r.f.ask(ctx, a.of, request)
	if err != nil {
		return &fault{kind: faultRetry, err: err}
	}
	defer res.lease.release()
	if res.ErrorCode != 0 || len(res.Partitions) != 1 {
		return &fault{kind: faultRetry, err: kafka.Code(res.ErrorCode)}
	}
	p := &res.Partitions[0]
	switch code := kafka.Code(p.ErrorCode); {
	case code == kafka.CodeOffsetOutOfRange:
		return &fault{kind: faultOutOfRange, err: code}
	case code != kafka.CodeOK:
		return &fault{kind: faultRetry, err: code}
	}
	w.records, w.aborted, w.high, w.lease = p.Records, p.Aborted, p.HighWatermark, res.lease
	if len(p.Records) == 0 {
		return &fault{kind: faultRetry, err: errNothingThere}
	}
	if p.Cut {
		w.cut = res.size
	}
	return r.dec.decode(ctx, w)
}

// caughtUp adds d.rec to a catch-up chunk: the lines of the wanted namespaces,
// or their records.
func (d *decoder) caughtUp(w *work, l *lease) {
	c, rec, job := d.chunk, &d.rec, w.catchUp
	c.records++
	c.next = rec.Offset + 1
	if d.skips(w) {
		return // the main read has counted it
	}
	d.input.Topic, d.input.Partition, d.input.Offset = w.cursor.Topic, w.cursor.Partition, rec.Offset
	d.input.Key, d.input.Value, d.input.Headers = rec.Key, rec.Value, rec
	ln, out, rej := d.worker.Line(c.scratch, &d.input)
	if rej != nil {
		return // the main read has dealt with it
	}
	c.scratch = out
	for _, ns := range ln.Namespaces {
		switch {
		case !job.wanted[ns]:
		case job.originals:
			r := rejected{offset: rec.Offset, time: c.ageOf(rec), original: newOriginal(w.cursor.TopicPartition, rec, c.arrived)}
			c.keep(l)
			c.bytes += r.original.Size()
			c.rejects = append(c.rejects, r)
		default:
			c.keep(l)
			c.add(ns, line{rec.Offset, c.ageOf(rec), ln.Bytes})
		}
	}
}
