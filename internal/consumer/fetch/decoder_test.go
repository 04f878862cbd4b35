package fetch

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/recordbatch"
)

// decoderRig feeds one decoder and collects its chunks.
type decoderRig struct {
	t                 *testing.T
	cfg               Config
	fetched, inflated *Allowance
	cursor            *Cursor
	out               chan *Chunk
	decoder           *Decoder
}

func newDecoderRig(t *testing.T, change ...func(*Config)) *decoderRig {
	t.Helper()
	r := &decoderRig{t: t, cfg: readConfig(change...), out: make(chan *Chunk, 1000), cursor: &Cursor{TopicPartition: kafka.TopicPartition{Topic: "orders", Partition: 3}}}
	mapper, err := record.NewMapper(readSettings(t))
	if err != nil {
		t.Fatal(err)
	}
	r.fetched = generous(t, Share(r.cfg.BufferMaxBytes), AnswerCeiling(r.cfg.BufferMaxBytes))
	r.inflated = generous(t, Share(r.cfg.BufferMaxBytes), InflateCeiling(r.cfg.BufferMaxBytes))
	r.decoder = NewDecoder(&r.cfg, mapper, r.inflated, r.out)
	return r
}

// work is an answer that holds the batches.
func (r *decoderRig) work(from int64, batches ...recordbatch.Batch) Work {
	r.t.Helper()
	var raw []byte
	for _, b := range batches {
		raw = append(raw, b.Encode()...)
	}
	l, err := r.fetched.Lend(r.t.Context(), int64(len(raw)))
	if err != nil {
		r.t.Fatal(err)
	}
	return Work{Cursor: r.cursor, Epoch: r.cursor.Epoch.Load(), From: from, High: 1 << 40, Records: l.Bytes[:copy(l.Bytes, raw)], Lease: l}
}

// decode serves the work and returns the chunks.
func (r *decoderRig) decode(w Work) (chunks []*Chunk) {
	r.t.Helper()
	r.decoder.Serve(r.t.Context(), w)
	for len(r.out) > 0 {
		chunks = append(chunks, <-r.out)
	}
	return chunks
}

// end recycles the chunks; nothing may be lent then.
func (r *decoderRig) end(chunks []*Chunk) {
	r.t.Helper()
	for _, c := range chunks {
		c.Recycle()
	}
	r.decoder.DropArena()
	if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
		r.t.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
	}
	if r.cfg.Decoded != nil && r.cfg.Decoded.Used() != 0 {
		r.t.Errorf("%d bytes of JSON are lent at the end", r.cfg.Decoded.Used())
	}
}

// told writes chunks as their range, lines, rejects and faults. Chunks that
// cover nothing are left out.
func told(chunks []*Chunk) string {
	var b strings.Builder
	for _, c := range chunks {
		if c.Fault != nil {
			fmt.Fprintf(&b, "fault %d at %d\n", c.Fault.Kind, c.Next)
			continue
		}
		if c.Start == c.Next {
			continue // says nothing
		}
		if o := c.Oversized; o != nil {
			fmt.Fprintf(&b, "oversized %d-%d (%d records)\n", c.Start, o.Last, o.Records)
			continue
		}
		fmt.Fprintf(&b, "%d-%d (%d records)\n%s", c.Start, c.Next, c.Records, shape(c))
		for _, j := range c.Rejects {
			if j.Reason == record.Operator {
				fmt.Fprintf(&b, "%d operator\n", j.Offset)
			} else {
				fmt.Fprintf(&b, "%d %s kept=%t\n", j.Offset, j.Reason, j.Original != nil)
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
		batches []recordbatch.Batch
		want    string
	}{
		{
			name:    "lines are grouped and fanned out",
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{recordbatch.InNS(0, "a", "b"), recordbatch.InNS(1, "b")}}},
			want:    "0-2 (2 records)\na: 0=" + string(recordbatch.LineOf(0, "a", "b")) + "\nb: 0=" + string(recordbatch.LineOf(0, "a", "b")) + " 1=" + string(recordbatch.LineOf(1, "b")) + "\n",
		},
		{
			name:    "compacted holes count, also at the end of a batch and of nothing but holes",
			batches: []recordbatch.Batch{{Base: 5, Last: 9, Records: []recordbatch.Record{recordbatch.InNS(6, "a")}}, {Base: 10, Last: 19}},
			from:    5,
			want:    "5-20 (1 records)\na: 6=" + string(recordbatch.LineOf(6, "a")) + "\n",
		},
		{
			name:    "an answer that begins before the asked offset is cut",
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{recordbatch.InNS(0, "a"), recordbatch.InNS(1, "a"), recordbatch.InNS(2, "a")}}},
			from:    2,
			want:    "2-3 (1 records)\na: 2=" + string(recordbatch.LineOf(2, "a")) + "\n",
		},
		{
			name:    "markers are no records",
			batches: []recordbatch.Batch{{Transactional: true, Producer: 7, Records: []recordbatch.Record{recordbatch.InNS(0, "a")}}, recordbatch.Marker(1, 7, 1)},
			want:    "0-2 (1 records)\na: 0=" + string(recordbatch.LineOf(0, "a")) + "\n",
		},
		{
			name: "aborted transactions are left out, others of the same time are not", aborted: aborted,
			batches: []recordbatch.Batch{
				{Base: 2, Transactional: true, Producer: 7, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}},
				{Base: 3, Transactional: true, Producer: 8, Records: []recordbatch.Record{recordbatch.InNS(3, "a")}},
				recordbatch.Marker(4, 7, 0),
				{Base: 5, Transactional: true, Producer: 7, Records: []recordbatch.Record{recordbatch.InNS(5, "a")}},
			},
			from: 2,
			want: "2-6 (2 records)\na: 3=" + string(recordbatch.LineOf(3, "a")) + " 5=" + string(recordbatch.LineOf(5, "a")) + "\n",
		},
		{
			name: "read_uncommitted delivers aborted records, but no markers", aborted: aborted,
			change:  func(c *Config) { c.ReadCommitted = false },
			batches: []recordbatch.Batch{{Base: 2, Transactional: true, Producer: 7, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}}, recordbatch.Marker(3, 7, 0)},
			from:    2,
			want:    "2-4 (1 records)\na: 2=" + string(recordbatch.LineOf(2, "a")) + "\n",
		},
		{
			name: "records are skipped by name, whatever they are",
			change: func(c *Config) {
				c.Skip = func(tp kafka.TopicPartition, offset int64) bool { return tp.Partition == 3 && offset > 0 }
			},
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{recordbatch.InNS(0, "a"), recordbatch.InNS(1, "a"), {Offset: 2, Value: []byte("poison")}}}},
			want:    "0-3 (3 records)\na: 0=" + string(recordbatch.LineOf(0, "a")) + "\n1 operator\n2 operator\n",
		},
		{
			name:   "receipts of a bridge are told apart before anything else, and never kept",
			change: func(c *Config) { c.Keep = func(r record.Reason) bool { return r != record.Receipt } },
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{
				{Offset: 0, Value: recordbatch.LineOf(0, "a"), Headers: receiptHeaders[:1]}, {Offset: 1, Value: recordbatch.LineOf(1, "a"), Headers: receiptHeaders},
				{Offset: 2, Value: []byte("poison"), Headers: receiptHeaders}, {Offset: 3, Headers: receiptHeaders},
			}}},
			want: "0-4 (4 records)\na: 0=" + string(recordbatch.LineOf(0, "a")) + "\n1 receipt kept=false\n2 receipt kept=false\n3 receipt kept=false\n",
		},
		{
			name:    "held rejects need no copy",
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{{Offset: 0, Value: []byte("poison")}, {Offset: 1}, recordbatch.InNS(2, "a")}}},
			want:    "0-3 (3 records)\na: 2=" + string(recordbatch.LineOf(2, "a")) + "\n0 not_json kept=false\n1 tombstone kept=false\n",
		},
		{
			name:    "invalid records are copied for the dead-letter topic",
			change:  func(c *Config) { c.Keep = func(r record.Reason) bool { return r != record.Tombstone } },
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{{Offset: 0, Value: []byte("poison")}, {Offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json kept=true\n1 tombstone kept=false\n",
		},
		{
			name:    "tombstones have a policy of their own",
			change:  func(c *Config) { c.Keep = func(r record.Reason) bool { return r == record.Tombstone } },
			batches: []recordbatch.Batch{{Records: []recordbatch.Record{{Offset: 0, Value: []byte("poison")}, {Offset: 1}}}},
			want:    "0-2 (2 records)\n0 not_json kept=false\n1 tombstone kept=true\n",
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

var receiptHeaders = []kafka.Header{{Name: "other", Value: []byte("bridge.receipt")}, {Name: "bridge.receipt", Value: []byte("1")}}

func TestDecoder_keepsARecordForTheDeadLetterTopic(t *testing.T) {
	r := newDecoderRig(t, func(c *Config) { c.Keep = func(record.Reason) bool { return true } })
	w := r.work(0, recordbatch.Batch{Records: []recordbatch.Record{
		{Offset: 0, Key: []byte{}, Value: []byte("poison"), Headers: []kafka.Header{{Name: "h", Value: []byte("v")}, {Name: "h", Value: nil}, {Name: "", Value: []byte{}}}},
	}})
	chunks := r.decode(w)
	l := chunks[0].Rejects[0].Original
	if string(l.Value) != "poison" || l.Key == nil || len(l.Key) != 0 || l.Offset != 0 || l.Timestamp != recordbatch.Time || l.Source != r.cursor.TopicPartition {
		t.Errorf("letter %+v", l)
	}
	if len(l.Headers) != 3 || l.Headers[0].Name != "h" || string(l.Headers[0].Value) != "v" || l.Headers[1].Value != nil || l.Headers[2].Value == nil {
		t.Errorf("headers %q", l.Headers)
	}
	if chunks[0].Bytes < int64(len("poison")) {
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
			var b recordbatch.Batch
			for i := range int64(tc.records) {
				b.Records = append(b.Records, recordbatch.Record{Offset: i, Value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":"%s"}`, i, pad)})
			}
			maxLines, maxBytes := r.cfg.chunkBounds()
			chunks := r.decode(r.work(0, b))
			next := int64(0)
			for _, c := range chunks {
				if c.Start != next {
					t.Fatalf("chunk starts at %d, want %d", c.Start, next)
				}
				next = c.Next
				longest := int64(len(b.Records[tc.records-1].Value) + 1)
				if c.lines > maxLines || c.Bytes >= maxBytes+longest {
					t.Fatalf("chunk of %d lines and %d bytes, bounds %d and %d", c.lines, c.Bytes, maxLines, maxBytes)
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
	good := recordbatch.Batch{Records: []recordbatch.Record{recordbatch.InNS(0, "a"), recordbatch.InNS(1, "a")}}
	for _, tc := range []struct {
		name    string
		corrupt func(raw []byte) []byte
	}{
		{"a flipped bit", func(raw []byte) []byte { raw[len(raw)-1] ^= 1; return raw }},
		{"an unknown codec", func([]byte) []byte {
			return recordbatch.Batch{Base: 2, Codec: 7, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}}.Encode()
		}},
		{"compressed garbage", func([]byte) []byte {
			return recordbatch.Batch{Base: 2, Codec: wire.Gzip, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}, Pack: func(raw []byte) []byte { return raw }}.Encode()
		}},
		{"records that do not fit together", func([]byte) []byte {
			return recordbatch.Batch{Base: 2, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}, Pack: func(raw []byte) []byte { return raw[:len(raw)-1] }}.Encode()
		}},
		{"a base offset gone wild", func(raw []byte) []byte { raw[0] = 0x40; return raw }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newDecoderRig(t)
			bad := tc.corrupt(recordbatch.Batch{Base: 2, Records: []recordbatch.Record{recordbatch.InNS(2, "a")}}.Encode())
			w := r.work(0, good)
			w.High = 100
			raw := append(bytes.Clone(w.Records), bad...)
			w.Records = w.Lease.Bytes[:copy(w.Lease.Bytes, raw)]
			chunks := r.decode(w)
			want := "0-2 (2 records)\n" + "a: 0=" + string(recordbatch.LineOf(0, "a")) + " 1=" + string(recordbatch.LineOf(1, "a")) + "\n" + fmt.Sprintf("fault %d at 2\n", FaultCorrupt)
			if got := told(chunks); got != want {
				t.Fatalf("decoded\n%s\nwant\n%s", got, want)
			}
			if f := chunks[len(chunks)-1].Fault; f.Err == nil {
				t.Errorf("fault %+v does not say why", f)
			}
			r.end(chunks)
		})
	}
}

// A broker may not say how far its log goes: no offset is too large then.
func TestDecoder_anUnknownEndBoundsNothing(t *testing.T) {
	r := newDecoderRig(t)
	const far = 1 << 40
	w := r.work(far, recordbatch.Batch{Base: far, Records: []recordbatch.Record{recordbatch.InNS(far, "a")}})
	w.High = -1
	chunks := r.decode(w)
	if got, want := told(chunks), fmt.Sprintf("%d-%d (1 records)\na: %d=%s\n", int64(far), int64(far+1), int64(far), recordbatch.LineOf(far, "a")); got != want {
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
		c := &Cursor{}
		c.Know(kafka.Range{Begin: 1, End: 5, Stable: 4})
		told := c.learn(&tc.answer, tc.committed)
		if got := [3]int64{c.LogStart.Load(), c.HighWatermark.Load(), c.StableOffset.Load()}; told != tc.told || got != tc.want {
			t.Errorf("%s: told %t, %v, want %v", tc.name, told, got, tc.want)
		}
	}
}

// A catch-up read brings what its job wants and no more, as lines or as records.
func TestDecoder_catchesUpWithWhatIsWanted(t *testing.T) {
	for _, originals := range []bool{false, true} {
		r := newDecoderRig(t)
		var b recordbatch.Batch
		for o, ns := range []string{"a", "b", "a", "c"} {
			b.Records = append(b.Records, recordbatch.Record{Offset: int64(o), Value: fmt.Appendf(nil, `{"id":"%d","ns":["%s"]}`, o, ns)})
		}
		b.Records = append(b.Records, recordbatch.Record{Offset: 4, Value: []byte(`{"id":"4","ns":["a","b"]}`)})
		w := r.work(0, b)
		w.CatchUp = &CatchUpJob{Cursor: r.cursor, Wanted: map[string]bool{"a": true, "d": true}, Originals: originals}
		chunks := r.decode(w)
		var got []string
		for _, c := range chunks {
			for i := range c.Groups {
				for _, l := range c.Groups[i].Lines {
					got = append(got, fmt.Sprint(c.Groups[i].Namespace, l.Offset))
				}
			}
			for i := range c.Rejects {
				got = append(got, fmt.Sprint("record", c.Rejects[i].Offset))
			}
		}
		want := "a0 a2 a4"
		if originals {
			want = "record0 record2 record4"
		}
		if strings.Join(got, " ") != want {
			t.Errorf("originals %t: %q, want %q", originals, got, want)
		}
		r.end(chunks)
	}
}

func TestDecoder_dropsStaleWork(t *testing.T) {
	r := newDecoderRig(t)
	w := r.work(0, recordbatch.Batch{Records: []recordbatch.Record{recordbatch.InNS(0, "a")}})
	r.cursor.Epoch.Add(1)
	if chunks := r.decode(w); len(chunks) != 0 {
		t.Errorf("stale work became\n%s", told(chunks))
	}
	r.end(nil)
}

func TestDecoder_passesFaultsOn(t *testing.T) {
	r := newDecoderRig(t)
	chunks := r.decode(Work{Cursor: r.cursor, From: 12, fault: &Fault{Kind: FaultOutOfRange, Err: kafka.CodeOffsetOutOfRange}})
	if got, want := told(chunks), fmt.Sprintf("fault %d at 12\n", FaultOutOfRange); got != want {
		t.Errorf("decoded %q, want %q", got, want)
	}
	r.end(chunks)
}

// readConfig is a configuration with small bounds, changed by the test.
func readConfig(change ...func(*Config)) Config {
	cfg := Config{
		Requests: Requests{MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond}, ReadCommitted: true, BufferMaxBytes: 16 << 20, LineOverhead: 2 << 10,
		Keep: func(record.Reason) bool { return false }, Failed: func(string) {}, Throttled: func(int32, time.Duration) {},
	}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

// readSettings take namespaces and id from the fields ns and id.
func readSettings(t testing.TB) record.Settings {
	t.Helper()
	var namespace record.NamespaceSource
	if err := namespace.UnmarshalText([]byte("field:ns")); err != nil {
		t.Fatal(err)
	}
	var id record.IDSource
	if err := id.UnmarshalText([]byte("field:id")); err != nil {
		t.Fatal(err)
	}
	return record.Settings{Namespace: namespace, ID: id}
}
