package consumer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/pierrec/lz4/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
)

func lz4Packed(raw []byte) []byte {
	var b bytes.Buffer
	w := lz4.NewWriter(&b)
	_, _ = w.Write(raw) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// xerialPacked is snappy as Java frames it.
func xerialPacked(raw []byte) []byte {
	out := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for block := range slices.Chunk(raw, 32<<10) {
		packed := s2.EncodeSnappy(nil, block)
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(packed))), packed...)
	}
	return out
}

// TestDecoder_passesOverWhatInflatesBeyondItsShare: what lies before the batch and
// behind it in the same answer is delivered, and the buffer that is named takes it.
func TestDecoder_passesOverWhatInflatesBeyondItsShare(t *testing.T) {
	for _, tc := range []struct {
		name  string
		codec wire.Codec
		pack  func([]byte) []byte
		exact bool
	}{
		{"gzip", wire.Gzip, nil, true},
		{"gzip whose trailer lies", wire.Gzip, func(raw []byte) []byte { return append(gzipped(raw), gzipped(nil)...) }, false},
		{"snappy", wire.Snappy, nil, true},
		{"snappy of Java", wire.Snappy, xerialPacked, true},
		{"lz4", wire.LZ4, lz4Packed, true},
		{"zstd", wire.Zstd, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const inflated = 3 << 20 // five sixteenths of the budget are 2.5 MiB
			bomb := testBatch{base: 1, last: 20, codec: tc.codec, pack: tc.pack, records: []testRecord{{offset: 1, value: bytes.Repeat([]byte(" "), inflated)}}}
			batches := []testBatch{{records: []testRecord{inNS(0, "a")}}, bomb, {base: 21, records: []testRecord{inNS(21, "a")}}}
			r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
			chunks := r.decode(r.work(0, batches...))
			want := fmt.Sprintf("0-1 (1 records)\na: 0=%s\noversized 1-20 (1 records)\n21-22 (1 records)\na: 21=%s\n", lineOf(0, "a"), lineOf(21, "a"))
			if got := told(chunks); got != want {
				t.Fatalf("decoded\n%.300s\nwant\n%s", got, want)
			}
			size := chunks[1].oversized.size
			if size.exact != tc.exact || size.exact && (size.bytes < inflated || size.bytes > inflated+8<<20) {
				t.Errorf("size %+v", size)
			}
			r.end(chunks)
			larger := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = size.buffer })
			chunks = larger.decode(larger.work(0, batches...))
			if got := told(chunks); strings.Contains(got, "oversized") {
				t.Errorf("with %d bytes it is still\n%.300s", size.buffer, got)
			}
			larger.end(chunks)
		})
	}
}

func TestSize_namesTheBuffer(t *testing.T) {
	c := &Config{BufferMaxBytes: 16 << 20}
	for want, s := range map[string]size{
		"has 71MiB; it takes BRIDGE_BUFFER_MAX_BYTES=281MiB":                                   c.fetched(&wire.Batch{}, 70<<20+100_000),
		"has 4MiB; it takes BRIDGE_BUFFER_MAX_BYTES=at least 16MiB":                            c.fetched(&wire.Batch{Codec: wire.Zstd}, 4<<20),
		"inflates to 40MiB; BRIDGE_BUFFER_MAX_BYTES=128MiB takes it":                           {bytes: 40 << 20, inflated: true, buffer: 128 << 20, exact: true},
		"inflates to more than there is room for; BRIDGE_BUFFER_MAX_BYTES must be above 16MiB": c.inflated(&wire.Batch{Codec: wire.Gzip}),
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// readRig reads a topic of two partitions as a session does, but for what becomes
// of the chunks. Its budget is 512 KiB: an answer may have 128.
type readRig struct {
	*kafkarig.Rig
	cfg               Config
	fetched, inflated *allowance
	fetcher           *fetcher
	cursors           [2]*cursor
	take              chan *chunk
	decoder           *decoder
}

func inReadRig(t *testing.T, test func(*readRig), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &readRig{Rig: kafkarig.New(t, kafka.Config{}, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "67108864"})), take: make(chan *chunk, 4)}
		r.cfg = testConfig(t, append([]func(*Config){func(c *Config) { c.BufferMaxBytes = 512 << 10 }}, change...)...)
		mapper, err := record.NewMapper(r.cfg.Record)
		if err != nil {
			t.Fatal(err)
		}
		topic := r.Topic("orders")
		r.fetched, r.inflated = newAllowance(r.cfg.fetchAllowance(), r.cfg.fetchCeiling()), newAllowance(r.cfg.fetchAllowance(), r.cfg.inflateCeiling())
		r.fetcher = newFetcher(&r.cfg, r.Client, report.NewMetrics(nil, 10), r.fetched, 1, func() {})
		for i, p := range topic.Partitions {
			r.cursors[i] = r.fetcher.open(kafka.TopicPartition{Topic: "orders", Partition: p.Partition}, topic.ID, 0, -1, p.Leader, p.LeaderEpoch, false)
		}
		r.decoder = newDecoder(&r.cfg, mapper, r.inflated, r.take)
		test(r)
	})
}

// read runs the fetcher until both partitions have been read to an offset, or for
// an hour, and tells what came of each; a fault ends its partition.
func (r *readRig) read(to ...int64) (got [2]string) {
	r.T.Helper()
	ctx, cancel := context.WithTimeout(r.T.Context(), time.Hour)
	ended := make(chan struct{}, 2)
	go func() { r.fetcher.run(ctx); ended <- struct{}{} }()
	go func() { r.decoder.run(ctx, r.fetcher.work[0]); ended <- struct{}{} }()
	var position [2]int64
	for (position[0] < to[0] || position[1] < to[1]) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case c := <-r.take:
			p := c.cursor.Partition
			if c.epoch == c.cursor.epoch.Load() && c.start == position[p] {
				got[p] += brief(c)
				position[p] = c.next
				if c.fault != nil {
					r.fetcher.pause(c.cursor, true)
					position[p] = math.MaxInt64
				}
			} else {
				r.T.Errorf("partition %d: a chunk begins at %d, not %d", p, c.start, position[p])
			}
			c.recycle()
		}
	}
	cancel()
	<-ended
	<-ended
	for len(r.take) > 0 {
		(<-r.take).recycle()
	}
	if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
		r.T.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
	}
	return got
}

// brief is a chunk in a few words.
func brief(c *chunk) string {
	switch o := c.oversized; {
	case c.fault != nil:
		return fmt.Sprintf("fault %d", c.fault.kind)
	case o != nil:
		return fmt.Sprintf("[%d-%d] ", c.start, o.last)
	case c.records == 0:
		return ""
	}
	return fmt.Sprintf("%d ", c.records)
}

// large is a batch of about 2 MiB, hard to compress.
func large() (values []string) {
	for _, r := range padded(7, 500, 4000).records {
		values = append(values, string(r.value))
	}
	return values
}

// TestFetcher_passesOverLargeBatches reads partitions that hold small and large
// batches in turn.
func TestFetcher_passesOverLargeBatches(t *testing.T) {
	for i, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		t.Run(wire.Codec(i).String(), func(t *testing.T) {
			inReadRig(t, func(r *readRig) {
				for range 3 {
					r.Produce("orders", 0, codec, inNamespace("a", 2)...)
					r.Produce("orders", 1, codec, inNamespace("a", 3)...)
					r.ProduceLarge("orders", 0, codec, large()...)
				}
				began := time.Now()
				got := r.read(3*502, 9)
				if want := "2 [2-501] 2 [504-1003] 2 [1006-1505] "; got[0] != want {
					t.Errorf("partition 0: %s, want %s", got[0], want)
				}
				if strings.Contains(got[1], "[") {
					t.Errorf("partition 1: %s", got[1])
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("it took %s: somebody has waited", took)
				}
			})
		})
	}
}

// answer makes the cluster answer every fetch of a partition by hand, unless p is
// nil.
func (r *readRig) answer(how func(partition int32, offset int64) *kmsg.FetchResponseTopicPartition) {
	r.Cluster.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		answer := q.ResponseKind().(*kmsg.FetchResponse)
		for _, asked := range q.(*kmsg.FetchRequest).Topics {
			t := kmsg.NewFetchResponseTopic()
			t.Topic, t.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				if a := how(p.Partition, p.FetchOffset); a != nil {
					a.Partition = p.Partition
					t.Partitions = append(t.Partitions, *a)
				}
			}
			answer.Topics = append(answer.Topics, t)
		}
		time.Sleep(10 * time.Millisecond)
		return answer, nil, true
	})
}

// holds is a partition's answer with some batches.
func holds(batches []byte, aborted ...int64) *kmsg.FetchResponseTopicPartition {
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark, p.LastStableOffset, p.RecordBatches = 1000, 1000, batches
	for _, id := range aborted {
		p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: id})
	}
	return &p
}

// TestFetcher_judgesALargeBatchByItsHeader: of a batch that is 2 MiB large only
// the header is looked at.
func TestFetcher_judgesALargeBatchByItsHeader(t *testing.T) {
	good := padded(7, 500, 4000)
	change := func(at int, b byte) []byte { raw := good.encode(); raw[at] = b; return raw }
	control := good
	control.control, control.transactional, control.producer = true, true, 7
	sent := good
	sent.transactional, sent.producer = true, 7
	small := slices.Repeat(testBatch{records: []testRecord{{value: make([]byte, 10_000)}}}.encode(), 200)
	for _, tc := range []struct {
		name   string
		answer *kmsg.FetchResponseTopicPartition
		change func(*Config)
		want   string
	}{
		{"plain", holds(good.encode()), nil, "[0-499] "},
		{"of a committed transaction", holds(sent.encode(), 8), nil, "[0-499] "},
		{"of an aborted one", holds(sent.encode(), 8, 7), nil, ""},
		{"of an aborted one, read uncommitted", holds(sent.encode(), 7), func(c *Config) { c.ReadCommitted = false }, "[0-499] "},
		{"markers", holds(control.encode()), nil, ""},
		{"an unknown format", holds(change(16, 3)), nil, fmt.Sprintf("fault %d", faultCorrupt)},
		{"an unknown codec", holds(change(22, 7)), nil, fmt.Sprintf("fault %d", faultCorrupt)},
		{"offsets gone wild", holds(change(0, 0x40)), nil, fmt.Sprintf("fault %d", faultCorrupt)},
		{"more records than offsets", holds(change(57, 1)), nil, fmt.Sprintf("fault %d", faultCorrupt)},
		{"a length below the header's", holds(change(8, 0xff)), nil, fmt.Sprintf("fault %d", faultCorrupt)},
		{"many small ones", holds(small), nil, fmt.Sprintf("fault %d", faultRetry)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inReadRig(t, func(r *readRig) {
				r.answer(func(p int32, offset int64) *kmsg.FetchResponseTopicPartition {
					if p == 1 || offset > 0 {
						return holds(nil)
					}
					return tc.answer
				})
				if got := r.read(500, 0); got[0] != tc.want {
					t.Errorf("%q, want %q", got[0], tc.want)
				}
			}, func(c *Config) {
				if tc.change != nil {
					tc.change(c)
				}
			})
		})
	}
}

// TestFetcher_aLargeBatchIsNotStarved: partition 1 begins with a batch that is
// larger than an answer should be, beside the backlog of partition 0.
func TestFetcher_aLargeBatchIsNotStarved(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		var large []string
		for _, rec := range padded(5, 25, 4000).records {
			large = append(large, string(rec.value))
		}
		for range 40 {
			r.Produce("orders", 0, kgo.NoCompression(), large[:10]...)
		}
		r.ProduceLarge("orders", 1, kgo.NoCompression(), large...)
		if got := r.read(0, 25); strings.Contains(got[1], "[") || len(got[0]) > 40 {
			t.Errorf("partition 1 gave %q after partition 0 had given %q", got[1], got[0])
		}
	})
}

// TestFetcher_largeAnswerOfManyPartitions: a broker that puts more into an answer
// than was asked for makes no batch too large.
func TestFetcher_largeAnswerOfManyPartitions(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		half := padded(3, 20, 4000) // 80 KB of the 128 that an answer may have
		r.answer(func(_ int32, offset int64) *kmsg.FetchResponseTopicPartition {
			if offset > 0 {
				return holds(nil)
			}
			return holds(half.encode())
		})
		if got := r.read(20, 20); got != [2]string{"9 9 2 ", "9 9 2 "} {
			t.Errorf("%q", got)
		}
	})
}

// A catch-up read meets the batch again and passes over it as well.
func TestCatchUpReader_passesOverLargeBatches(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		r.Produce("orders", 0, kgo.NoCompression(), inNamespace("a", 2)...)
		r.ProduceLarge("orders", 0, kgo.NoCompression(), large()...)
		r.Produce("orders", 0, kgo.NoCompression(), inNamespace("a", 3)...)
		c := &catchUpReader{f: r.fetcher, dec: r.decoder}
		for _, step := range []struct {
			from int64
			want string
		}{{1, "1 "}, {2, "[2-501] "}, {10, "[10-501] "}, {502, "3 "}} {
			c.serve(r.T.Context(), &catchUpJob{cursor: r.cursors[0], from: step.from, wanted: map[string]bool{"a": true}})
			got := ""
			for len(r.take) > 0 {
				k := <-r.take
				if k.fault == nil {
					got += brief(k)
				} else if k.fault.kind != faultNone {
					got += fmt.Sprint(k.fault.err)
				}
				k.recycle()
			}
			if got != step.want {
				t.Errorf("from %d: %q, want %q", step.from, got, step.want)
			}
		}
		if used := r.fetched.Used(); used != 0 {
			t.Errorf("%d bytes are lent at the end", used)
		}
	})
}

// TestCatchUpReader_emptyAnswer: what the main read has seen is there; an answer
// without it is no progress, and the read is made again after a rest.
func TestCatchUpReader_emptyAnswer(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		r.answer(func(int32, int64) *kmsg.FetchResponseTopicPartition { return holds(nil) })
		(&catchUpReader{f: r.fetcher, dec: r.decoder}).serve(r.T.Context(), &catchUpJob{cursor: r.cursors[0], from: 5, wanted: map[string]bool{"a": true}})
		k := <-r.take
		defer k.recycle()
		if k.fault == nil || k.fault.kind != faultRetry || k.next != 5 {
			t.Errorf("the job ended at %d with %+v", k.next, k.fault)
		}
	})
}

// oversize lets the session take a batch that has no room.
func (r *sessionRig) oversize(partition int32, first, last int64, records int) {
	r.t.Helper()
	c := newChunk(r.part(partition).cursor, r.part(partition).cursor.epoch.Load())
	c.start, c.next = first, last+1
	c.oversized = &oversized{last: last, records: records, timestamp: testTime, size: size{bytes: 70 << 20, buffer: 280 << 20, exact: true}}
	r.take(c)
	r.settleDown()
}

// A batch without room is held as a range: what lies behind it is stored, the
// commit says so, and /status says what to do.
func TestSession_holdsALargeBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.oversize(0, 10, 29, 15)
		r.feed(0, runOf("a", 30, 39)...)
		r.stored("a", append(offsets(0, 9), offsets(30, 39)...)...)
		r.watermark(0, 10)
		if want := (ledger.Frontier{Below: 40, Whole: []ledger.Span{{First: 10, Last: 29}}}); fmt.Sprint(r.frontier(0)) != fmt.Sprint(want) {
			r.t.Errorf("the commit says %+v, want %+v", r.frontier(0), want)
		}
		st := r.status()
		p := st.Partitions[0]
		const reason = "the Kafka batch at offsets 10 to 29 with 15 records has 70MiB; it takes BRIDGE_BUFFER_MAX_BYTES=280MiB"
		if p.State != "held" || p.PinnedBy == nil || p.PinnedBy.Kind != "held_record" || p.PinnedBy.Offset != 10 || p.PinnedBy.Reason != reason {
			r.t.Errorf("status %+v, pinned by %+v", p, p.PinnedBy)
		}
		if st.Gauges.PartitionsHeld != 1 || st.Partitions[1].State != "reading" {
			r.t.Errorf("%d partitions are held, the other one is %s", st.Gauges.PartitionsHeld, st.Partitions[1].State)
		}
		if n := testutil.ToFloat64(r.metrics.Rejected("orders", "too_large")); n != 15 {
			r.t.Errorf("%v records are counted as too large", n)
		}
	})
}

// The next owner with a buffer that takes the batch imports it, and nothing else
// again; one with a buffer that does not holds it as before.
func TestSession_importsALargeBatchWithALargerBuffer(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	for _, enough := range []bool{true, false} {
		var commit kafka.CommitOffset
		inSession(t, func(r *sessionRig) {
			r.feed(0, runOf("a", 0, 9)...)
			r.oversize(0, 10, 29, 20)
			r.feed(0, runOf("a", 30, 39)...)
			commit = r.commitOf(r.part(0))
		})
		synctest.Test(t, func(t *testing.T) {
			r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: commit})
			if enough {
				r.feed(0, runOf("a", 10, 29)...)
			} else {
				r.oversize(0, 10, 29, 20)
			}
			r.feed(0, runOf("a", 30, 49)...)
			if r.after(age); enough {
				r.stored("a", append(offsets(10, 29), offsets(40, 49)...)...)
				r.watermark(0, 50)
			} else {
				r.stored("a", offsets(40, 49)...)
				r.watermark(0, 10)
			}
		})
	}
}

// What an earlier owner with a larger buffer has finished is not held.
func TestSession_passesOverALargeBatchThatIsDone(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	frontier := func(except map[string]int64, whole ...ledger.Span) kafka.CommitOffset {
		p := ledger.New(5, ledger.Frontier{Below: 40, Except: except, Whole: whole})
		text, _ := p.Encode(ledger.Metadata{TopicID: ledger.Identity(ownTopic, "cluster"), Fingerprint: fingerprintOf(testConfig(t).Record)}, ledger.MaxMetadata)
		return kafka.CommitOffset{TopicPartition: tp, Offset: 5, LeaderEpoch: -1, Metadata: text}
	}
	for name, tc := range map[string]struct {
		commit kafka.CommitOffset
		want   int64
	}{
		"done":                             {frontier(map[string]int64{"a": 30}, ledger.Span{First: 5, Last: 5}), 5},
		"a namespace owes":                 {frontier(map[string]int64{"a": 29}), 10},
		"a record in it is owed":           {frontier(nil, ledger.Span{First: 29, Last: 29}), 10},
		"a record behind it is owed":       {frontier(nil, ledger.Span{First: 30, Last: 30}), 30},
		"it reaches beyond what was known": {frontier(nil, ledger.Span{First: 39, Last: 39}), 10},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{tp: tc.commit})
			first := r.part(0).ledger.Position()
			if tc.want > 5 {
				r.feed(0, runOf("b", first, 9)...)
				first = 10
			} else {
				r.feed(0, testRecord{offset: first, value: []byte("poison")})
				first++
			}
			last := int64(29)
			if strings.Contains(name, "beyond") {
				last = 49
			}
			r.oversize(0, first, last, 20)
			r.after(age)
			if got := r.part(0).ledger.Watermark(); got != tc.want {
				t.Errorf("%s: watermark %d, want %d", name, got, tc.want)
			}
		})
	}
}

func TestSession_leavesOutALargeBatchByName(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "orders", Partition: 0}
	for named, want := range map[int64]int64{29: 30, 28: 0} {
		inSession(t, func(r *sessionRig) {
			r.oversize(0, 0, 29, 20)
			r.watermark(0, want)
		}, func(c *Config) {
			c.SkipRecords = map[kafka.TopicPartition]Offsets{tp: {{First: 0, Last: named}, {First: 1000, Last: 1000}}}
		})
	}
}

// A namespace that was shed before the batch catches up past it.
func TestSession_catchesUpPastALargeBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", refusal)
		r.feed(0, runOf("a", 0, 9)...)
		r.oversize(0, 10, 29, 20)
		r.feed(0, append(runOf("a", 30, 34), runOf("b", 35, 39)...)...)
		r.api.create = nil
		r.after(3 * time.Minute)
		r.stored("a", append(offsets(0, 9), offsets(30, 34)...)...)
		r.stored("b", offsets(35, 39)...)
		r.watermark(0, 10)
	})
}
