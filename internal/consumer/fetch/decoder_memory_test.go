package fetch

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"weak"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// padded has records whose lines together are some MiB and hard to compress.
func padded(seed uint64, records int, bytesEach int) (b recordbatch.Batch) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range int64(records) {
		pad := make([]byte, bytesEach)
		for j := range pad {
			pad[j] = 'a' + byte(rng.IntN(26))
		}
		b.Records = append(b.Records, recordbatch.Record{Offset: i, Value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, pad)})
	}
	return b
}

// TestDecoder_inflatesMoreThanABatchSays uses a stream of two parts: its end
// tells the size of the last part only.
func TestDecoder_inflatesMoreThanABatchSays(t *testing.T) {
	r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 64 << 20 })
	var b recordbatch.Batch
	for i := range int64(100) {
		b.Records = append(b.Records, recordbatch.Record{Offset: i, Value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, strings.Repeat("x", 15_000))})
	}
	b.Codec = wire.Gzip
	b.Pack = func(raw []byte) []byte {
		return append(recordbatch.Gzipped(raw[:len(raw)-10]), recordbatch.Gzipped(raw[len(raw)-10:])...)
	}
	first := recordbatch.Batch{Codec: wire.Snappy, Records: []recordbatch.Record{recordbatch.InNS(0, "before")}}
	for i := range b.Records {
		b.Records[i].Offset++
	}
	b.Base = 1
	chunks := r.decode(r.work(0, first, b))
	lines := 0
	for _, c := range chunks {
		if c.Fault != nil {
			t.Fatal(c.Fault.Err)
		}
		for i := range c.Groups {
			for _, l := range c.Groups[i].Lines {
				want := recordbatch.LineOf(0, "before")
				if l.Offset > 0 {
					want = b.Records[l.Offset-1].Value
				}
				if !bytes.Equal(l.Bytes, want) {
					t.Fatalf("line %d was overwritten: %.40q", l.Offset, l.Bytes)
				}
				lines++
			}
		}
	}
	if lines != 101 {
		t.Errorf("%d lines, want 101", lines)
	}
	r.end(chunks)
}

// TestDecoder_keepsNothingAlive: what is given back because it is too large to be kept is
// free for others, though the decoder has nothing else to do since.
func TestDecoder_keepsNothingAlive(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.Gzip, wire.Snappy, wire.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 16 << 20 })
			b := padded(1, 3, 1_300_000)
			b.Codec = codec
			large := func() (all []weak.Pointer[byte]) {
				note := func(l *Buffer) {
					if l == nil || l.size <= r.fetched.capacity {
						t.Fatal("no large buffer is lent")
					}
					all = append(all, weak.Make(&l.Bytes[0]))
				}
				w := r.work(0, b)
				note(w.Lease)
				chunks := r.decode(w)
				if len(chunks) == 0 || chunks[0].Fault != nil {
					t.Fatalf("%d chunks are decoded", len(chunks))
				}
				if codec != wire.None {
					note(r.decoder.arena.buffer)
				}
				r.end(chunks)
				return all
			}()
			runtime.GC()
			for i, p := range large {
				if p.Value() != nil {
					t.Errorf("buffer %d, which was given back, is in use", i)
				}
			}
			runtime.KeepAlive(r)
		})
	}
}

// TestDecoder_decodersDoNotWaitForEachOther lets four of them share an
// allowance that is too small for two large batches.
func TestDecoder_decodersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
		r.fetched = NewAllowance(64<<20, 64<<20) // only the inflated bytes are scarce
		r.out = make(chan *Chunk)
		ctx, cancel := context.WithCancel(t.Context())
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		const decoders, answers = 4, 3
		for i := range decoders {
			in := make(chan Work, answers)
			for range answers {
				var batches []recordbatch.Batch
				for j := range int64(3) { // of 540 KB each, beside an eighth of 8 MiB
					b := padded(uint64(i), 9, 60_000)
					b.Codec, b.Base = wire.Zstd, 9*j
					for k := range b.Records {
						b.Records[k].Offset += 9 * j
					}
					batches = append(batches, b)
				}
				in <- r.work(0, batches...)
			}
			d := NewDecoder(&r.cfg, mapper, r.inflated, r.out)
			go d.Run(ctx, in)
		}
		records := 0
		go func() {
			for {
				select {
				case c := <-r.out:
					if c.Fault != nil {
						t.Error(c.Fault.Err)
					}
					records += c.Records
					c.Recycle()
				case <-ctx.Done():
					return
				}
			}
		}()
		synctest.Wait()
		if want := decoders * answers * 27; records != want {
			t.Errorf("%d records, then the decoders wait for each other; want %d", records, want)
		}
		if used := r.inflated.Used(); used != 0 {
			t.Errorf("idle decoders keep %d bytes", used)
		}
		cancel()
		synctest.Wait()
		if used := r.fetched.Used(); used != 0 {
			t.Errorf("%d bytes of answers are lent at the end", used)
		}
	})
}

func TestDecoder_givesEverythingBackWhenItIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDecoderRig(t)
		r.out = make(chan *Chunk) // nobody receives
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(&r.cfg, mapper, r.inflated, r.out)
		f := New(&r.cfg, nil, r.fetched, 1, func() {})
		in := f.Work[0]
		b := padded(1, 100, 10_000)
		b.Codec = wire.Gzip
		in <- r.work(0, b)
		in <- r.work(100, recordbatch.Batch{Base: 100, Records: []recordbatch.Record{recordbatch.InNS(100, "a")}})
		ctx, cancel := context.WithCancel(t.Context())
		go d.Run(ctx, in)
		synctest.Wait()
		cancel()
		synctest.Wait()
		f.Discard()
		if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
			t.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
		}
	})
}
