package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// The formats before batches: message sets, format 0 of Kafka 0.7 and format 1 of
// Kafka 0.10, which adds timestamps. Brokers to 3.9 write them where a topic's
// message.format.version says so, and every broker returns what it finds on disk.
// https://kafka.apache.org/documentation/#messageset
//
// A set is messages one after the other, each with a checksum of its own. A
// compressed one is a single message, the wrapper, whose value inflates to a set. A
// wrapper has the offset of the last message in it. The messages in it have offsets
// of their own in format 0, and count from any number in format 1 (KIP-31).
//
// To readers of a partition each message is a Batch: a plain one with one record, a
// wrapper with those in it.

// Layout of a message, in bytes from its start. The size that follows the offset is
// at atLength, the magic at atMagic, as in a batch.
const (
	atMessageCRC        = 12 // uint32, CRC-32 of all that follows it
	atMessageAttributes = 17 // int8: codec in three bits, then whether LogAppendTime
	atMessageTimestamp  = 18 // int64, of format 1
	messageHeaderLen    = 18 // and 8 in format 1, before the lengths of key and value
)

// isMessage reports whether what begins here is a message of an old format.
func isMessage(raw []byte) bool { return uint8(raw[atMagic]) < 2 }

// messageLen is the least that a message of the format takes.
func messageLen(magic byte) int { return messageHeaderLen + 8*int(magic) + 4 + 4 }

// message is one message of a set.
type message struct {
	magic      byte
	codec      Codec
	appendTime bool
	offset     int64
	timestamp  int64 // -1 in format 0
	key, value []byte
}

// splitMessage returns the first message of a set and what follows it.
func splitMessage(set []byte) (raw, rest []byte, err error) {
	if len(set) > atMagic && !isMessage(set) {
		return nil, nil, fmt.Errorf("%w: magic %d in a message set", ErrUnknownV, set[atMagic])
	}
	if raw, rest, err = split(set); errors.Is(err, ErrPartial) {
		err = ErrRecord
	}
	return raw, rest, err
}

// parse reads a whole message, whose checksum must be right.
func (m *message) parse(raw []byte) error {
	if crc32.ChecksumIEEE(raw[atMagic:]) != binary.BigEndian.Uint32(raw[atMessageCRC:]) {
		return ErrCRC
	}
	if err := m.parseHeader(raw); err != nil {
		return err
	}
	c := cursor{b: raw[messageLen(m.magic)-8:]}
	if m.key, m.value = c.nullable(), c.nullable(); c.bad || len(c.b) > 0 {
		return ErrRecord
	}
	return nil
}

func (m *message) parseHeader(raw []byte) error {
	m.magic, m.offset, m.timestamp = raw[atMagic], baseOffset(raw), -1
	m.codec = Codec(raw[atMessageAttributes] & 7)
	if m.magic == 1 {
		m.appendTime = raw[atMessageAttributes]&(1<<3) != 0
		m.timestamp = int64(binary.BigEndian.Uint64(raw[atMessageTimestamp:]))
	}
	switch {
	case m.codec > LZ4: // zstd came after batches
		return fmt.Errorf("%w: %d", ErrCodec, m.codec)
	case m.offset < 0 || m.offset == math.MaxInt64:
		return ErrOrder
	}
	return nil
}

// readMessage makes a batch of a whole message.
func (s *Batches) readMessage(b *Batch, raw []byte) error {
	var m message
	if err := m.parse(raw); err != nil {
		return b.fault(err)
	}
	*b = batchOf(&m, s.next)
	if b.compressed = raw; m.codec != None {
		if b.compressed = m.value; m.value == nil {
			return b.fault(ErrRecord)
		}
	}
	return s.pass(b)
}

// batchOf is a batch of one message. Where a wrapper begins its offset does not say:
// not below next.
func batchOf(m *message, next int64) Batch {
	b := Batch{
		BaseOffset: m.offset, LastOffset: m.offset, FirstTimestamp: m.timestamp, MaxTimestamp: m.timestamp,
		ProducerID: -1, Codec: m.codec, LogAppendTime: m.appendTime, Records: 1, set: m.magic + 1,
	}
	if m.codec != None {
		b.BaseOffset = min(next, m.offset)
		b.Records = int(min(m.offset-b.BaseOffset+1, math.MaxInt32))
	}
	return b
}

// magic is the number of the older format that the batch is of.
func (b *Batch) magic() byte { return b.set - 1 }

// messageHeader reads the header of a message.
func messageHeader(raw []byte) (Batch, error) {
	var m message
	if err := m.parseHeader(raw); err != nil {
		return Batch{}, &BatchError{Offset: m.offset, Err: err}
	}
	return batchOf(&m, 0), nil
}

// resetSet begins with the messages of another batch.
func (it *Records) resetSet(b *Batch, data []byte) {
	*it = Records{rest: data, next: b.BaseOffset, batch: *b}
	if b.Codec == None {
		return
	}
	last, err := lastOffset(data)
	if err != nil {
		it.fail(err)
	} else if b.magic() == 1 {
		it.base = b.LastOffset - last
	}
}

// lastOffset is the offset of a set's last message, as it says it itself.
func lastOffset(set []byte) (last int64, err error) {
	if len(set) == 0 {
		return 0, fmt.Errorf("%w: a compressed message set is empty", ErrCount)
	}
	for len(set) > 0 {
		raw, rest, err := splitMessage(set)
		if err != nil {
			return 0, err
		}
		last, set = baseOffset(raw), rest
	}
	return last, nil
}

// nextOfSet reads the next message into rec.
func (it *Records) nextOfSet(rec *Record) bool {
	if len(it.rest) == 0 {
		return false
	}
	var m message
	raw, rest, err := splitMessage(it.rest)
	if err == nil {
		err = m.parse(raw)
	}
	if err == nil && it.batch.Codec != None && (m.codec != None || m.magic != it.batch.magic()) {
		err = fmt.Errorf("%w: a message of another kind in a compressed one", ErrRecord)
	}
	if err != nil {
		it.fail(err)
		return false
	}
	*rec = Record{Offset: it.base + m.offset, Key: m.key, Value: m.value}
	it.date(rec, m.timestamp)
	return it.pass(rec, rest)
}
