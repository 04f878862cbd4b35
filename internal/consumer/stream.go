package consumer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// streamer reads the batches of a session that the buffer budget has no room
// for, one at a time, while other partitions go on. Its goroutine ends with the
// context of run.
type streamer struct {
	f      *fetcher
	reader *streamReader
}

func newStreamer(s *session) *streamer {
	return &streamer{f: s.fetcher, reader: newStreamReader(s.fetcher, newDecoder(s.cfg, s.mapper, s.inflated, s.chunks))}
}

func (s *streamer) run(ctx context.Context) {
	for ctx.Err() == nil {
		a, ok := s.f.nextStream()
		if !ok {
			sleep.Until(ctx, s.f.streamWake, time.Time{})
			continue
		}
		s.serve(ctx, a)
	}
}

// serve reads one batch. What a plain fetch would meet as well is left to that.
func (s *streamer) serve(ctx context.Context, a asked) {
	d := s.reader.dec
	defer d.dropArena()
	w := work{cursor: a.cursor, epoch: a.epoch, from: a.offset}
	err := s.reader.read(ctx, &w)
	at := time.Time{}
	switch {
	case ctx.Err() != nil || err == nil || errors.Is(err, errStale):
	case errors.Is(err, errNothingToStream):
		s.f.refresh()
		at = time.Now().Add(fetchBackoff)
	default:
		w.fault = s.reader.fault(&w, err)
		at = time.Now().Add(maxFetchBackoff) // the loop resets it earlier
		d.serve(ctx, w)
	}
	s.f.streamed(a, w.from, at)
}

// stream reads the batch at offset as a stream before the partition is fetched
// again; what was read before and not yet delivered is stale. Only the loop calls
// it.
func (f *fetcher) stream(c *cursor, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.epoch.Add(1)
	c.offset, c.batchEpoch, c.retryAt = offset, -1, time.Time{}
	c.streams++
	f.streams = append(f.streams, asked{cursor: c, epoch: c.epoch.Load(), offset: offset})
	select {
	case f.streamWake <- struct{}{}:
	default:
	}
}

func (f *fetcher) nextStream() (a asked, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.streams) == 0 {
		return a, false
	}
	a = f.streams[0]
	f.streams = f.streams[1:]
	return a, true
}

// streamed lets the partition be fetched again, from next unless it was reset
// meanwhile.
func (f *fetcher) streamed(a asked, next int64, retryAt time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a.streams--
	if a.cursor.epoch.Load() == a.epoch {
		a.cursor.offset, a.cursor.batchEpoch, a.retryAt = next, -1, retryAt
	}
	f.wake(a.leader)
}

var (
	// errLargeBatch says that a batch has to be read as a stream.
	errLargeBatch = errors.New("batch is larger than the buffer has room for")
	// errStale ends a stream whose partition was reset.
	errStale = errors.New("partition was reset")
	// errNothingToStream leaves an answer without records to a plain fetch.
	errNothingToStream = errors.New("answer holds no batch")
	// errBatchChanged says that the log holds another batch than was verified.
	errBatchChanged = errors.New("batch has changed while it was read")
)

// streamReader reads one batch at a time as a stream, whatever its size: it is
// fetched twice, first to see that its checksum is right, keeping nothing, and
// then to deliver its records one by one. It holds the buffers of a stream (below
// 150 KiB, and a window or block where it is compressed, at most 16 MiB), and an
// arena that holds a record at least. Not safe for concurrent use.
type streamReader struct {
	f   *fetcher
	dec *decoder

	buffer  *bufio.Reader
	head    wire.FetchHead
	batch   wire.BatchStream
	records wire.RecordStream
	aborted wire.AbortedFilter
}

func newStreamReader(f *fetcher, d *decoder) *streamReader {
	return &streamReader{f: f, dec: d, buffer: bufio.NewReaderSize(nil, 64<<10)}
}

// read delivers the batch that holds w.from; w.from moves along with what was
// sent. After an error reading goes on at w.from, too.
func (r *streamReader) read(ctx context.Context, w *work) error {
	if err := r.open(ctx, w, r.batch.Verify); err != nil {
		return err
	}
	verified := r.batch.Header()
	r.aborted.Reset(r.head.Aborted)
	if b := &r.batch.Batch; b.Control || r.aborted.Skip(b) && r.dec.cfg.ReadCommitted {
		r.dec.begin(w)
		return r.finish(ctx, w)
	}
	return r.open(ctx, w, func() error {
		if r.batch.Header() != verified {
			return errBatchChanged
		}
		err := r.deliver(ctx, w)
		if err != nil {
			r.dec.sendRead(ctx) // what came before the error is good
		}
		return err
	})
}

// finish moves on behind the batch.
func (r *streamReader) finish(ctx context.Context, w *work) error {
	w.from = max(w.from, r.batch.Batch.NextOffset())
	r.dec.chunk.next = w.from
	return r.dec.send(ctx)
}

// open fetches the batch at w.from and calls use with r.batch after its header.
func (r *streamReader) open(ctx context.Context, w *work, use func() error) error {
	if w.cursor.epoch.Load() != w.epoch {
		return errStale
	}
	f := r.f
	a := f.aside(w)
	request := f.request([]asked{a})
	request.MaxWait, request.MaxBytes = 0, 1 // one whole batch
	request.Topics[0].Partitions[0].MaxBytes = 1
	return f.client.FetchStream(ctx, a.of, request, func(version int16, body io.Reader, size int64) error {
		r.buffer.Reset(body)
		defer r.buffer.Reset(nil)
		if err := r.head.Read(r.buffer, version, size); err != nil {
			return err
		}
		if r.head.ErrorCode != 0 || r.head.RecordBytes == 0 {
			return fmt.Errorf("%w: %w", errNothingToStream, kafka.Code(r.head.ErrorCode))
		}
		if err := r.batch.Reset(r.buffer, r.head.RecordBytes, r.head.HighWatermark+watermarkSlack); err != nil {
			return err
		}
		return use()
	})
}

// deliver sends the records of r.batch as chunks.
func (r *streamReader) deliver(ctx context.Context, w *work) error {
	d := r.dec
	d.begin(w)
	inflated, err := r.batch.Inflate()
	if err != nil {
		return err
	}
	defer func() { _ = inflated.Close() }() // it only gives memory back
	r.records.Reset(&r.batch.Batch, inflated)
	for {
		size, err := r.records.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.record(ctx, w, size)
		}
		if err != nil {
			return err
		}
	}
	if err := r.batch.Verify(); err != nil {
		return err
	}
	return r.finish(ctx, w)
}

// record reads the next record, of size bytes, into the chunk.
func (r *streamReader) record(ctx context.Context, w *work, size int64) error {
	d := r.dec
	if size > d.inflated.ceiling {
		if err := r.records.Skip(&d.rec); err != nil {
			return err
		}
		if d.rec.Offset < w.from {
			return nil
		}
		d.oversized(w, size)
	} else {
		if d.arena == nil || int64(len(d.arena.buf)-d.used) < size {
			if err := d.newArena(ctx, w, max(size, min(arenaBytes, d.inflated.capacity))); err != nil {
				return err
			}
		}
		buf := d.arena.buf[d.used : d.used+int(size) : d.used+int(size)]
		if err := r.records.Read(buf, &d.rec); err != nil {
			return err
		}
		if d.rec.Offset < w.from {
			return nil
		}
		d.used += int(size)
		d.record(w, d.arena)
	}
	w.from = d.rec.Offset + 1
	if !d.full() {
		return nil
	}
	if w.cursor.epoch.Load() != w.epoch {
		return errStale
	}
	if err := d.send(ctx); err != nil {
		return err
	}
	d.begin(w)
	return nil
}

// fault tells what the error of a read means for the partition.
func (r *streamReader) fault(w *work, err error) *fault {
	bad, ok := errors.AsType[*wire.BatchError](err)
	if !ok || r.batch.Err() != nil {
		return &fault{kind: faultRetry, err: err}
	}
	if errors.Is(err, wire.ErrInflatesTooMuch) {
		err = fmt.Errorf("batch at offset %d inflates to more than BRIDGE_BUFFER_MAX_BYTES has room for and cannot be read in parts: raise it", bad.Offset)
	}
	return &fault{kind: faultCorrupt, offset: w.from, err: err}
}
