package consumer

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// TestDecoder_model decodes random answers, begun anywhere, and compares what
// comes out with what went in.
func TestDecoder_model(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 4))
			r := newDecoderRig(t, func(c *fetchConfig) { c.Keep = func(record.Reason) bool { return true } })
			w, want := randomAnswer(r, rng)
			var got []string
			next := w.from
			chunks := r.decode(w)
			for _, c := range chunks {
				if c.fault != nil {
					t.Fatalf("fault: %v", c.fault.err)
				}
				if c.start != next || c.next < c.start {
					t.Fatalf("chunk %d-%d follows %d", c.start, c.next, next)
				}
				next = c.next
				got = append(got, listed(c)...)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("decoded\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			r.end(chunks)
		})
	}
}

// listed is each line and reject of a chunk, which must be in order.
func listed(c *chunk) (out []string) {
	for i := range c.groups {
		last := int64(-1)
		for _, l := range c.groups[i].lines {
			if l.offset <= last || l.offset < c.start || l.offset >= c.next {
				out = append(out, fmt.Sprintf("out of order: %d after %d", l.offset, last))
			}
			last = l.offset
			out = append(out, fmt.Sprintf("%09d %d %s %s", l.offset, l.time, c.groups[i].namespace, l.bytes))
		}
	}
	for _, j := range c.rejects {
		out = append(out, fmt.Sprintf("%09d %d %s %s", j.offset, j.time, j.reason, j.original.Value))
	}
	return out
}

// randomAnswer makes batches with holes, of all codecs, some of them aborted,
// and what they should become when read from a random offset.
func randomAnswer(r *decoderRig, rng *rand.Rand) (w work, want []string) {
	var batches []testBatch
	var aborted []wire.AbortedTransaction
	offset, from := int64(0), rng.Int64N(40)
	for range 1 + rng.IntN(12) {
		b := testBatch{base: offset, codec: []wire.Codec{wire.None, wire.Gzip, wire.Snappy, wire.Zstd}[rng.IntN(4)]}
		dropped := rng.IntN(5) == 0
		if dropped {
			b.transactional, b.producer = true, 100+offset
			aborted = append(aborted, wire.AbortedTransaction{ProducerID: b.producer, FirstOffset: offset})
		}
		for range rng.IntN(300) {
			offset += rng.Int64N(3) // 0: no hole
			rec := inNS(offset, []string{"a", "b", "c"}[:1+rng.IntN(3)]...)
			if rng.IntN(10) == 0 {
				rec.value = []byte("poison")
			}
			b.records = append(b.records, rec)
			if offset >= from && !dropped {
				want = append(want, expected(rec)...)
			}
			offset++
		}
		b.last = offset + rng.Int64N(3)
		offset = b.last + 1
		batches = append(batches, b)
		if dropped {
			batches = append(batches, marker(offset, b.producer, 0))
			offset++
		}
	}
	w = r.work(from, batches...)
	w.aborted = aborted
	return w, want
}

func expected(rec testRecord) (want []string) {
	if string(rec.value) == "poison" {
		return []string{fmt.Sprintf("%09d %d not_json poison", rec.offset, testTime+rec.offset)}
	}
	for _, ns := range []string{"a", "b", "c"} {
		if bytes.Contains(rec.value, []byte(`"`+ns+`"`)) {
			want = append(want, fmt.Sprintf("%09d %d %s %s", rec.offset, testTime+rec.offset, ns, rec.value))
		}
	}
	return want
}

// TestDecoder_steadyStateAllocatesNothingPerRecord decodes answers of a thousand
// records and gives the chunks back.
func TestDecoder_steadyStateAllocatesNothingPerRecord(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.Snappy, wire.Zstd, wire.Gzip} {
		t.Run(codec.String(), func(t *testing.T) {
			r := newDecoderRig(t)
			const records = 2000
			b := padded(5, records, 100)
			b.codec = codec
			for i := range b.records {
				b.records[i].value = bytes.Replace(b.records[i].value, []byte(`"ns":"a"`), fmt.Appendf(nil, `"ns":"n%d"`, i%7), 1)
			}
			w := r.work(0, b)
			allocs := testing.AllocsPerRun(20, func() {
				w.lease.retain() // serve releases one
				r.decoder.serve(t.Context(), w)
				for len(r.out) > 0 {
					c := <-r.out
					if c.fault != nil {
						t.Fatal(c.fault.err)
					}
					c.recycle()
				}
			})
			// A few per answer are of no account, nor are those of the race
			// detector, which makes pools forget.
			if allocs/records > 0.1 {
				t.Errorf("%.0f allocations for %d records", allocs, records)
			}
			w.lease.release()
			r.end(nil)
		})
	}
}
