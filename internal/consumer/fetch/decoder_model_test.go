package fetch

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// TestDecoder_model decodes random answers, begun anywhere, and compares what
// comes out with what went in.
func TestDecoder_model(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 4))
			r := newDecoderRig(t, func(c *Config) { c.Keep = func(record.Reason) bool { return true } })
			w, want := randomAnswer(r, rng)
			var got []string
			next := w.From
			chunks := r.decode(w)
			for _, c := range chunks {
				if c.Fault != nil {
					t.Fatalf("fault: %v", c.Fault.Err)
				}
				if c.Start != next || c.Next < c.Start {
					t.Fatalf("chunk %d-%d follows %d", c.Start, c.Next, next)
				}
				next = c.Next
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
func listed(c *Chunk) (out []string) {
	for i := range c.Groups {
		last := int64(-1)
		for _, l := range c.Groups[i].Lines {
			if l.Offset <= last || l.Offset < c.Start || l.Offset >= c.Next {
				out = append(out, fmt.Sprintf("out of order: %d after %d", l.Offset, last))
			}
			last = l.Offset
			out = append(out, fmt.Sprintf("%09d %d %s %s", l.Offset, l.Time, c.Groups[i].Namespace, l.Bytes))
		}
	}
	for _, j := range c.Rejects {
		out = append(out, fmt.Sprintf("%09d %d %s %s", j.Offset, j.Time, j.Reason, j.Original.Value))
	}
	return out
}

// randomAnswer makes batches with holes, of all codecs, some of them aborted,
// and what they should become when read from a random offset.
func randomAnswer(r *decoderRig, rng *rand.Rand) (w Work, want []string) {
	var batches []recordbatch.Batch
	var aborted []wire.AbortedTransaction
	offset, from := int64(0), rng.Int64N(40)
	for range 1 + rng.IntN(12) {
		b := recordbatch.Batch{Base: offset, Codec: []wire.Codec{wire.None, wire.Gzip, wire.Snappy, wire.Zstd}[rng.IntN(4)]}
		dropped := rng.IntN(5) == 0
		if dropped {
			b.Transactional, b.Producer = true, 100+offset
			aborted = append(aborted, wire.AbortedTransaction{ProducerID: b.Producer, FirstOffset: offset})
		}
		for range rng.IntN(300) {
			offset += rng.Int64N(3) // 0: no hole
			rec := recordbatch.InNS(offset, []string{"a", "b", "c"}[:1+rng.IntN(3)]...)
			if rng.IntN(10) == 0 {
				rec.Value = []byte("poison")
			}
			b.Records = append(b.Records, rec)
			if offset >= from && !dropped {
				want = append(want, expected(rec)...)
			}
			offset++
		}
		b.Last = offset + rng.Int64N(3)
		offset = b.Last + 1
		batches = append(batches, b)
		if dropped {
			batches = append(batches, recordbatch.Marker(offset, b.Producer, 0))
			offset++
		}
	}
	w = r.work(from, batches...)
	w.aborted = aborted
	return w, want
}

func expected(rec recordbatch.Record) (want []string) {
	if string(rec.Value) == "poison" {
		return []string{fmt.Sprintf("%09d %d not_json poison", rec.Offset, recordbatch.Time+rec.Offset)}
	}
	for _, ns := range []string{"a", "b", "c"} {
		if bytes.Contains(rec.Value, []byte(`"`+ns+`"`)) {
			want = append(want, fmt.Sprintf("%09d %d %s %s", rec.Offset, recordbatch.Time+rec.Offset, ns, rec.Value))
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
			b.Codec = codec
			for i := range b.Records {
				b.Records[i].Value = bytes.Replace(b.Records[i].Value, []byte(`"ns":"a"`), fmt.Appendf(nil, `"ns":"n%d"`, i%7), 1)
			}
			w := r.work(0, b)
			allocs := testing.AllocsPerRun(20, func() {
				w.Lease.retain() // serve releases one
				r.decoder.Serve(t.Context(), w)
				for len(r.out) > 0 {
					c := <-r.out
					if c.Fault != nil {
						t.Fatal(c.Fault.Err)
					}
					c.Recycle()
				}
			})
			// A few per answer are of no account, nor are those of the race
			// detector, which makes pools forget.
			if allocs/records > 0.1 {
				t.Errorf("%.0f allocations for %d records", allocs, records)
			}
			w.Lease.Release()
			r.end(nil)
		})
	}
}
