// Package recordbatch writes record batches and message sets as producers and brokers
// do, and as broken ones might, for the tests of whoever reads them. It is pure.
package recordbatch

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Batch is a record batch as a producer or the compaction would write it.
type Batch struct {
	Base          int64
	Last          int64 // 0: the last record's offset
	Codec         wire.Codec
	Transactional bool
	Control       bool
	Producer      int64
	OldFormat     bool // a message set of format 1, as before Kafka 0.11, of its base, codec and records
	Records       []Record
	Pack          func([]byte) []byte // instead of the codec's own compression
}

type Record struct {
	Offset     int64
	Key, Value []byte // nil is null
	Headers    []kafka.Header
	Timestamp  *int64 // nil is that of its offset: see Time
}

// Time is the timestamp of the record at offset 0; each later one is a
// millisecond younger.
const Time = 1_700_000_000_000

func (b Batch) Encode() []byte {
	if b.OldFormat {
		return b.encodeSet()
	}
	last := b.Last
	var body []byte
	for _, r := range b.Records {
		last = max(last, r.Offset)
		k := kmsg.Record{TimestampDelta64: r.Offset - b.Base, OffsetDelta: int32(r.Offset - b.Base), Key: r.Key, Value: r.Value}
		if r.Timestamp != nil {
			k.TimestampDelta64 = *r.Timestamp - Time - b.Base
		}
		for _, h := range r.Headers {
			k.Headers = append(k.Headers, kmsg.Header{Key: h.Name, Value: h.Value})
		}
		k.Length = int32(len(k.AppendTo(nil)) - 1) // less the length's own byte
		body = k.AppendTo(body)
	}
	pack := b.Pack
	if pack == nil {
		pack = func(raw []byte) []byte { return compressed(b.Codec, raw) }
	}
	k := kmsg.RecordBatch{
		FirstOffset: b.Base, Magic: 2, Attributes: int16(b.Codec), LastOffsetDelta: int32(max(last, b.Base) - b.Base),
		FirstTimestamp: Time + b.Base, MaxTimestamp: Time + last, ProducerID: b.Producer,
		NumRecords: int32(len(b.Records)), Records: pack(body),
	}
	if b.Transactional {
		k.Attributes |= 1 << 4
	}
	if b.Control {
		k.Attributes |= 1 << 5
	}
	raw := k.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// encodeSet encodes a message set; a compressed one is a message itself.
func (b Batch) encodeSet() (set []byte) {
	relative := int64(0)
	if b.Codec != wire.None {
		relative = b.Base
	}
	last := int64(0)
	for _, r := range b.Records {
		set = appendMessage(set, kmsg.MessageV1{Offset: r.Offset - relative, Timestamp: Time + r.Offset, Key: r.Key, Value: r.Value})
		last = r.Offset
	}
	if b.Codec == wire.None {
		return set
	}
	return appendMessage(nil, kmsg.MessageV1{Offset: last, Attributes: int8(b.Codec), Timestamp: Time + last, Value: compressed(b.Codec, set)})
}

func appendMessage(dst []byte, m kmsg.MessageV1) []byte {
	m.Magic = 1
	raw := m.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[12:], crc32.ChecksumIEEE(raw[16:]))
	return append(dst, raw...)
}

// Marker is the control batch that ends a transaction.
func Marker(offset, producer int64, commit byte) Batch {
	return Batch{Base: offset, Transactional: true, Control: true, Producer: producer, Records: []Record{
		{Offset: offset, Key: []byte{0, 0, 0, commit}, Value: []byte{0, 0, 0, 0, 0, 1}},
	}}
}

func compressed(codec wire.Codec, raw []byte) []byte {
	switch codec {
	case wire.Gzip:
		return Gzipped(raw)
	case wire.Snappy:
		return s2.EncodeSnappy(nil, raw)
	case wire.Zstd:
		w, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			panic(err)
		}
		defer w.Close()
		return w.EncodeAll(raw, nil)
	}
	return raw
}

func Gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(raw) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// InNS is the record at offset for some namespaces; its line is its value.
func InNS(offset int64, namespaces ...string) Record {
	return Record{Offset: offset, Value: LineOf(offset, namespaces...)}
}

func LineOf(offset int64, namespaces ...string) []byte {
	list := ""
	for i, n := range namespaces {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%q", n)
	}
	return fmt.Appendf(nil, `{"id":"%d","ns":[%s]}`, offset, list)
}
