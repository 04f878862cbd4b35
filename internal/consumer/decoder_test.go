package consumer

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
)

// decoderRig feeds one decoder and collects its chunks.
type decoderRig struct {
	t                 *testing.T
	cfg               fetchConfig
	fetched, inflated *allowance
	cursor            *cursor
	out               chan *chunk
	decoder           *decoder
}

func newDecoderRig(t *testing.T, change ...func(*fetchConfig)) *decoderRig {
	t.Helper()
	r := &decoderRig{t: t, cfg: readConfig(change...), out: make(chan *chunk, 1000), cursor: &cursor{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 3}}}
	mapper, err := record.NewMapper(readSettings(t))
	if err != nil {
		t.Fatal(err)
	}
	r.fetched = newAllowance(shareOf(r.cfg.BufferMaxBytes), answerCeiling(r.cfg.BufferMaxBytes))
	r.inflated = newAllowance(shareOf(r.cfg.BufferMaxBytes), inflateCeiling(r.cfg.BufferMaxBytes))
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
		if o := c.oversized; o != nil {
			fmt.Fprintf(&b, "oversized %d-%d (%d records)\n", c.start, o.last, o.records)
			continue
		}
		fmt.Fprintf(&b, "%d-%d (%d records)\n%s", c.start, c.next, c.records, shape(c))
		for _, j := range c.rejects {
			if j.operator {
				fmt.Fprintf(&b, "%d operator\n", j.offset)
			} else {
				fmt.Fprintf(&b, "%d %s kept=%t\n", j.offset, j.reason, j.original != nil)
			}
		}
	}
	return b.String()
}

func TestDecoder_tellsWhatBecomesOfEachRecord(t *testing.T) {
	aborted := []wire.AbortedTransaction{{ProducerID: 7, FirstOffset: 2}}
	for _, tc := range []struct {
		name    string
		change  func(*fetchConfig)
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
			change:  func(c *fetchConfig) { c.ReadCommitted = false },
			batches: []testBatch{{base: 2, transactional: true, producer: 7, records: []testRecord{inNS(2, "a")}}, marker(3, 7, 0)},
			from:    2,
			want:    "2-4 (1 records)\na: 2=" + string(lineOf(2, "a")) + "\n",
		},
		{
			name: "records are skipped by name, whatever they are",
			change: func(c *fetchConfig) {
				c.Skip = func(tp kafka.TopicPartition, offset int64) bool { return tp.Partition == 3 && offset > 0 }
			},
			batches: []testBatch{{records: []testRecord{inNS(0, "a"), inNS(1, "a"), {offset: 2, value: []byte("poison")}}}},
			want:    "0-3 (3 records)\na: 0=" + string(lineOf(0, "a")) + "\n1 operator\n2 operator\n",
		},
		{
			name:    "held rejects need no copy",
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}, inNS(2, "a")}}},
			want:    "0-3 (3 records)\na: 2=" + string(lineOf(2, "a")) + "\n0 not_json kept=false\n1 tombstone kept=false\n",
		},
		{
			name:    "invalid records are copied for the dead-letter topic",
			change:  func(c *fetchConfig) { c.Keep = func(r record.Reason) bool { return r != record.Tombstone } },
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json kept=true\n1 tombstone kept=false\n",
		},
		{
			name:    "tombstones have a policy of their own",
			change:  func(c *fetchConfig) { c.Keep = func(r record.Reason) bool { return r == record.Tombstone } },
			batches: []testBatch{{records: []testRecord{{offset: 0, value: []byte("poison")}, {offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json kept=false\n1 tombstone kept=true\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			change := tc.change
			if change == nil {
				change = func(*fetchConfig) {}
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

func TestDecoder_keepsARecordForTheDeadLetterTopic(t *testing.T) {
	r := newDecoderRig(t, func(c *fetchConfig) { c.Keep = func(record.Reason) bool { return true } })
	w := r.work(0, testBatch{records: []testRecord{
		{offset: 0, key: []byte{}, value: []byte("poison"), headers: []kafka.Header{{Name: "h", Value: []byte("v")}, {Name: "h", Value: nil}, {Name: "", Value: []byte{}}}},
	}})
	chunks := r.decode(w)
	l := chunks[0].rejects[0].original
	if string(l.Value) != "poison" || l.Key == nil || len(l.Key) != 0 || l.offset != 0 || l.timestamp != testTime || l.source != r.cursor.TopicPartition {
		t.Errorf("letter %+v", l)
	}
	if len(l.Headers) != 3 || l.Headers[0].Name != "h" || string(l.Headers[0].Value) != "v" || l.Headers[1].Value != nil || l.Headers[2].Value == nil {
		t.Errorf("headers %q", l.Headers)
	}
	if chunks[0].bytes < int64(len("poison")) {
		t.Error("the letter does not count for the chunk")
	}
	if len(chunks[0].leases) != 1 {
		t.Errorf("the chunk keeps %d buffers, want the one that the letter points into", len(chunks[0].leases))
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

// A broker may not say how far its log goes: no offset is too large then.
func TestDecoder_anUnknownEndBoundsNothing(t *testing.T) {
	r := newDecoderRig(t)
	const far = 1 << 40
	w := r.work(far, testBatch{base: far, records: []testRecord{inNS(far, "a")}})
	w.high = -1
	chunks := r.decode(w)
	if got, want := told(chunks), fmt.Sprintf("%d-%d (1 records)\na: %d=%s\n", int64(far), int64(far+1), int64(far), lineOf(far, "a")); got != want {
		t.Errorf("decoded\n%s\nwant\n%s", got, want)
	}
	r.end(chunks)
}

func TestCursor_learnsWhatIsTold(t *testing.T) {
	for _, tc := range []struct {
		name      string
		answer    wire.FetchedPartition
		committed bool
		told      bool
		want      [3]int64
	}{
		{"all", wire.FetchedPartition{LogStartOffset: 2, HighWatermark: 9, LastStableOffset: 7}, true, true, [3]int64{2, 9, 7}},
		{"read uncommitted", wire.FetchedPartition{LogStartOffset: 2, HighWatermark: 9, LastStableOffset: 7}, false, true, [3]int64{2, 9, 9}},
		{"no stable offset", wire.FetchedPartition{LogStartOffset: 2, HighWatermark: 9, LastStableOffset: -1}, true, true, [3]int64{2, 9, 9}},
		{"no start", wire.FetchedPartition{LogStartOffset: -1, HighWatermark: 9, LastStableOffset: 7}, true, true, [3]int64{1, 9, 7}},
		{"no end", wire.FetchedPartition{LogStartOffset: 2, HighWatermark: -1, LastStableOffset: -1}, true, false, [3]int64{1, 5, 4}},
	} {
		c := &cursor{}
		c.know(kafka.Range{Begin: 1, End: 5, Stable: 4})
		told := c.learn(&tc.answer, tc.committed)
		if got := [3]int64{c.start.Load(), c.high.Load(), c.stable.Load()}; told != tc.told || got != tc.want {
			t.Errorf("%s: told %t, %v, want %v", tc.name, told, got, tc.want)
		}
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
	chunks := r.decode(work{cursor: r.cursor, from: 12, fault: &fault{kind: faultOutOfRange, err: kafka.CodeOffsetOutOfRange}})
	if got, want := told(chunks), fmt.Sprintf("fault %d at 12\n", faultOutOfRange); got != want {
		t.Errorf("decoded %q, want %q", got, want)
	}
	r.end(chunks)
}

// readConfig is a configuration with small bounds, changed by the test.
func readConfig(change ...func(*fetchConfig)) fetchConfig {
	cfg := fetchConfig{
		ReadCommitted: true, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond, BufferMaxBytes: 16 << 20, LineOverhead: 2 << 10,
		Keep: func(record.Reason) bool { return false }, Failed: func(string) {},
	}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

// readSettings take namespaces and id from the fields ns and id.
func readSettings(t testing.TB) record.Settings {
	t.Helper()
	namespace, err := record.ParseNamespaceSource("field:ns")
	if err != nil {
		t.Fatal(err)
	}
	id, err := record.ParseIDSource("field:id")
	if err != nil {
		t.Fatal(err)
	}
	return record.Settings{Namespace: namespace, ID: id}
}
