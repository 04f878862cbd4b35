package consumer

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// padded has records whose lines together are some MiB and hard to compress.
func padded(seed uint64, records int, bytesEach int) (b testBatch) {
	rng := rand.New(rand.NewPCG(seed, 3))
	for i := range int64(records) {
		pad := make([]byte, bytesEach)
		for j := range pad {
			pad[j] = 'a' + byte(rng.IntN(26))
		}
		b.records = append(b.records, testRecord{offset: i, value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, pad)})
	}
	return b
}

// TestDecoder_inflatesMoreThanABatchSays uses a stream of two parts: its end
// tells the size of the last part only.
func TestDecoder_inflatesMoreThanABatchSays(t *testing.T) {
	r := newDecoderRig(t, func(c *fetchConfig) { c.BufferMaxBytes = 64 << 20 })
	var b testBatch
	for i := range int64(100) {
		b.records = append(b.records, testRecord{offset: i, value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, strings.Repeat("x", 15_000))})
	}
	b.codec = wire.Gzip
	b.pack = func(raw []byte) []byte { return append(gzipped(raw[:len(raw)-10]), gzipped(raw[len(raw)-10:])...) }
	first := testBatch{codec: wire.Snappy, records: []testRecord{inNS(0, "before")}}
	for i := range b.records {
		b.records[i].offset++
	}
	b.base = 1
	chunks := r.decode(r.work(0, first, b))
	lines := 0
	for _, c := range chunks {
		if c.fault != nil {
			t.Fatal(c.fault.err)
		}
		for i := range c.groups {
			for _, l := range c.groups[i].lines {
				want := lineOf(0, "before")
				if l.offset > 0 {
					want = b.records[l.offset-1].value
				}
				if !bytes.Equal(l.bytes, want) {
					t.Fatalf("line %d was overwritten: %.40q", l.offset, l.bytes)
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

// TestDecoder_decodersDoNotWaitForEachOther lets four of them share an
// allowance that is too small for two large batches.
func TestDecoder_decodersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDecoderRig(t, func(c *fetchConfig) { c.BufferMaxBytes = 8 << 20 })
		r.fetched = newAllowance(64<<20, 64<<20) // only the inflated bytes are scarce
		r.out = make(chan *chunk)
		ctx, cancel := context.WithCancel(t.Context())
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		const decoders, answers = 4, 3
		for i := range decoders {
			in := make(chan work, answers)
			for range answers {
				var batches []testBatch
				for j := range int64(3) { // of 540 KB each, beside an eighth of 8 MiB
					b := padded(uint64(i), 9, 60_000)
					b.codec, b.base = wire.Zstd, 9*j
					for k := range b.records {
						b.records[k].offset += 9 * j
					}
					batches = append(batches, b)
				}
				in <- r.work(0, batches...)
			}
			d := newDecoder(&r.cfg, mapper, r.inflated, r.out)
			go d.run(ctx, in)
		}
		records := 0
		go func() {
			for {
				select {
				case c := <-r.out:
					if c.fault != nil {
						t.Error(c.fault.err)
					}
					records += c.records
					c.recycle()
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
		r.out = make(chan *chunk) // nobody receives
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		d := newDecoder(&r.cfg, mapper, r.inflated, r.out)
		in := make(chan work, 2)
		b := padded(1, 100, 10_000)
		b.codec = wire.Gzip
		in <- r.work(0, b)
		in <- r.work(100, testBatch{base: 100, records: []testRecord{inNS(100, "a")}})
		ctx, cancel := context.WithCancel(t.Context())
		go d.run(ctx, in)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
			t.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
		}
	})
}
