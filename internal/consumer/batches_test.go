package consumer

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

// testBatch is a record batch as a producer or the compaction would write it.
type testBatch struct {
	base          int64
	last          int64 // 0: the last record's offset
	codec         wire.Codec
	transactional bool
	control       bool
	producer      int64
	records       []testRecord
	pack          func([]byte) []byte // instead of the codec's own compression
}

type testRecord struct {
	offset     int64
	key, value []byte // nil is null
	headers    []kafka.Header
	timestamp  *int64 // nil is that of its offset: see testTime
}

// testTime is the timestamp of the record at offset 0; each later one is a
// millisecond younger.
const testTime = 1_700_000_000_000

func (b testBatch) encode() []byte {
	last := b.last
	var body []byte
	for _, r := range b.records {
		last = max(last, r.offset)
		k := kmsg.Record{TimestampDelta64: r.offset - b.base, OffsetDelta: int32(r.offset - b.base), Key: r.key, Value: r.value}
		if r.timestamp != nil {
			k.TimestampDelta64 = *r.timestamp - testTime - b.base
		}
		for _, h := range r.headers {
			k.Headers = append(k.Headers, kmsg.Header{Key: h.Name, Value: h.Value})
		}
		k.Length = int32(len(k.AppendTo(nil)) - 1) // less the length's own byte
		body = k.AppendTo(body)
	}
	pack := b.pack
	if pack == nil {
		pack = func(raw []byte) []byte { return compressed(b.codec, raw) }
	}
	k := kmsg.RecordBatch{
		FirstOffset: b.base, Magic: 2, Attributes: int16(b.codec), LastOffsetDelta: int32(max(last, b.base) - b.base),
		FirstTimestamp: testTime + b.base, MaxTimestamp: testTime + last, ProducerID: b.producer,
		NumRecords: int32(len(b.records)), Records: pack(body),
	}
	if b.transactional {
		k.Attributes |= 1 << 4
	}
	if b.control {
		k.Attributes |= 1 << 5
	}
	raw := k.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// marker is the control batch that ends a transaction.
func marker(offset, producer int64, commit byte) testBatch {
	return testBatch{base: offset, transactional: true, control: true, producer: producer, records: []testRecord{
		{offset: offset, key: []byte{0, 0, 0, commit}, value: []byte{0, 0, 0, 0, 0, 1}},
	}}
}

func compressed(codec wire.Codec, raw []byte) []byte {
	switch codec {
	case wire.Gzip:
		return gzipped(raw)
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

func gzipped(raw []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(raw) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// inNS is the record at offset for some namespaces; its line is its value.
func inNS(offset int64, namespaces ...string) testRecord {
	return testRecord{offset: offset, value: lineOf(offset, namespaces...)}
}

func lineOf(offset int64, namespaces ...string) []byte {
	list := ""
	for i, n := range namespaces {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf("%q", n)
	}
	return fmt.Appendf(nil, `{"id":"%d","ns":[%s]}`, offset, list)
}
