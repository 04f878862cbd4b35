package fetch

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
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/wire"
	"kafka-import-bridge/test/kafkarig"
	"kafka-import-bridge/test/recordbatch"
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
		{"gzip whose trailer lies", wire.Gzip, func(raw []byte) []byte { return append(recordbatch.Gzipped(raw), recordbatch.Gzipped(nil)...) }, false},
		{"snappy", wire.Snappy, nil, true},
		{"snappy of Java", wire.Snappy, xerialPacked, true},
		{"lz4", wire.LZ4, lz4Packed, true},
		{"zstd", wire.Zstd, nil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			const inflated = 3 << 20 // five sixteenths of the budget are 2.5 MiB
			bomb := recordbatch.Batch{Base: 1, Last: 20, Codec: tc.codec, Pack: tc.pack, Records: []recordbatch.Record{{Offset: 1, Value: bytes.Repeat([]byte(" "), inflated)}}}
			batches := []recordbatch.Batch{{Records: []recordbatch.Record{recordbatch.InNS(0, "a")}}, bomb, {Base: 21, Records: []recordbatch.Record{recordbatch.InNS(21, "a")}}}
			r := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = 8 << 20 })
			chunks := r.decode(r.work(0, batches...))
			want := fmt.Sprintf("0-1 (1 records)\na: 0=%s\noversized 1-20 (1 records)\n21-22 (1 records)\na: 21=%s\n", recordbatch.LineOf(0, "a"), recordbatch.LineOf(21, "a"))
			if got := told(chunks); got != want {
				t.Fatalf("decoded\n%.300s\nwant\n%s", got, want)
			}
			size := chunks[1].Oversized.Size
			if size.Exact != tc.exact || size.Exact && (size.Bytes < inflated || size.Bytes > inflated+8<<20) {
				t.Errorf("size %+v", size)
			}
			r.end(chunks)
			larger := newDecoderRig(t, func(c *Config) { c.BufferMaxBytes = size.Buffer })
			chunks = larger.decode(larger.work(0, batches...))
			if got := told(chunks); strings.Contains(got, "oversized") {
				t.Errorf("with %d bytes it is still\n%.300s", size.Buffer, got)
			}
			larger.end(chunks)
		})
	}
}

func TestSize_namesTheBuffer(t *testing.T) {
	for want, s := range map[string]Size{
		"has 71MiB; it takes BRIDGE_BUFFER_MAX_BYTES=281MiB":                                   fetchedSize(&wire.Batch{}, 70<<20+100_000),
		"has 4MiB; it takes BRIDGE_BUFFER_MAX_BYTES=at least 16MiB":                            fetchedSize(&wire.Batch{Codec: wire.Zstd}, 4<<20),
		"inflates to 40MiB; BRIDGE_BUFFER_MAX_BYTES=128MiB takes it":                           {Bytes: 40 << 20, inflated: true, Buffer: 128 << 20, Exact: true},
		"inflates to more than there is room for; BRIDGE_BUFFER_MAX_BYTES must be above 16MiB": InflatedSize(&wire.Batch{Codec: wire.Gzip}, 16<<20),
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
	fetched, inflated *Allowance
	fetcher           *Fetcher
	cursors           [2]*Cursor
	take              chan *Chunk
	decoder           *Decoder
	rests             time.Duration // after each chunk
}

func inReadRig(t *testing.T, test func(*readRig), change ...func(*Config)) {
	t.Helper()
	inReadRigOf(t, test, []kfake.Opt{kfake.BrokerConfigs(map[string]string{"message.max.bytes": "67108864"})}, change...)
}

func inReadRigOf(t *testing.T, test func(*readRig), cluster []kfake.Opt, change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &readRig{Rig: kafkarig.New(t, kafka.Config{}, cluster...), take: make(chan *Chunk, 4)}
		r.cfg = readConfig(append([]func(*Config){func(c *Config) { c.BufferMaxBytes = 512 << 10 }}, change...)...)
		mapper, err := record.NewMapper(readSettings(t))
		if err != nil {
			t.Fatal(err)
		}
		topic := r.Topic("orders")
		r.fetched, r.inflated = generous(t, Share(r.cfg.BufferMaxBytes), AnswerCeiling(r.cfg.BufferMaxBytes)), generous(t, Share(r.cfg.BufferMaxBytes), InflateCeiling(r.cfg.BufferMaxBytes))
		r.fetcher = New(&r.cfg, r.Client, r.fetched, 1, func() {})
		for _, p := range topic.Partitions {
			r.cursors[p.Partition] = r.fetcher.Open(kafka.TopicPartition{Topic: "orders", Partition: p.Partition}, topic.ID, 0, 0, -1, p.Leader, p.LeaderEpoch, false)
		}
		r.decoder = NewDecoder(&r.cfg, mapper, r.inflated, r.take)
		test(r)
	})
}

// read runs the fetcher until both partitions have been read to an offset, or for
// an hour, and tells what came of each; a fault ends its partition.
func (r *readRig) read(to ...int64) (got [2]string) {
	r.T.Helper()
	ctx, cancel := context.WithTimeout(r.T.Context(), time.Hour)
	ended := make(chan struct{}, 2)
	go func() { r.fetcher.Run(ctx); ended <- struct{}{} }()
	go func() { r.decoder.Run(ctx, r.fetcher.Work[0]); ended <- struct{}{} }()
	var position [2]int64
	for (position[0] < to[0] || position[1] < to[1]) && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case c := <-r.take:
			p := c.Cursor.Partition
			if c.Epoch == c.Cursor.Epoch.Load() && c.Start == position[p] {
				got[p] += brief(c)
				position[p] = c.Next
				if c.Fault != nil {
					r.fetcher.Pause(c.Cursor, true)
					position[p] = math.MaxInt64
				}
			} else {
				r.T.Errorf("partition %d: a chunk begins at %d, not %d", p, c.Start, position[p])
			}
			c.Recycle()
			time.Sleep(r.rests)
		}
	}
	cancel()
	<-ended
	<-ended
	for len(r.take) > 0 {
		(<-r.take).Recycle()
	}
	if f, i := r.fetched.Used(), r.inflated.Used(); f+i != 0 {
		r.T.Errorf("%d bytes of answers and %d inflated ones are lent at the end", f, i)
	}
	return got
}

// brief is a chunk in a few words.
func brief(c *Chunk) string {
	switch o := c.Oversized; {
	case c.Fault != nil:
		return fmt.Sprintf("fault %d", c.Fault.Kind)
	case o != nil:
		return fmt.Sprintf("[%d-%d] ", c.Start, o.Last)
	case c.Records == 0:
		return ""
	}
	return fmt.Sprintf("%d ", c.Records)
}

// large is a batch of about 2 MiB, hard to compress.
func large() (values []string) {
	for _, r := range padded(7, 500, 4000).Records {
		values = append(values, string(r.Value))
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
					r.Produce("orders", 0, codec, valuesOf("a", 2)...)
					r.Produce("orders", 1, codec, valuesOf("a", 3)...)
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

// answer makes the cluster answer every fetch of a partition by hand, unless how
// returns nil.
func (r *readRig) answer(how func(partition int32, offset int64) *kmsg.FetchResponseTopicPartition) {
	r.answerAll(func(*kmsg.FetchResponse) {}, how)
}

// answerAll lets whole change each answer, too.
func (r *readRig) answerAll(whole func(*kmsg.FetchResponse), how func(partition int32, offset int64) *kmsg.FetchResponseTopicPartition) {
	r.Cluster.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		answer := q.ResponseKind().(*kmsg.FetchResponse)
		whole(answer)
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
	change := func(at int, b byte) []byte { raw := good.Encode(); raw[at] = b; return raw }
	control := good
	control.Control, control.Transactional, control.Producer = true, true, 7
	sent := good
	sent.Transactional, sent.Producer = true, 7
	small := slices.Repeat(recordbatch.Batch{Records: []recordbatch.Record{{Value: make([]byte, 10_000)}}}.Encode(), 200)
	for _, tc := range []struct {
		name   string
		answer *kmsg.FetchResponseTopicPartition
		change func(*Config)
		want   string
	}{
		{"plain", holds(good.Encode()), nil, "[0-499] "},
		{"of a committed transaction", holds(sent.Encode(), 8), nil, "[0-499] "},
		{"of an aborted one", holds(sent.Encode(), 8, 7), nil, ""},
		{"of an aborted one, read uncommitted", holds(sent.Encode(), 7), func(c *Config) { c.ReadCommitted = false }, "[0-499] "},
		{"markers", holds(control.Encode()), nil, ""},
		{"an unknown format", holds(change(16, 3)), nil, fmt.Sprintf("fault %d", FaultCorrupt)},
		{"an unknown codec", holds(change(22, 7)), nil, fmt.Sprintf("fault %d", FaultCorrupt)},
		{"offsets gone wild", holds(change(0, 0x40)), nil, fmt.Sprintf("fault %d", FaultCorrupt)},
		{"more records than offsets", holds(change(57, 1)), nil, fmt.Sprintf("fault %d", FaultCorrupt)},
		{"a length below the header's", holds(change(8, 0xff)), nil, fmt.Sprintf("fault %d", FaultCorrupt)},
		{"many small ones", holds(small), nil, fmt.Sprintf("fault %d", FaultRetry)},
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
		for _, rec := range padded(5, 25, 4000).Records {
			large = append(large, string(rec.Value))
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
			return holds(half.Encode())
		})
		if got := r.read(20, 20); got != [2]string{"9 9 2 ", "9 9 2 "} {
			t.Errorf("%q", got)
		}
	})
}

// A catch-up read meets the batch again and passes over it as well.
func TestCatchUpReader_passesOverLargeBatches(t *testing.T) {
	inReadRig(t, func(r *readRig) {
		r.Produce("orders", 0, kgo.NoCompression(), valuesOf("a", 2)...)
		r.ProduceLarge("orders", 0, kgo.NoCompression(), large()...)
		r.Produce("orders", 0, kgo.NoCompression(), valuesOf("a", 3)...)
		c := &CatchUpReader{f: r.fetcher, dec: r.decoder}
		for _, step := range []struct {
			from int64
			want string
		}{{1, "1 "}, {2, "[2-501] "}, {10, "[10-501] "}, {502, "3 "}} {
			c.serve(r.T.Context(), &CatchUpJob{Cursor: r.cursors[0], From: step.from, Wanted: map[string]bool{"a": true}})
			got := ""
			for len(r.take) > 0 {
				k := <-r.take
				if k.Fault == nil {
					got += brief(k)
				} else if k.Fault.Kind != FaultNone {
					got += fmt.Sprint(k.Fault.Err)
				}
				k.Recycle()
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
		(&CatchUpReader{f: r.fetcher, dec: r.decoder}).serve(r.T.Context(), &CatchUpJob{Cursor: r.cursors[0], From: 5, Wanted: map[string]bool{"a": true}})
		k := <-r.take
		defer k.Recycle()
		if k.Fault == nil || k.Fault.Kind != FaultRetry || k.Next != 5 {
			t.Errorf("the job ended at %d with %+v", k.Next, k.Fault)
		}
	})
}

// valuesOf are n records of a namespace.
func valuesOf(namespace string, n int) (values []string) {
	for i := range n {
		values = append(values, fmt.Sprintf(`{"id":"%d","ns":%q}`, i, namespace))
	}
	return values
}
