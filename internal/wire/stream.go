package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// FetchHead is what stands before the records in the answer to a fetch of a
// single partition.
type FetchHead struct {
	ErrorCode     int16 // of the whole request, else of the partition
	HighWatermark int64 // as in FetchedPartition
	Aborted       []AbortedTransaction
	RecordBytes   int64 // of records that follow; 0 if the log diverged
}

// maxStreamedAborted bounds the transactions of a FetchHead to a MiB.
const maxStreamedAborted = 1 << 16

// Read reads the head of an answer of size bytes and the version, so that the
// records come next out of r. It reuses Aborted.
func (h *FetchHead) Read(r *bufio.Reader, version int16, size int64) error {
	in := headReader{r: r, left: size}
	flexible := version >= 12
	*h = FetchHead{Aborted: h.Aborted[:0]}
	in.skip(4) // throttle
	h.ErrorCode = int16(in.number(2))
	in.skip(4) // session
	if in.arrayLen(flexible) == 0 {
		return in.err
	}
	if version >= 13 {
		in.skip(16)
	} else {
		in.skip(in.stringLen(flexible))
	}
	if in.arrayLen(flexible) == 0 {
		return in.err
	}
	in.skip(4) // partition
	if code := int16(in.number(2)); h.ErrorCode == 0 {
		h.ErrorCode = code
	}
	h.HighWatermark = in.number(8)
	in.skip(8) // last stable offset
	in.skip(8) // log start offset
	h.readAborted(&in, flexible)
	in.skip(4) // preferred read replica
	h.RecordBytes = in.arrayLen(flexible)
	if in.err == nil && h.RecordBytes > in.left {
		in.fail()
	}
	return in.err
}

func (h *FetchHead) readAborted(in *headReader, flexible bool) {
	n := in.arrayLen(flexible)
	if n > maxStreamedAborted {
		in.fail()
	}
	for ; n > 0 && in.err == nil; n-- {
		h.Aborted = append(h.Aborted, AbortedTransaction{ProducerID: in.number(8), FirstOffset: in.number(8)})
		if flexible && in.uvarint() != 0 {
			in.fail() // no tag is defined
		}
	}
}

// headReader reads fields like cursor does, from a stream.
type headReader struct {
	r    *bufio.Reader
	left int64 // of the answer
	at   int
	err  error
}

func (h *headReader) fail() {
	if h.err == nil {
		h.err = &MalformedError{What: "fetch response", At: h.at}
	}
}

// number reads a signed big-endian number of n bytes, sign not extended.
func (h *headReader) number(n int) (v int64) {
	var b [8]byte
	if !h.claim(int64(n)) {
		return 0
	}
	if _, err := io.ReadFull(h.r, b[8-n:]); err != nil {
		h.err = noEOF(err)
		return 0
	}
	return int64(binary.BigEndian.Uint64(b[:]))
}

func (h *headReader) skip(n int64) {
	if !h.claim(n) {
		return
	}
	if _, err := h.r.Discard(int(n)); err != nil {
		h.err = noEOF(err)
	}
}

func (h *headReader) claim(n int64) bool {
	if h.err == nil && (n < 0 || n > h.left) {
		h.fail()
	}
	if h.err != nil {
		return false
	}
	h.left -= n
	h.at += int(n)
	return true
}

func (h *headReader) uvarint() (v int64) {
	for shift := 0; shift < 35; shift += 7 {
		b := h.number(1)
		v |= b & 0x7f << shift
		if b < 0x80 {
			if v > math.MaxInt32 {
				break
			}
			return v
		}
	}
	h.fail()
	return 0
}

func (h *headReader) arrayLen(flexible bool) int64 {
	if flexible {
		return max(h.uvarint()-1, 0)
	}
	return max(int64(int32(h.number(4))), 0)
}

func (h *headReader) stringLen(flexible bool) int64 {
	if flexible {
		return max(h.uvarint()-1, 0)
	}
	return max(int64(int16(h.number(2))), 0)
}

// BatchStream reads a batch that is never in memory as a whole: the first of a
// partition's records. Read gives its records as they came, compressed or not.
// The batch can be trusted once Verify has found its checksum right, which takes
// reading it to its end.
type BatchStream struct {
	Batch Batch // without the records, and a control batch without its marker

	header [batchHeaderLen]byte
	r      io.Reader
	left   int64
	sum    uint32
	err    error // of r
}

// BatchHeader is the header of a batch as it came, to be compared with another.
type BatchHeader [batchHeaderLen]byte

// Reset reads the header of the first batch of records of size bytes. The high
// watermark is as in Batches.Reset. It returns ErrPartial, a *BatchError, or what
// reading has failed with.
func (s *BatchStream) Reset(r io.Reader, size, highWatermark int64) error {
	*s = BatchStream{r: r}
	head := s.header[:min(size, batchHeaderLen)]
	if _, err := io.ReadFull(r, head); err != nil {
		s.err = noEOF(err)
		return s.err
	}
	if len(head) <= atMagic {
		return ErrPartial
	}
	b := &s.Batch
	b.BaseOffset = int64(binary.BigEndian.Uint64(head))
	if err := b.checkMagic(head); err != nil {
		return err
	}
	length := int64(int32(binary.BigEndian.Uint32(head[atLength:])))
	switch total := length + atLeaderEpoch; {
	case total < batchHeaderLen:
		return b.fault(fmt.Errorf("%w: %d", ErrLength, length))
	case total > size:
		return ErrPartial
	default:
		s.left = total - batchHeaderLen
	}
	if err := b.parseHeader(head); err != nil {
		return err
	}
	if highWatermark >= 0 && b.LastOffset >= highWatermark {
		return b.fault(ErrOrder)
	}
	s.sum = crc32.Checksum(head[atAttributes:], crc32.MakeTable(crc32.Castagnoli))
	return nil
}

// Header is the batch's header with its checksum.
func (s *BatchStream) Header() BatchHeader { return s.header }

// Left is how many bytes of the batch are not read yet.
func (s *BatchStream) Left() int64 { return s.left }

// Err is what reading from the source has failed with: nothing of it is the
// batch's fault.
func (s *BatchStream) Err() error { return s.err }

// Read implements io.Reader.
func (s *BatchStream) Read(p []byte) (int, error) {
	switch {
	case s.err != nil:
		return 0, s.err
	case s.left == 0:
		return 0, io.EOF
	}
	n, err := s.r.Read(p[:min(int64(len(p)), s.left)])
	s.sum = crc32.Update(s.sum, crc32.MakeTable(crc32.Castagnoli), p[:n])
	if s.left -= int64(n); s.left == 0 {
		return n, nil
	}
	if err != nil {
		s.err = noEOF(err)
	}
	return n, s.err
}

// Verify reads the batch to its end, keeping nothing, and compares the checksum.
func (s *BatchStream) Verify() error {
	if _, err := io.Copy(io.Discard, s); err != nil {
		return err
	}
	if s.sum != binary.BigEndian.Uint32(s.header[atCRC:]) {
		return s.Batch.fault(ErrCRC)
	}
	return nil
}
