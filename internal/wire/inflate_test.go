package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/klauspost/compress/snappy"
)

// variants are all ways in which records come compressed.
func variants() map[string]encoding {
	return map[string]encoding{
		"none": {}, "gzip": {codec: Gzip}, "snappy": {codec: Snappy}, "snappy of Java": {codec: Snappy, xerial: true},
		"lz4": {codec: LZ4}, "zstd": {codec: Zstd},
	}
}

func readBatch(t testing.TB, raw []byte) *Batch {
	t.Helper()
	var s Batches
	b := new(Batch)
	s.Reset(raw, -1)
	if err := s.Next(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestInflater_everyCodec(t *testing.T) {
	var f Inflater // one for all, so that they must not disturb each other
	for name, e := range variants() {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 1))
			for _, n := range []int{1, 10, 1000, 3} {
				e.records = randomRecords(rng, n, false)
				want := plain(e.records)
				b := readBatch(t, e.bytes(t))
				for _, limit := range []int64{1 << 20, int64(len(want))} {
					got, err := f.Inflate(make([]byte, 7, limit), b)
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%d records, limit %d: %v, got %d bytes, want %d", n, limit, err, len(got), len(want))
					}
				}
				if _, err := f.Inflate(make([]byte, 0, len(want)-1), b); e.codec != None && !errors.Is(err, ErrInflatesTooMuch) {
					t.Fatalf("one byte less: %v", err)
				}
			}
		})
	}
}

func plain(records []sent) (raw []byte) {
	for _, r := range records {
		raw = r.append(raw)
	}
	return raw
}

// A buffer as large as the limit is always enough, so that a caller can account
// for every byte.
func TestInflater_staysInItsBuffer(t *testing.T) {
	var f Inflater
	for name, e := range variants() {
		t.Run(name, func(t *testing.T) {
			e.records = randomRecords(rand.New(rand.NewPCG(2, 2)), 500, false)
			b := readBatch(t, e.bytes(t))
			buf := make([]byte, 0, len(plain(e.records)))
			got, err := f.Inflate(buf, b)
			if err != nil {
				t.Fatal(err)
			}
			if inPlace := &got[0] == &buf[:1][0]; inPlace != (e.codec != None) {
				t.Errorf("in its buffer: %v", inPlace)
			}
		})
	}
}

func TestInflater_bombs(t *testing.T) {
	const limit, size = 1 << 20, 80 << 20
	zeros := make([]byte, size)
	for name, e := range variants() {
		if e.codec == None {
			continue
		}
		t.Run(name, func(t *testing.T) {
			e.payload, e.count = compress(t, e.codec, e.xerial, zeros), 1
			b := readBatch(t, e.bytes(t))
			var f Inflater
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := f.Inflate(make([]byte, 0, limit), b)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrInflatesTooMuch) {
				t.Fatalf("%d bytes: %v", len(e.payload), err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 12<<20 {
				t.Errorf("%d bytes on the wire made %d MiB", len(e.payload), grown>>20)
			}
		})
	}
}

func TestInflater_falseClaims(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0} // a snappy block of 4 GiB
	framed := append([]byte(xerialMagic+"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x06"), huge...)
	for name, e := range map[string]encoding{
		"snappy":                       {codec: Snappy, payload: huge},
		"snappy of Java":               {codec: Snappy, payload: framed},
		"a chunk longer than the rest": {codec: Snappy, payload: append(framed[:xerialHeaderLen:xerialHeaderLen], 0, 0, 0, 9, 7)},
		"nothing at all":               {codec: Gzip, payload: []byte{}},
		"half an lz4 frame":            {codec: LZ4, payload: compress(t, LZ4, false, make([]byte, 100))[:12]},
		"half a zstd frame":            {codec: Zstd, payload: compress(t, Zstd, false, []byte("abcdefgh"))[:9]},
		"half a gzip member":           {codec: Gzip, payload: compress(t, Gzip, false, []byte("abcdefgh"))[:20]},
	} {
		t.Run(name, func(t *testing.T) {
			e.count = 1
			b := readBatch(t, e.bytes(t))
			var f Inflater
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := f.Inflate(make([]byte, 0, 256<<10), b); !errors.Is(err, ErrInflate) {
				t.Errorf("got %v", err)
			}
			if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 1<<20 {
				t.Errorf("%d bytes on the wire made %d", b.CompressedLen(), after.TotalAlloc-before.TotalAlloc)
			}
			if n := b.SizeHint(); n < 0 || n > maxPlausibleRatio*int64(b.CompressedLen()) {
				t.Errorf("hint %d for %d bytes", n, b.CompressedLen())
			}
		})
	}
}

func TestBatch_sizeHint(t *testing.T) {
	for name, exact := range map[string]bool{"none": true, "gzip": true, "snappy": true, "snappy of Java": true, "lz4": false, "zstd": false} {
		t.Run(name, func(t *testing.T) {
			e := variants()[name]
			e.records = randomRecords(rand.New(rand.NewPCG(4, 4)), 100, false)
			want, b := int64(len(plain(e.records))), readBatch(t, e.bytes(t))
			if got := b.SizeHint(); exact && got != want || got <= 0 {
				t.Errorf("hint %d for %d bytes inflated, %d on the wire", got, want, b.CompressedLen())
			}
		})
	}
}

// Whatever room there is, a zstd batch is either inflated or found too large.
// TestInflater_moreThanOneStream reads what Java's client reads: members of gzip,
// frames of zstd, Java's framing of snappy begun again within a batch, and whatever
// follows the last of them and is none itself; of lz4 one frame.
func TestInflater_moreThanOneStream(t *testing.T) {
	var f Inflater
	records := randomRecords(rand.New(rand.NewPCG(5, 5)), 50, false)
	want := plain(records)
	two := func(codec Codec, xerial bool) []byte {
		return append(compress(t, codec, xerial, want[:100]), compress(t, codec, xerial, want[100:])...)
	}
	for name, e := range map[string]encoding{
		"gzip members":                 {codec: Gzip, payload: two(Gzip, false)},
		"gzip and zeros":               {codec: Gzip, payload: append(two(Gzip, false), make([]byte, 40)...)},
		"gzip and a byte":              {codec: Gzip, payload: append(two(Gzip, false), 7)},
		"gzip and half a header":       {codec: Gzip, payload: append(two(Gzip, false), 0x1f, 0x8b, 8)},
		"gzip and a header":            {codec: Gzip, payload: append(two(Gzip, false), compress(t, Gzip, false, want)[:18]...)},
		"snappy streams":               {codec: Snappy, xerial: true, payload: two(Snappy, true)},
		"an empty snappy stream first": {codec: Snappy, xerial: true, payload: append(compress(t, Snappy, true, nil), two(Snappy, true)...)},
		"snappy and a byte":            {codec: Snappy, xerial: true, payload: append(two(Snappy, true), 7)},
		"zstd frames":                  {codec: Zstd, payload: two(Zstd, false)},
		"zstd and a frame of its user": {codec: Zstd, payload: append(two(Zstd, false), 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7)},
		"zstd and half a header":       {codec: Zstd, payload: append(two(Zstd, false), compress(t, Zstd, false, want)[:5]...)},
		"zstd and half a block":        {codec: Zstd, payload: append(two(Zstd, false), compress(t, Zstd, false, want)[:60]...)},
		"lz4 and zeros":                {codec: LZ4, payload: append(compress(t, LZ4, false, want), make([]byte, 40)...)},
		"lz4 and a byte":               {codec: LZ4, payload: append(compress(t, LZ4, false, want), 7)},
	} {
		t.Run(name, func(t *testing.T) {
			e.count, e.lastDelta = int32(len(records)), int32(len(records)-1)
			b := readBatch(t, e.bytes(t))
			got, err := f.Inflate(make([]byte, 0, len(want)), b)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%v, %d bytes of %d", err, len(got), len(want))
			}
			if _, err := f.Inflate(make([]byte, 0, len(want)-1), b); !errors.Is(err, ErrInflatesTooMuch) {
				t.Errorf("one byte less: %v", err)
			}
		})
	}
	broken := two(Gzip, false)
	broken[len(broken)-12] ^= 1
	if _, err := f.Inflate(make([]byte, 0, 1<<20), readBatch(t, encoding{codec: Gzip, count: 1, payload: broken}.bytes(t))); !errors.Is(err, ErrInflate) {
		t.Errorf("a second member that is broken: %v", err)
	}
}

// TestBatch_InflatedBound: enough in any case but a lying trailer, and not much too
// much.
func TestBatch_InflatedBound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for name, e := range variants() {
		for _, n := range []int{0, 1, 10, 3000} {
			e.records = randomRecords(rng, n, true)
			b := readBatch(t, e.bytes(t))
			want := int64(len(plain(e.records)))
			if got := b.InflatedBound(); got < want || got > want+256<<10 {
				t.Errorf("%s, %d records: %d for %d bytes", name, n, got, want)
			}
		}
	}
	for codec := None; codec <= Zstd; codec++ {
		if got := readBatch(t, encoding{codec: codec, count: 1, payload: []byte("noise")}.bytes(t)).InflatedBound(); got < 0 || got > 1<<32 {
			t.Errorf("%s: %d of noise", codec, got)
		}
	}
}

func TestInflater_zstdInAnyRoom(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	var f Inflater
	for range 60 {
		e := encoding{codec: Zstd, records: randomRecords(rng, 1+rng.IntN(2500), false)}
		size := len(plain(e.records))
		b := readBatch(t, e.bytes(t))
		if most, whole := zstdFrames(b.compressed); whole != len(b.compressed) || most < size || most > size+128<<10 {
			t.Fatalf("%d bytes were bounded by %d", size, most)
		}
		limit := rng.IntN(2 * size)
		got, err := f.Inflate(make([]byte, 0, limit), b)
		if size <= limit && (err != nil || len(got) != size) || size > limit && !errors.Is(err, ErrInflatesTooMuch) {
			t.Fatalf("%d bytes, limit %d: %v", size, limit, err)
		}
	}
}

// FuzzInflater: whatever the bytes, no panic, no more than the limit, and only
// declared errors.
func FuzzInflater(f *testing.F) {
	for _, e := range variants() {
		f.Add(compress(f, e.codec, e.xerial, []byte("some records, some records, some records")), byte(e.codec))
	}
	var inflater Inflater
	f.Fuzz(func(t *testing.T, payload []byte, codec byte) {
		const limit = 64 << 10
		b := readBatch(t, encoding{codec: Codec(codec % 5), payload: payload, count: 1}.bytes(t))
		out, err := inflater.Inflate(make([]byte, 0, limit), b)
		if len(out) > limit || err == nil && cap(out) > limit && b.Codec != None {
			t.Fatalf("%d bytes in a buffer of %d", len(out), cap(out))
		}
		if err != nil && !errors.Is(err, ErrInflate) && !errors.Is(err, ErrInflatesTooMuch) {
			t.Fatal(err)
		}
	})
}

// jsonBatch is a batch of about 1 MiB with JSON records of 1 KiB.
func jsonBatch(t testing.TB, codec Codec, records int) []byte {
	rng := rand.New(rand.NewPCG(8, 8))
	e := encoding{codec: codec, producer: -1}
	for i := range records {
		value := fmt.Appendf(nil, `{"id":"%016x","type":"listing","text":"`, rng.Uint64())
		for len(value) < 1000 {
			value = fmt.Appendf(value, "word%d ", rng.IntN(3000))
		}
		e.records = append(e.records, sent{delta: int64(i), timestamp: int64(i), key: fmt.Append(nil, i), value: append(value, `"}`...)})
	}
	return e.bytes(t)
}

func (r *reader) read(t testing.TB, raw []byte) (n int) {
	r.filter.Reset(nil)
	for r.batches.Reset(raw, -1); r.batches.Next(&r.batch) == nil; {
		if r.filter.Skip(&r.batch) {
			continue
		}
		data, err := r.inflater.Inflate(r.room(8<<20), &r.batch)
		if err != nil {
			t.Fatal(err)
		}
		for r.records.Reset(&r.batch, data); r.records.Next(&r.record); n++ {
		}
		if r.records.Err() != nil {
			t.Fatal(r.records.Err())
		}
	}
	return n
}

func TestReading_allocatesNothing(t *testing.T) {
	for _, codec := range []Codec{None, Snappy, Gzip, LZ4, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			raw := jsonBatch(t, codec, 1000)
			var r reader
			r.read(t, raw)
			if allocs := testing.AllocsPerRun(20, func() {
				if n := r.read(t, raw); n != 1000 {
					t.Fatalf("read %d records", n)
				}
			}); allocs > 12 { // per batch of a thousand
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

func BenchmarkReading(b *testing.B) {
	for _, codec := range []Codec{None, Snappy, Gzip, LZ4, Zstd} {
		b.Run(codec.String(), func(b *testing.B) {
			raw := jsonBatch(b, codec, 1000)
			b.SetBytes(int64(len(jsonBatch(b, None, 1000))))
			b.ReportAllocs()
			var r reader
			r.read(b, raw) // makes its buffers, which later ones use again
			for b.Loop() {
				r.read(b, raw)
			}
		})
	}
}

func TestSnappy_ratioBound(t *testing.T) {
	block := snappy.Encode(nil, make([]byte, 1<<20))
	if ratio := (1 << 20) / len(block); ratio >= maxSnappyRatio {
		t.Errorf("snappy reaches %d", ratio)
	}
}
