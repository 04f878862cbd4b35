package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
)

// Layout of a batch, which is format 2, in bytes from its start.
const (
	atLength          = 8  // int32, what follows it
	atLeaderEpoch     = 12 // int32
	atMagic           = 16 // int8, in the same place in every format
	atCRC             = 17 // uint32, of all that follows it
	atAttributes      = 21 // int16
	atLastOffsetDelta = 23 // int32
	atFirstTimestamp  = 27 // int64
	atMaxTimestamp    = 35 // int64
	atProducerID      = 43 // int64
	atCount           = 57 // int32, after the base sequence number
	batchHeaderLen    = 61
)

// Batch is the header of a batch of records whose checksum was found right, or a
// message of an older format, which may be compressed and hold others. It aliases
// the bytes that it was read from.
type Batch struct {
	BaseOffset     int64 // no record's is lower; in a compressed message only a bound
	LastOffset     int64 // inclusive; kept when compaction removed the last records
	FirstTimestamp int64 // milliseconds, what the records' timestamps are relative to
	MaxTimestamp   int64 // milliseconds; every record's timestamp if LogAppendTime
	ProducerID     int64 // -1 for producers without idempotence
	Codec          Codec
	Records        int // how many, in a compressed message at most; none where compaction left only the header
	Transactional  bool
	Control        bool // holds a marker and no data
	Aborts         bool // the marker says that its producer's transaction does not count
	LogAppendTime  bool
	compressed     []byte
	set            byte // 0, or one more than the number of the older format
}

// NextOffset returns where to read on after the batch.
func (b *Batch) NextOffset() int64 { return b.LastOffset + 1 }

// CompressedLen returns the length of the records as they came, in bytes.
func (b *Batch) CompressedLen() int { return len(b.compressed) }

func (b *Batch) fault(err error) error { return &BatchError{Offset: b.BaseOffset, Err: err} }

// Batches reads the batches of one partition of a fetch response one after the other.
// The zero value has none.
type Batches struct {
	rest []byte
	next int64 // no batch may begin below; 0 before the first one
	end  int64 // no batch may reach this, unless negative
	err  error
}

// Reset begins with the records of another partition. The high watermark bounds
// the offsets that they may have (the checksum does not cover a batch's base
// offset); -1 if it is unknown. The first batch may begin below the offset that
// was asked for: brokers return whole batches.
func (s *Batches) Reset(records []byte, highWatermark int64) {
	*s = Batches{rest: records, end: highWatermark}
}

// Next reads the next batch into b. It returns io.EOF after the last whole
// batch (a partial one at the end is normal), ErrPartial if the bytes hold only
// a part of the first one, and a *BatchError if the batch cannot be trusted;
// that is final, as what follows it cannot be told from noise.
func (s *Batches) Next(b *Batch) error {
	if s.err == nil {
		s.err = s.read(b)
	}
	return s.err
}

func (s *Batches) read(b *Batch) error {
	raw, rest, err := split(s.rest)
	if errors.Is(err, ErrPartial) {
		if s.next > 0 || len(s.rest) == 0 {
			return io.EOF
		}
		return err
	}
	*b = Batch{BaseOffset: baseOffset(s.rest)}
	if err != nil {
		return b.fault(err)
	}
	if s.rest = rest; isMessage(raw) {
		return s.readMessage(b, raw)
	}
	return s.readBatch(b, raw)
}

func baseOffset(batch []byte) int64 { return int64(binary.BigEndian.Uint64(batch)) }

// split returns the first batch of records and what follows it, or ErrPartial where the
// batch is cut off.
func split(records []byte) (first, rest []byte, err error) {
	length, err := frame(records)
	switch {
	case err != nil:
		return nil, nil, err
	case length > int64(len(records)):
		return nil, nil, ErrPartial
	}
	return records[:length:length], records[length:], nil
}

// frame returns the length of the first batch of records in bytes, or ErrPartial where
// not even the batch's header is there.
func frame(records []byte) (length int64, err error) {
	if len(records) <= atMagic {
		return 0, ErrPartial
	}
	if magic := records[atMagic]; magic > 2 {
		return 0, fmt.Errorf("%w: magic %d", ErrUnknownV, magic)
	}
	length = int64(int32(binary.BigEndian.Uint32(records[atLength:]))) + atLeaderEpoch
	header := int64(batchHeaderLen)
	if isMessage(records) {
		header = int64(messageLen(records[atMagic]))
	}
	switch {
	case length < header:
		return 0, fmt.Errorf("%w: %d", ErrLength, length-atLeaderEpoch)
	case int64(len(records)) < header:
		return 0, ErrPartial
	}
	return length, nil
}

// readBatch reads a whole batch, and in a control batch the marker.
func (s *Batches) readBatch(b *Batch, raw []byte) error {
	want := binary.BigEndian.Uint32(raw[atCRC:])
	if crc32.Checksum(raw[atAttributes:], crc32.MakeTable(crc32.Castagnoli)) != want {
		return b.fault(ErrCRC)
	}
	if err := b.parseHeader(raw); err != nil {
		return err
	}
	if b.compressed = raw[batchHeaderLen:]; b.Control {
		if err := b.readMarker(); err != nil {
			return err
		}
	}
	return s.pass(b)
}

// pass checks that the batch lies behind the one before and moves on.
func (s *Batches) pass(b *Batch) error {
	if b.BaseOffset < s.next || (s.end >= 0 && b.LastOffset >= s.end) {
		return b.fault(ErrOrder)
	}
	s.next = b.NextOffset()
	return nil
}

// ReadHeader reads the header of the first batch of records, of which there need
// not be more, and returns the batch's length in bytes with it. The checksum is
// not compared: the offsets and the counts are bounded, and not more to be
// trusted. The high watermark is as in Reset.
func ReadHeader(records []byte, highWatermark int64) (b Batch, length int64, err error) {
	if length, err = frame(records); errors.Is(err, ErrPartial) {
		return b, 0, err
	}
	b.BaseOffset = baseOffset(records)
	switch {
	case err != nil:
		err = b.fault(err)
	case isMessage(records):
		b, err = messageHeader(records)
	default:
		err = b.parseHeader(records)
	}
	if err == nil && highWatermark >= 0 && b.LastOffset >= highWatermark {
		err = b.fault(ErrOrder)
	}
	if err != nil {
		return Batch{}, 0, err
	}
	return b, length, nil
}

// parseHeader reads the fields after the base offset.
func (b *Batch) parseHeader(raw []byte) error {
	attributes := binary.BigEndian.Uint16(raw[atAttributes:])
	b.Codec = Codec(attributes & 7)
	b.LogAppendTime = attributes&(1<<3) != 0
	b.Transactional = attributes&(1<<4) != 0
	b.Control = attributes&(1<<5) != 0
	b.FirstTimestamp = int64(binary.BigEndian.Uint64(raw[atFirstTimestamp:]))
	b.MaxTimestamp = int64(binary.BigEndian.Uint64(raw[atMaxTimestamp:]))
	b.ProducerID = int64(binary.BigEndian.Uint64(raw[atProducerID:]))
	b.Records = int(int32(binary.BigEndian.Uint32(raw[atCount:])))

	delta := int64(int32(binary.BigEndian.Uint32(raw[atLastOffsetDelta:])))
	b.LastOffset = b.BaseOffset + delta
	switch {
	case b.BaseOffset < 0 || delta < 0 || b.BaseOffset > math.MaxInt64-1-delta:
		return b.fault(ErrOrder)
	case b.Records < 0 || int64(b.Records) > delta+1:
		return b.fault(fmt.Errorf("%w: %d records in %d offsets", ErrCount, b.Records, delta+1))
	case b.Codec > Zstd:
		return b.fault(fmt.Errorf("%w: %d", ErrCodec, b.Codec))
	}
	return nil
}

// readMarker looks into a control batch, which brokers never compress. A marker
// that cannot be read must not pass: an abort would stay in force for ever.
func (b *Batch) readMarker() error {
	if b.Records == 0 {
		return nil // compaction removed it
	}
	if b.Codec != None {
		return b.fault(ErrMarker)
	}
	var records Records
	var marker Record
	records.Reset(b, b.compressed)
	if !records.Next(&marker) || len(marker.Key) < 4 {
		return b.fault(ErrMarker)
	}
	b.Aborts = binary.BigEndian.Uint16(marker.Key[2:]) == 0 // 1 is a commit, and more may come
	return nil
}
