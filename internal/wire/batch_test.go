package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"slices"
	"testing"
)

func three() []sent {
	return []sent{
		{delta: 0, timestamp: 0, key: []byte("k0"), value: []byte("v0")},
		{delta: 1, timestamp: 5, key: nil, value: []byte{}},
		{delta: 2, timestamp: 9, key: []byte{}, value: nil},
	}
}

func TestBatches_refusals(t *testing.T) {
	good := encoding{base: 40, records: three()}
	// patched alters a good batch and makes its checksum right again.
	patched := func(change func(b []byte)) []byte {
		b := good.bytes(t)
		change(b)
		return withCRC(b)
	}
	flip := func(b []byte) []byte { b[len(b)-1] ^= 1; return b }
	put16 := func(at int, v uint16) []byte {
		return patched(func(b []byte) { binary.BigEndian.PutUint16(b[at:], v) })
	}
	put32 := func(at int, v uint32) []byte {
		return patched(func(b []byte) { binary.BigEndian.PutUint32(b[at:], v) })
	}
	for _, tc := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"nothing at all", nil, io.EOF},
		{"a good batch", good.bytes(t), io.EOF},
		{"a flipped bit in the last record", flip(good.bytes(t)), ErrCRC},
		{"a wrong checksum in the second batch", append(good.bytes(t), flip(encoding{base: 43, records: three()}.bytes(t))...), ErrCRC},
		{"cut off inside of the first header", good.bytes(t)[:30], ErrPartial},
		{"cut off before the magic", good.bytes(t)[:16], ErrPartial},
		{"one byte short", good.bytes(t)[:len(good.bytes(t))-1], ErrPartial},
		{"the second batch one byte short", append(good.bytes(t), good.bytes(t)[:70]...), io.EOF},
		{"a batch that calls itself a message", patched(func(b []byte) { b[atMagic] = 1 }), ErrCRC},
		{"a format of the future", patched(func(b []byte) { b[atMagic] = 3 }), ErrUnknownV},
		{"a negative length", put32(atLength, 1<<31), ErrLength},
		{"a length shorter than the header", put32(atLength, batchHeaderLen-atLeaderEpoch-1), ErrLength},
		{"codec 5", put16(atAttributes, 5), ErrCodec},
		{"codec 7", put16(atAttributes, 7), ErrCodec},
		{"a negative base offset", encoding{base: -1, records: three()}.bytes(t), ErrOrder},
		{"a last offset beyond the highest", encoding{base: 1<<63 - 2, records: three()}.bytes(t), ErrOrder},
		{"a negative last offset delta", put32(atLastOffsetDelta, 1<<31), ErrOrder},
		{"a negative count", put32(atCount, 1<<31), ErrCount},
		{"more records than offsets", put32(atCount, 4), ErrCount},
		{"a batch that goes back", append(good.bytes(t), encoding{base: 42, records: three()}.bytes(t)...), ErrOrder},
		{"a record less than announced", encoding{lastDelta: 3, count: 4, records: three()}.bytes(t), ErrCount},
		{"a record more than announced", encoding{count: 2, records: three()}.bytes(t), ErrCount},
		{"announced records without bytes", encoding{lastDelta: 5, count: 3, payload: []byte{}}.bytes(t), ErrCount},
		{"offsets that go back", encoding{lastDelta: 9, records: []sent{{delta: 2}, {delta: 1}}}.bytes(t), ErrOrder},
		{"the same offset twice", encoding{lastDelta: 9, records: []sent{{delta: 2}, {delta: 2}}}.bytes(t), ErrOrder},
		{"an offset after the last", encoding{lastDelta: 1, records: []sent{{delta: 2}}}.bytes(t), ErrOrder},
		{"a record longer than the batch", encoding{count: 1, payload: []byte{20, 0, 0}}.bytes(t), ErrRecord},
		{"a null record", encoding{count: 1, payload: []byte{1}}.bytes(t), ErrRecord},
		{"a record with bytes to spare", encoding{count: 1, payload: []byte{14, 0, 0, 0, 1, 1, 0, 0}}.bytes(t), ErrRecord},
		{"a key longer than the record", encoding{count: 1, payload: []byte{12, 0, 0, 0, 99, 1, 0}}.bytes(t), ErrRecord},
		{"a key length below null", encoding{count: 1, payload: []byte{12, 0, 0, 0, 3, 1, 0}}.bytes(t), ErrRecord},
		{"a negative header count", encoding{count: 1, payload: []byte{12, 0, 0, 0, 1, 1, 1}}.bytes(t), ErrRecord},
		{"a header without a name", encoding{count: 1, payload: []byte{16, 0, 0, 0, 1, 1, 2, 1, 1}}.bytes(t), ErrRecord},
		{"a compressed control batch", encoding{control: true, codec: LZ4, records: three()[:1]}.bytes(t), ErrMarker},
		{"a control record without a kind", encoding{control: true, records: []sent{{key: []byte{0, 0}}}}.bytes(t), ErrMarker},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := new(reader).deliver(tc.raw, nil, 0, true)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			var fault *BatchError
			if errors.Is(tc.want, io.EOF) || errors.Is(tc.want, ErrPartial) {
				return
			}
			if !errors.As(err, &fault) {
				t.Errorf("%v is of no batch", err)
			}
		})
	}
}

// TestReadHeader agrees with reading the whole batch, and refuses what that
// refuses but for its checksum.
func TestReadHeader(t *testing.T) {
	e := encoding{base: 70, codec: Zstd, epoch: 4, transactional: true, producer: 9, firstTimestamp: 5, maxTime: 6, lastDelta: 20, records: three()}
	raw := e.bytes(t)
	want := *readBatch(t, raw)
	want.compressed = nil
	got, length, err := ReadHeader(raw[:batchHeaderLen], 91)
	if err != nil || length != int64(len(raw)) || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v of %d bytes, %v; want %+v of %d", got, length, err, want, len(raw))
	}
	if _, _, err := ReadHeader(raw[:batchHeaderLen-1], -1); !errors.Is(err, ErrPartial) {
		t.Errorf("a part of the header: %v", err)
	}
	for name, c := range map[string]struct {
		at   int
		b    byte
		want error
	}{
		"new": {atMagic, 3, ErrUnknownV}, "short": {atLength, 0xff, ErrLength}, "codec": {atAttributes + 1, 7, ErrCodec},
		"far": {4, 1, ErrOrder}, "negative": {0, 0xff, ErrOrder}, "count": {atCount, 1, ErrCount},
	} {
		bad := bytes.Clone(raw)
		bad[c.at] = c.b
		if _, _, err := ReadHeader(bad, 91); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestBatches_highWatermark(t *testing.T) {
	raw := encoding{base: 40, records: three()}.bytes(t)
	for highWatermark, want := range map[int64]error{43: nil, 42: ErrOrder, -1: nil} {
		var s Batches
		var b Batch
		s.Reset(raw, highWatermark)
		if err := s.Next(&b); !errors.Is(err, want) {
			t.Errorf("high watermark %d: got %v, want %v", highWatermark, err, want)
		}
	}
}

func TestBatches_errorIsFinal(t *testing.T) {
	bad := encoding{records: three()}.bytes(t)
	bad[len(bad)-1] ^= 1
	var s Batches
	var b Batch
	s.Reset(append(bad, encoding{base: 3, records: three()}.bytes(t)...), -1)
	for range 2 {
		if err := s.Next(&b); !errors.Is(err, ErrCRC) {
			t.Fatalf("got %v", err)
		}
	}
}

func TestBatch_compacted(t *testing.T) {
	raw := encoding{base: 10, lastDelta: 20, epoch: 3, records: []sent{{delta: 4, value: []byte("v")}}}.bytes(t)
	raw = append(raw, encoding{base: 31, lastDelta: 8, codec: Zstd, payload: []byte{}}.bytes(t)...)
	got, position, err := new(reader).deliver(raw, nil, 10, true)
	if !errors.Is(err, io.EOF) || position != 40 {
		t.Fatalf("position %d, %v", position, err)
	}
	if len(got) != 1 || got[0].offset != 14 {
		t.Fatalf("got %v", got)
	}
}

func TestRecords_timestamps(t *testing.T) {
	for _, tc := range []struct {
		name string
		lat  bool
		want []int64
	}{
		{"of the producer", false, []int64{1000, 1005, 1009}},
		{"of the log", true, []int64{5000, 5000, 5000}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := encoding{lat: tc.lat, firstTimestamp: 1000, maxTime: 5000, records: three()}.bytes(t)
			delivered, _, _ := new(reader).deliver(raw, nil, 0, true)
			var got []int64
			for _, d := range delivered {
				got = append(got, d.timestamp)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// A record ends with its batch, whatever lies in memory behind it.
func TestRecords_endWithTheirBatch(t *testing.T) {
	raw := encoding{records: three()}.bytes(t)
	var s Batches
	var b Batch
	s.Reset(raw, -1)
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	for n := range b.compressed {
		var it Records
		var r Record
		it.Reset(&b, b.compressed[:n]) // the rest is still within its capacity
		for it.Next(&r) {
		}
		if it.Err() == nil {
			t.Errorf("all three records were read from %d of %d bytes", n, len(b.compressed))
		}
	}
}

func TestRecord_nullIsNotEmpty(t *testing.T) {
	got, _, _ := new(reader).deliver(encoding{records: three()}.bytes(t), nil, 0, true)
	if len(got) != 3 || got[1].key != "null" || got[1].value != `""` || got[2].key != `""` || got[2].value != "null" {
		t.Errorf("got %v", got)
	}
}

func TestRecord_headers(t *testing.T) {
	e := encoding{records: []sent{{headers: []sentHeader{
		{"ns", []byte("first")}, {"null", nil}, {"ns", []byte("last")}, {"empty", []byte{}}, {"", []byte("unnamed")},
	}}}}
	var s Batches
	var b Batch
	var it Records
	var r Record
	s.Reset(e.bytes(t), -1)
	if err := s.Next(&b); err != nil {
		t.Fatal(err)
	}
	if it.Reset(&b, b.compressed); !it.Next(&r) {
		t.Fatal(it.Err())
	}
	for name, want := range map[string]string{"ns": `"last"`, "null": "null", "empty": `""`, "": `"unnamed"`} {
		if got, ok := r.Header(name); !ok || show(got) != want {
			t.Errorf("header %q: got %s, %v, want %s", name, show(got), ok, want)
		}
	}
	if _, ok := r.Header("absent"); ok {
		t.Error("found an absent header")
	}
	for name := range r.Headers() {
		if string(name) != "ns" {
			t.Errorf("first header is %q", name)
		}
		break
	}
}

func TestBatch_markers(t *testing.T) {
	for _, tc := range []struct {
		name string
		e    encoding
		want bool // it aborts
	}{
		{"abort", abortMarker(5, 1), true},
		{"commit", commitMarker(5, 1), false},
		{"unknown kind", markerOf(5, 1, 9), false},
		{"removed by compaction", encoding{base: 5, control: true, payload: []byte{}}, false},
		{"data", encoding{base: 5, records: three()}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s Batches
			var b Batch
			s.Reset(tc.e.bytes(t), -1)
			if err := s.Next(&b); err != nil || b.Aborts != tc.want {
				t.Errorf("got %v, %v, want %v", b.Aborts, err, tc.want)
			}
		})
	}
}
