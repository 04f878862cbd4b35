package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// RecordStream walks the records of a batch that is inflated while it is read.
// After Next comes one of Read and Skip. The zero value is ready for Reset; what
// it holds is a buffer of 64 KiB.
type RecordStream struct {
	records Records // counts, and checks the order
	r       *bufio.Reader
	size    int64 // of the record that Next has found
}

// Reset begins with the inflated records of a batch.
func (s *RecordStream) Reset(b *Batch, r io.Reader) {
	s.records.Reset(b, nil)
	if s.r == nil {
		s.r = bufio.NewReaderSize(r, 64<<10)
	}
	s.r.Reset(r)
}

// Next returns the size of the next record in bytes, io.EOF after the last one.
// Its errors, and those of Read and Skip, are a *BatchError or what the source
// has failed with; records delivered before are good.
func (s *RecordStream) Next() (size int64, err error) {
	if s.records.left == 0 {
		if _, err := s.r.Peek(1); err != io.EOF {
			return 0, s.fail(err, fmt.Errorf("%w: bytes after the last record", ErrCount))
		}
		return 0, io.EOF
	}
	if _, err := s.r.Peek(1); err != nil {
		return 0, s.fail(noEOFOnly(err), fmt.Errorf("%w: %d records are missing", ErrCount, s.records.left))
	}
	head, err := s.r.Peek(binary.MaxVarintLen32)
	if len(head) == 0 {
		return 0, s.fail(err, ErrRecord)
	}
	f := fields{b: head}
	s.size = f.varint()
	if f.bad || s.size <= 0 {
		return 0, s.fail(nil, ErrRecord)
	}
	_, _ = s.r.Discard(len(head) - len(f.b)) // it has been peeked at
	return s.size, nil
}

// Read reads the record into buf, which has the size that Next gave, and rec,
// which aliases it.
func (s *RecordStream) Read(buf []byte, rec *Record) error {
	if _, err := io.ReadFull(s.r, buf); err != nil {
		return s.fail(noEOFOnly(err), ErrRecord)
	}
	if f := (fields{b: buf}); !s.records.decode(&f, rec) {
		return s.fail(nil, ErrRecord)
	}
	return s.admit(rec)
}

// Skip passes the record without keeping it: only the offset and the timestamp
// of rec are set.
func (s *RecordStream) Skip(rec *Record) error {
	const most = 1 + 2*binary.MaxVarintLen64
	head, err := s.r.Peek(int(min(s.size, most)))
	if err != nil {
		return s.fail(noEOFOnly(err), ErrRecord)
	}
	f := fields{b: head}
	f.skip(1)
	timestamp, offset := f.varint(), f.varint()
	if *rec = (Record{}); f.bad || !s.records.place(rec, offset, timestamp) {
		return s.fail(nil, ErrRecord)
	}
	if _, err := s.r.Discard(int(s.size)); err != nil {
		return s.fail(noEOFOnly(err), ErrRecord)
	}
	return s.admit(rec)
}

// admit checks the order and counts.
func (s *RecordStream) admit(rec *Record) error {
	it := &s.records
	if rec.Offset < it.next || rec.Offset > it.batch.LastOffset {
		return s.fail(nil, ErrOrder)
	}
	it.next = rec.Offset + 1
	it.left--
	return nil
}

// fail tells of the source's error if there is one, else of the record's.
func (s *RecordStream) fail(source, record error) error {
	if source != nil {
		return source
	}
	return &BatchError{Offset: s.records.next, Err: record}
}

// noEOFOnly drops the ends of a stream, which here are the record's fault.
func noEOFOnly(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF { //nolint:errorlint // a wrapped end is an error like any other
		return nil
	}
	return err
}
