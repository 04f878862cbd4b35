package fetch

import (
	"context"
	"errors"

	"kafka-import-bridge/internal/kafka"
)

// CatchUpJob is one fetch of a partition below its position: for the lines of
// some namespaces that were dropped, for the records of a refused batch, or to see
// which records the log still has. It does not change once it is under way.
type CatchUpJob struct {
	Cursor    *Cursor
	From      int64
	Wanted    map[string]bool // namespaces
	Originals bool            // their records, not their lines
	Presence  bool            // of each record, whatever it is, that it is there: a Rejected without a reason
}

// presenceBytes is how much is read to see which records are there.
const presenceBytes = 64 << 10

// CatchUpReader makes the catch-up reads of a session, one fetch at a time. The
// last chunk of each job carries a fault, of kind FaultNone if all went well.
type CatchUpReader struct {
	Jobs chan *CatchUpJob // has room for one
	dec  *Decoder
	f    *Fetcher
}

// NewCatchUpReader returns a reader that asks the brokers that f would ask, and decodes
// with d, which nobody else may use.
func NewCatchUpReader(f *Fetcher, d *Decoder) *CatchUpReader {
	return &CatchUpReader{Jobs: make(chan *CatchUpJob, 1), f: f, dec: d}
}

// Run serves one job after the other until ctx ends.
func (r *CatchUpReader) Run(ctx context.Context) {
	defer r.dec.DropArena()
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-r.Jobs:
			r.serve(ctx, job)
		}
	}
}

// serve fetches once from the job's offset, sends what it finds as chunks, and
// one last chunk that says that the job is over.
func (r *CatchUpReader) serve(ctx context.Context, job *CatchUpJob) {
	defer r.dec.DropArena()
	w := Work{Cursor: job.Cursor, Epoch: job.Cursor.Epoch.Load(), From: job.From, CatchUp: job}
	flt := r.read(ctx, &w)
	if ctx.Err() != nil {
		return
	}
	if flt == nil {
		flt = &Fault{Kind: FaultNone}
	}
	r.dec.sendFault(ctx, &w, flt)
}

// errNothingThere: the position is past this offset, so the log must hold a batch
// here, if only one without records. A new leader may not know yet how far it is.
var errNothingThere = errors.New("answer holds nothing below the position")

// read fetches and decodes; w.From ends after what was sent.
func (r *CatchUpReader) read(ctx context.Context, w *Work) *Fault {
	a := r.f.aside(w)
	flt := r.readFrom(ctx, w, a)
	if flt == nil || !a.follower || flt.Kind == FaultSchema || ctx.Err() != nil {
		return flt
	}
	r.f.Distrust(a.Cursor, flt.Err) // the leader may have it
	return &Fault{Kind: FaultRetry, Err: flt.Err}
}

func (r *CatchUpReader) readFrom(ctx context.Context, w *Work, a asked) *Fault {
	request := r.f.request([]asked{a})
	request.MaxWait = 0
	if w.CatchUp.Presence {
		request.MaxBytes = min(request.MaxBytes, presenceBytes)
		request.Partitions[0].MaxBytes = request.MaxBytes
	}
	res, err := r.f.ask(ctx, a.of, request)
	if err != nil {
		return &Fault{Kind: FaultRetry, Err: err}
	}
	defer res.lease.Release()
	if len(res.Partitions) != 1 {
		return &Fault{Kind: FaultRetry, Err: errNothingThere}
	}
	p := &res.Partitions[0]
	switch code := kafka.Code(p.ErrorCode); {
	case code == kafka.CodeOffsetOutOfRange:
		return &Fault{Kind: FaultOutOfRange, Err: code}
	case code != kafka.CodeOK:
		return &Fault{Kind: FaultRetry, Err: code}
	}
	w.Records, w.aborted, w.High, w.Lease = p.Records, p.Aborted, p.HighWatermark, res.lease
	if len(p.Records) == 0 {
		return &Fault{Kind: FaultRetry, Err: errNothingThere}
	}
	if p.Cut {
		w.cut = res.size
	}
	return r.dec.decode(ctx, w)
}

// present adds to a catch-up chunk that d.rec is there.
func (d *Decoder) present() {
	d.chunk.Records++
	d.chunk.Next = d.rec.Offset + 1
	d.reject(Rejected{}, false, nil)
}
