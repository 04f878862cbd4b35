package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// sent is a record as a producer would send it.
type sent struct {
	delta      int64 // from the batch's base offset
	timestamp  int64 // relative to the batch's first
	key, value []byte
	headers    []sentHeader
}

type sentHeader struct {
	name  string
	value []byte
}

// encoding is how a batch is written; its zero value is a plain batch at
// offset 0 by producer 0.
type encoding struct {
	base                        int64
	lastDelta                   int32 // 0: that of the last record
	epoch                       int32
	codec                       Codec
	xerial                      bool // Java's framing of snappy
	transactional, control, lat bool
	producer                    int64
	firstTimestamp, maxTime     int64
	count                       int32 // 0: that of the records
	records                     []sent
	payload                     []byte // instead of records, already compressed
}

func (e encoding) bytes(t testing.TB) []byte {
	t.Helper()
	payload := e.payload
	if payload == nil {
		var raw []byte
		for _, r := range e.records {
			raw = r.append(raw)
		}
		payload = compress(t, e.codec, e.xerial, raw)
	}
	if e.count == 0 {
		e.count = int32(len(e.records))
	}
	if n := len(e.records); e.lastDelta == 0 && n > 0 {
		e.lastDelta = int32(e.records[n-1].delta)
	}
	b := appendInt64(nil, e.base)
	b = appendInt32(b, int32(batchHeaderLen-atLeaderEpoch+len(payload)))
	b = appendInt32(b, e.epoch)
	b = append(b, 2, 0, 0, 0, 0)
	attributes := int16(e.codec)
	for bit, on := range map[int]bool{3: e.lat, 4: e.transactional, 5: e.control} {
		if on {
			attributes |= 1 << bit
		}
	}
	b = appendInt16(b, attributes)
	b = appendInt32(b, e.lastDelta)
	b = appendInt64(b, e.firstTimestamp)
	b = appendInt64(b, e.maxTime)
	b = appendInt64(b, e.producer)
	b = appendInt16(b, 0)
	b = appendInt32(b, 0)
	b = appendInt32(b, e.count)
	b = append(b, payload...)
	return withCRC(b)
}

func withCRC(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atCRC:], crc32.Checksum(b[atAttributes:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func (r sent) append(dst []byte) []byte {
	b := []byte{0}
	b = binary.AppendVarint(b, r.timestamp)
	b = binary.AppendVarint(b, r.delta)
	b = appendSized(b, r.key)
	b = appendSized(b, r.value)
	b = binary.AppendVarint(b, int64(len(r.headers)))
	for _, h := range r.headers {
		b = appendSized(b, append([]byte{}, h.name...))
		b = appendSized(b, h.value)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

func appendSized(dst, v []byte) []byte {
	if v == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(v))), v...)
}

func compress(t testing.TB, codec Codec, xerial bool, raw []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	write := func(w interface {
		Write([]byte) (int, error)
		Close() error
	}) {
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	switch codec {
	case None:
		return raw
	case Gzip:
		write(gzip.NewWriter(&out))
	case LZ4:
		w := lz4.NewWriter(&out) // in blocks as small as those of Java
		if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
			t.Fatal(err)
		}
		write(w)
	case Zstd:
		w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		write(w)
	case Snappy:
		if !xerial {
			return snappy.Encode(nil, raw)
		}
		out.WriteString(xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01")
		for len(raw) > 0 {
			n := min(len(raw), 1000)
			block := snappy.Encode(nil, raw[:n])
			out.Write(appendInt32(nil, int32(len(block))))
			out.Write(block)
			raw = raw[n:]
		}
	default:
		t.Fatalf("no encoder for %s", codec)
	}
	return out.Bytes()
}

// abortMarker and commitMarker end a producer's transaction.
func abortMarker(base, producer int64) encoding  { return markerOf(base, producer, 0) }
func commitMarker(base, producer int64) encoding { return markerOf(base, producer, 1) }

func markerOf(base, producer int64, kind byte) encoding {
	return encoding{
		base: base, producer: producer, transactional: true, control: true,
		records: []sent{{key: []byte{0, 0, 0, kind}, value: []byte{0, 0, 0, 0, 0, 1}}},
	}
}

// randomRecords returns n records, some of them with gaps between offsets.
func randomRecords(rng *rand.Rand, n int, holes bool) []sent {
	records := make([]sent, 0, n)
	delta := int64(0)
	for range n {
		if holes {
			delta += rng.Int64N(3)
		}
		records = append(records, sent{
			delta:     delta,
			timestamp: rng.Int64N(2000) - 500,
			key:       randomBytes(rng, 20),
			value:     randomBytes(rng, 300),
			headers:   randomHeaders(rng),
		})
		delta++
	}
	return records
}

func randomBytes(rng *rand.Rand, most int) []byte {
	switch rng.IntN(6) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	b := make([]byte, rng.IntN(most))
	for i := range b {
		b[i] = "abcdefgh"[rng.IntN(8)]
	}
	return b
}

func randomHeaders(rng *rand.Rand) (headers []sentHeader) {
	for range max(0, rng.IntN(6)-3) {
		headers = append(headers, sentHeader{fmt.Sprint("h", rng.IntN(3)), randomBytes(rng, 10)})
	}
	return headers
}

// reader is what a fetcher keeps.
type reader struct {
	batches  Batches
	batch    Batch
	filter   AbortedFilter
	inflater Inflater
	records  Records
	record   Record
	buf      []byte
}

// delivered is a record as the reader sees it, in memory of its own.
type delivered struct {
	offset, timestamp int64
	key, value        string
	headers           string
}

func show(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%q", b)
}

// room returns room for n bytes, kept from batch to batch.
func (r *reader) room(n int) []byte {
	if cap(r.buf) < n {
		r.buf = make([]byte, 0, n)
	}
	return r.buf
}

// deliver reads everything that a consumer at offset from would get, the
// position afterwards, and what ended it.
func (r *reader) deliver(raw []byte, aborted []AbortedTransaction, from int64, committed bool) (got []delivered, position int64, err error) {
	r.filter.Reset(aborted)
	r.batches.Reset(raw, -1)
	for position = from; ; position = max(position, r.batch.NextOffset()) {
		if err := r.batches.Next(&r.batch); err != nil {
			return got, position, err
		}
		if skip := r.filter.Skip(&r.batch); r.batch.Control || skip && committed {
			continue
		}
		data, err := r.inflater.Inflate(r.room(1<<20), &r.batch)
		if err != nil {
			return got, position, err
		}
		for r.records.Reset(&r.batch, data); r.records.Next(&r.record); {
			if r.record.Offset >= from {
				got = append(got, copyOf(&r.record))
			}
		}
		if err := r.records.Err(); err != nil {
			return got, position, err
		}
	}
}

func copyOf(r *Record) delivered {
	d := delivered{offset: r.Offset, timestamp: r.Timestamp, key: show(r.Key), value: show(r.Value)}
	for name, value := range r.Headers() {
		d.headers += fmt.Sprintf("%s=%s;", name, show(value))
	}
	return d
}
