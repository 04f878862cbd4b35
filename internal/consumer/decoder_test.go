package consumer

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// decoderRig feeds one decoder and collects its chunks.
type decoderRig struct {
	t                 *testing.T
	cfg               Config
	fetched, inflated *allowance
	cursor            *cursor
	out               chan *chunk
	decoder           *decoder
}

func newDecoderRig(t *testing.T, change ...func(*Config)) *decoderRig {
	t.Helper()
	r := &decoderRig{t: t, cfg: testConfig(t, change...), out: make(chan *chunk, 1000), cursor: &cursor{TopicPartition: TopicPartition{"orders", 3}}}
	mapper, err := record.NewMapper(r.cfg.Record)
	if err != nil {
		t.Fatal(err)
	}
	r.fetched = newAllowance(r.cfg.fetchAllowance(), r.cfg.fetchCeiling())
	r.inflated = newAllowance(r.cfg.fetchAllowance(), r.cfg.inflateCeiling())
	r.decoder = newDecoder(&r.cfg, mapper, r.inflated, r.out)
	return r
}

// work is an answer that holds the batches.
func (r *decoderRig) work(from int64, batches ...testBatch) work {
	r.t.Helper()
	var raw []byte
	for _, b := range batches {
		raw = append(raw, b.encode()...)
	}
	l, err := r.fetched.lend(r.t.Context(), int64(len(raw)))
	if err != nil {
		r.t.Fatal(err)
	}
	return work{cursor: r.cursor, epoch: r.cursor.epoch.Load(), from: from, high: 1 << 40, records: l.buf[:copy(l.buf, raw)], lease: l}
}

// decode serves the work and returns the chunks.
func (r *decoderRig) decode(w work) (chunks []*chunk) {
	r.t.Helper()
	r.decoder.serve(r.t.Context(), w)
	for len(r.out) > 0 {
		chunks = append(chunks, <-r.out)
	}
	return chunks
}

// end recycles the chunks; nothing may be lent then.
func (r *decoderRig) end(chunks []*chunk) {
	r.t.Helper()
	for _, c := range chunks {
		c.recycle()
	}
	r.decoder.dropArena()
	if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
		r.t.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
	}
}

// told writes chunks as their range, lines, rejects and faults. Chunks that
// cover nothing are left out.
func told(chunks []*chunk) string {
	var b strings.Builder
	for _, c := range chunks {
		if c.fault != nil {
			fmt.Fprintf(&b, "fault %d at %d\n", c.fault.kind, c.next)
			continue
		}
		if c.start == c.next {
			continue // says nothing
		}
		fmt.Fprintf(&b, "%d-%d (%d records)\n%s", c.start, c.next, c.records, shape(c))
		for _, j := range c.rejects {
			if j.operator {
				fmt.Fprintf(&b, "%d operator\n", j.offset)
			} else {
				fmt.Fprintf(&b, "%d %s letter=%t\n", j.offset, j.reason, j.letter != nil)
			}
		}
	}
	return b.String()
}

func TestDecoder_tellsWhatBecomesOfEachRecord(t *testing.T) {
	aborted := []wire.AbortedTransaction{{ProducerID: 7, FirstOffset: 2}}
	for _, tc := range []struct {
		name    string
		change  func(*Config)
		from    int64
		aborted []wire.AbortedTransaction
		batches []testBatch
		want    string
	}{
		{
			name:    "lines are grouped and fanned out",
			batches: []testBatch{{records: []testRecord{inNS(0, "a", "b"), inNS(1, "b")}}},
			want:    "0-2 (2 records)\na: 0=" + string(lineOf(0, "a", "b")) + "\nb: 0=" + string(lineOf(0, "a", "b")) + " 1=" + string(lineOf(1, "b")) + "\n",
		},
		{
			name:    "compacted holes count, also at the end of a batch and of nothing but holes",
			batches: []testBatch{{base: 5, last: 9, records: []testRecord{inNS(6, "a")}}, {base: 10, last: 19}},
			from:    5,
			want:    "5-20 (1 records)\na: 6=" + string(lineOf(6, "a")) + "\n",
		},
		{
			name:    "an answer that begins before the asked offset is cut",
			batches: []testBatch{{records: []testRecord{inNS(0, "a"), inNS(1, "a"), inNS(2, "a")}}},
			from:    2,
			want:    "2-3 (1 records)\na: 2=" + string(lineOf(2, "a")) + "\n",
		},
		{
			name:    "markers are no records",
			batches: []testBatch{{transactional: true, producer: 7, records: []testRecord{inNS(0, "a")}}, marker(1, 7, 1)},
			want:    "0-2 (1 records)\na: 0=" + string(lineOf(0, "a")) + "\n",
		},
		{
			name: "aborted transactions are left out, others of the same time are not", aborted: aborted,
			batches: []testBatch{
				{base: 2, transactional: true, producer: 7, records: []testRecord{inNS(2, "a")}},
				{base: 3, transactional: true, producer: 8, records: []testRecord{inNS(3, "a")}},
				marker(4, 7, 0),
				{base: 5, transactional: true, producer: 7, records: []testRecord{inNS(5, "a")}},
			},
			from: 2,
			want: "2-6 (2 records)\na: 3=" + string(lineOf(3, "a")) + " 5=" + string(lineOf(5, "a")) + "\n",
		},
		{
			name: "read_uncommitted delivers aborted records, but no markers", aborted: aborted,
			change:  func(c *Config) { c.ReadCommitted = false },
			batches: []testBatch{{base: 2, transactional: true, producer: 7, records: []testRecord{inNS(2, "a")}}, marker(3, 7, 0)},
			from:    2,
			want:    "2-4 (1 records)\na: 2=" + string(lineOf(2, "a")) + "\n",
		},
		{
			name: "records are skipped by name, whatever they are",
			change: func(c *Config) {
				c.SkipRecords = map[TopicPartition]map[int64]bool{{"orders", 3}: {1: true, 2: true}, {"orders", 4}: {0: true}}
			},
			batches: []testBatch{{records: []testRecord{inNS(0, "a"), inNS(1, "a"), {offset: 2, value: []byte("poison")}}}},
			want:    "0-3 (3 records)\na: 0=" + string(lineOf(0, "a")) + "\n1 operator\n2 operator\n",
		},
		{
			name:    "held rejects need no copy",
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}, inNS(2, "a")}}},
			want:    "0-3 (3 records)\na: 2=" + string(lineOf(2, "a")) + "\n0 not_json letter=false\n1 tombstone letter=false\n",
		},
		{
			name:    "invalid records are copied for the dead-letter topic",
			change:  func(c *Config) { c.OnInvalid, c.OnTombstone = DeadLetter, Skip },
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json letter=true\n1 tombstone letter=false\n",
		},
		{
			name:    "tombstones have a policy of their own",
			change:  func(c *Config) { c.OnInvalid, c.OnTombstone = Hold, DeadLetter },
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json letter=false\n1 tombstone letter=true\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*Config) {}
			}
			r := newDecoderRig(t, change)
			w := r.work(tc.from, tc.batches...)
			w.aborted = tc.aborted
			chunks := r.decode(w)
			if got := told(chunks); got != tc.want {
				t.Errorf("decoded\n%s\nwant\n%s", got, tc.want)
			}
			r.end(chunks)
		})
	}
}

func TestDecoder_copiesARecordForTheDeadLetterTopic(t *testing.T) {
	r := newDecoderRig(t, func(c *Config) { c.OnInvalid = DeadLetter })
	w := r.work(0, testBatch{records: []testRecord{
		{offset: 0, key: []byte{}, value: []byte("poison"), headers: []header{{"h", []byte("v")}, {"h", nil}, {"", []byte{}}}},
	}})
	chunks := r.decode(w)
	clear(w.records) // the answer's memory is about to be somebody else's
	l := chunks[0].rejects[0].letter
	if string(l.value) != "poison" || l.key == nil || len(l.key) != 0 || l.offset != 0 || l.timestamp != testTime || l.source != r.cursor.TopicPartition {
		t.Errorf("letter %+v", l)
	}
	if len(l.headers) != 3 || l.headers[0].name != "h" || string(l.headers[0].value) != "v" || l.headers[1].value != nil || l.headers[2].value == nil {
		t.Errorf("headers %q", l.headers)
	}
	if chunks[0].bytes < int64(len("poison")) {
		t.Error("the copy is not charged to the chunk")
	}
	r.end(chunks)
}

// TestDecoder_closesChunksAtTheirBounds reads many small lines, then few large
// ones. Chunks follow on each other without a gap.
func TestDecoder_closesChunksAtTheirBounds(t *testing.T) {
	for _, tc := range []struct {
		name    string
		records int
		pad     int
	}{{"by lines", 5000, 0}, {"by bytes", 300, 10_000}, {"one line larger than a chunk", 3, 600_000}} {
		t.Run(tc.name, func(t *testing.T) {
			r := newDecoderRig(t)
			pad := strings.Repeat("x", tc.pad)
			var b testBatch
			for i := range int64(tc.records) {
				b.records = append(b.records, testRecord{offset: i, value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, pad)})
			}
			maxLines, maxBytes := r.cfg.chunkBounds()
			chunks := r.decode(r.work(0, b))
			next := int64(0)
			for _, c := range chunks {
				if c.start != next {
					t.Fatalf("chunk starts at %d, want %d", c.start, next)
				}
				next = c.next
				longest := int64(len(b.records[tc.records-1].value) + 1)
				if c.lines > maxLines || c.bytes >= maxBytes+longest {
					t.Fatalf("chunk of %d lines and %d bytes, bounds %d and %d", c.lines, c.bytes, maxLines, maxBytes)
				}
			}
			if next != int64(tc.records) {
				t.Errorf("chunks end at %d, want %d", next, tc.records)
			}
			r.end(chunks)
		})
	}
}

func TestDecoder_deliversWhatLiesBeforeACorruptBatch(t *testing.T) {
	good := testBatch{records: []testRecord{inNS(0, "a"), inNS(1, "a")}}
	for _, tc := range []struct {
		name    string
		corrupt func(raw []byte) []byte
	}{
		{"a flipped bit", func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }},
		{"an unknown codec", func([]byte) []byte {
			return testBatch{base: 2, codec: 7, records: []testRecord{inNS(2, "a")}}.encode()
		}},
		{"compressed garbage", func([]byte) []byte {
			return testBatch{base: 2, codec: wire.Gzip, records: []testRecord{inNS(2, "a")}, pack: func(raw []byte) []byte { return raw }}.encode()
		}},
		{"records that do not fit together", func([]byte) []byte {
			return testBatch{base: 2, records: []testRecord{inNS(2, "a")}, pack: func(raw []byte) []byte { return raw[:len(raw)-1] }}.encode()
		}},
		{"a base offset gone wild", func(raw []byte) []byte { raw[0] = 0x40; return raw }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newDecoderRig(t)
			bad := tc.corrupt(testBatch{base: 2, records: []testRecord{inNS(2, "a")}}.encode())
			w := r.work(0, good)
			w.high = 100
			raw := append(bytes.Clone(w.records), bad...)
			w.records = w.lease.buf[:copy(w.lease.buf, raw)]
			chunks := r.decode(w)
			want := "0-2 (2 records)\n" + "a: 0=" + string(lineOf(0, "a")) + " 1=" + string(lineOf(1, "a")) + "\n" + fmt.Sprintf("fault %d at 2\n", faultCorrupt)
			if got := told(chunks); got != want {
				t.Fatalf("decoded\n%s\nwant\n%s", got, want)
			}
			if f := chunks[len(chunks)-1].fault; f.offset != 2 || f.err == nil {
				t.Errorf("fault %+v, want one at offset 2", f)
			}
			r.end(chunks)
		})
	}
}

func TestDecoder_dropsStaleWork(t *testing.T) {
	r := newDecoderRig(t)
	w := r.work(0, testBatch{records: []testRecord{inNS(0, "a")}})
	r.cursor.epoch.Add(1)
	if chunks := r.decode(w); len(chunks) != 0 {
		t.Errorf("stale work became\n%s", told(chunks))
	}
	r.end(nil)
}

func TestDecoder_passesFaultsOn(t *testing.T) {
	r := newDecoderRig(t)
	chunks := r.decode(work{cursor: r.cursor, from: 12, fault: &fault{kind: faultOutOfRange, err: CodeOffsetOutOfRange}})
	if got, want := told(chunks), fmt.Sprintf("fault %d at 12\n", faultOutOfRange); got != want {
		t.Errorf("decoded %q, want %q", got, want)
	}
	r.end(chunks)
}

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
	r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 64 << 20 })
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

// TestDecoder_leavesALargeBatchToAStream, unless it can only be read as a whole.
func TestDecoder_leavesALargeBatchToAStream(t *testing.T) {
	for _, codec := range []wire.Codec{wire.Gzip, wire.Zstd, wire.Snappy} {
		t.Run(codec.String(), func(t *testing.T) {
			r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 1 << 20 })
			bomb := testBatch{codec: codec, records: []testRecord{{value: bytes.Repeat([]byte(" "), 20<<20)}}}
			// One that inflates to a little more than what is allowed at once
			// is as good: the smaller answer fits every allowance.
			kind, text := faultLarge, errLargeBatch.Error()
			if codec == wire.Snappy {
				bomb.records[0].value = bytes.Repeat([]byte(" "), 2<<20)
				kind, text = faultCorrupt, "BRIDGE_BUFFER_MAX_BYTES"
			}
			chunks := r.decode(r.work(0, bomb))
			if want := fmt.Sprintf("fault %d at 0\n", kind); told(chunks) != want {
				t.Fatalf("decoded\n%.200s\nwant\n%s", told(chunks), want)
			}
			if err := chunks[len(chunks)-1].fault.err; !strings.Contains(err.Error(), text) {
				t.Errorf("got %v, want %q", err, text)
			}
			if used := r.inflated.Used(); used > r.cfg.inflateCeiling() {
				t.Errorf("%d bytes are lent, ceiling %d", used, r.cfg.inflateCeiling())
			}
			r.end(chunks)
		})
	}
}

// TestDecoder_decodersDoNotWaitForEachOther lets four of them share an
// allowance that is too small for two large batches.
func TestDecoder_decodersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
		r.fetched = newAllowance(64<<20, 64<<20) // only the inflated bytes are scarce
		r.out = make(chan *chunk)
		ctx, cancel := context.WithCancel(t.Context())
		mapper, err := record.NewMapper(r.cfg.Record)
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
		mapper, err := record.NewMapper(r.cfg.Record)
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

// TestDecoder_model decodes random answers, begun anywhere, and compares what
// comes out with what went in.
func TestDecoder_model(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 4))
			r := newDecoderRig(t, func(c *Config) { c.OnInvalid = DeadLetter })
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
			out = append(out, fmt.Sprintf("%09d %d %s %s", l.offset, l.timestamp, c.groups[i].namespace, l.bytes))
		}
	}
	for _, j := range c.rejects {
		out = append(out, fmt.Sprintf("%09d %d %s %s", j.offset, j.timestamp, j.reason, j.letter.value))
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
