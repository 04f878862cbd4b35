package consumer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
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
)

// streamRig is a stream reader of a cluster that answers fetches by hand. A
// goroutine plays the loop: it notes what the chunks hold and recycles them.
type streamRig struct {
	*kafkarig.Rig
	cfg      Config
	fetcher  *fetcher
	reader   *streamReader
	cursor   *cursor
	answer   func(n int) kmsg.FetchResponseTopicPartition // to the n-th fetch, from 0
	fetches  int
	inflated *allowance

	take    chan *chunk
	lines   []string // what came, in order
	rejects []rejected
	next    int64
	most    int64 // bytes of the allowance that were lent at most
}

// newStreamRig has allowances of 64 KiB, and of 192 KiB for what goes alone.
func newStreamRig(t *testing.T, change ...func(*Config)) *streamRig {
	t.Helper()
	r := &streamRig{Rig: kafkarig.New(t, kafka.Config{}), take: make(chan *chunk)}
	change = append([]func(*Config){func(c *Config) { c.BufferMaxBytes = 512 << 10 }}, change...)
	r.cfg = testConfig(t, change...)
	mapper, err := record.NewMapper(r.cfg.Record)
	if err != nil {
		t.Fatal(err)
	}
	topic := r.Topic("orders")
	r.inflated = newAllowance(r.cfg.fetchAllowance(), r.cfg.inflateCeiling())
	r.fetcher = newFetcher(&r.cfg, r.Client, NewMetrics(nil, 10), newAllowance(r.cfg.fetchAllowance(), r.cfg.fetchCeiling()), 1, func() {})
	r.cursor = r.fetcher.open(kafka.TopicPartition{Topic: "orders", Partition: 0}, topic.ID, 0, -1, topic.Partitions[0].Leader, -1, false)
	r.reader = newStreamReader(r.fetcher, newDecoder(&r.cfg, mapper, r.inflated, r.take))
	r.Cluster.ControlKey(int16(kmsg.Fetch), func(q kmsg.Request) (kmsg.Response, error, bool) {
		r.Cluster.KeepControl()
		answer := q.ResponseKind().(*kmsg.FetchResponse)
		asked := q.(*kmsg.FetchRequest).Topics[0]
		part := kmsg.NewFetchResponseTopic()
		part.Topic, part.TopicID = asked.Topic, asked.TopicID
		part.Partitions = append(part.Partitions, r.answer(r.fetches))
		answer.Topics = append(answer.Topics, part)
		r.fetches++
		return answer, nil, true
	})
	return r
}

// loop takes chunks until ctx ends.
func (r *streamRig) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-r.take:
			r.most = max(r.most, r.inflated.Used())
			r.note(c)
		}
	}
}

func (r *streamRig) note(c *chunk) {
	if c.start != r.next {
		r.T.Errorf("a chunk begins at %d, the one before it ended at %d", c.start, r.next)
	}
	var lines []line
	for i := range c.groups {
		lines = append(lines, c.groups[i].lines...)
	}
	slices.SortFunc(lines, func(a, b line) int { return int(a.offset - b.offset) })
	for _, l := range lines {
		r.lines = append(r.lines, string(l.bytes))
	}
	r.rejects = append(r.rejects, c.rejects...)
	r.next = c.next
	c.recycle()
}

// read streams the batch at from.
func (r *streamRig) read(ctx context.Context, from int64) (work, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.next, r.lines, r.rejects, r.fetches = from, nil, nil, 0
	done := make(chan struct{})
	go func() { defer close(done); r.loop(ctx) }()
	w := work{cursor: r.cursor, epoch: r.cursor.epoch.Load(), from: from}
	err := r.reader.read(ctx, &w)
	cancel()
	<-done
	r.reader.dec.dropArena()
	if used := r.inflated.Used(); used != 0 {
		r.T.Errorf("%d bytes are lent at the end", used)
	}
	return w, err
}

// holds is the partition's answer with a batch.
func holds(batch []byte, aborted ...int64) kmsg.FetchResponseTopicPartition {
	p := kmsg.NewFetchResponseTopicPartition()
	p.HighWatermark, p.LastStableOffset, p.RecordBatches = 1e6, 1e6, batch
	for _, id := range aborted {
		p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: id})
	}
	return p
}

// largeBatch is about 2 MiB of lines.
func largeBatch(codec wire.Codec) (b testBatch, lines []string) {
	b.codec = codec
	rng := rand.New(rand.NewPCG(7, 7))
	var text []byte
	for len(text) < 64<<10 {
		text = fmt.Appendf(text, "word%d ", rng.IntN(3000))
	}
	for i := range int64(500) {
		at := rng.IntN(len(text) - 4000)
		l := fmt.Sprintf(`{"id":"%d","ns":"a","p":"%s"}`, i, text[at:at+4000])
		lines = append(lines, l)
		b.records = append(b.records, testRecord{offset: i, value: []byte(l)})
	}
	switch codec {
	case wire.LZ4:
		b.pack = lz4Packed
	case wire.Snappy:
		b.pack = xerialPacked
	}
	return b, lines
}

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

func inStreamRig(t *testing.T, test func(*streamRig), change ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(newStreamRig(t, change...)) })
}

func TestStreamReader_everyCodec(t *testing.T) {
	for codec := wire.None; codec <= wire.Zstd; codec++ {
		t.Run(codec.String(), func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				b, lines := largeBatch(codec)
				b.last = 700 // compacted
				r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode()) }
				for _, from := range []int64{0, 321, 650} {
					w, err := r.read(r.T.Context(), from)
					if err != nil || !slices.Equal(r.lines, lines[min(from, 500):]) || w.from != 701 || r.next != 701 {
						t.Errorf("from %d: %v, %d lines, position %d, chunks up to %d", from, err, len(r.lines), w.from, r.next)
					}
					if r.most > r.inflated.capacity {
						t.Errorf("%d bytes were lent of %d", r.most, r.inflated.capacity)
					}
				}
			})
		})
	}
}

// TestStreamReader_leavesTheNextBatch: an answer may hold more than was asked for.
func TestStreamReader_leavesTheNextBatch(t *testing.T) {
	inStreamRig(t, func(r *streamRig) {
		b, lines := largeBatch(wire.None)
		next := b
		next.base = 500
		r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(append(b.encode(), next.encode()...)) }
		for range 2 {
			if w, err := r.read(r.T.Context(), 0); err != nil || !slices.Equal(r.lines, lines) || w.from != 500 {
				t.Errorf("%v, %d lines, position %d", err, len(r.lines), w.from)
			}
		}
	})
}

func TestStreamReader_transactions(t *testing.T) {
	for _, tc := range []struct {
		name      string
		committed bool
		control   bool
		aborted   []int64
		want      int
	}{
		{"committed", true, false, nil, 500},
		{"another producer's is aborted", true, false, []int64{8}, 500},
		{"aborted", true, false, []int64{8, 7}, 0},
		{"aborted, read uncommitted", false, false, []int64{7}, 500},
		{"control", true, true, nil, 0},
		{"control, read uncommitted", false, true, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				b, _ := largeBatch(wire.None)
				b.transactional, b.producer, b.control = true, 7, tc.control
				r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode(), tc.aborted...) }
				w, err := r.read(r.T.Context(), 0)
				if err != nil || len(r.lines) != tc.want || w.from != 500 || r.next != 500 {
					t.Errorf("%v, %d lines, position %d, chunks up to %d", err, len(r.lines), w.from, r.next)
				}
			}, func(c *Config) { c.ReadCommitted = tc.committed })
		})
	}
}

// TestStreamReader_tooLargeARecord: one in the middle is larger than anything
// that can be lent, one is as large as can be.
func TestStreamReader_tooLargeARecord(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				b, lines := largeBatch(codec)
				for _, i := range []int{100, 101, 499} {
					b.records[i].value = []byte(`{"id":"x","ns":"a","p":"` + strings.Repeat("x", 300<<10) + `"}`)
				}
				b.records[200].value = []byte(`{"id":"200","ns":"a","p":"` + strings.Repeat("x", 159<<10) + `"}`)
				lines[200] = string(b.records[200].value)
				want := slices.Concat(lines[:100], lines[102:499])
				r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode()) }
				w, err := r.read(r.T.Context(), 0)
				if err != nil || !slices.Equal(r.lines, want) || w.from != 500 {
					t.Errorf("%v, %d lines instead of %d, position %d", err, len(r.lines), len(want), w.from)
				}
				var told []string
				for _, j := range r.rejects {
					told = append(told, fmt.Sprint(j.offset, j.reason, j.operator, j.letter == nil))
				}
				if want := []string{"100 too_large false true", "101 too_large true true", "499 too_large false true"}; !slices.Equal(told, want) {
					t.Errorf("rejected %q, want %q", told, want)
				}
				if r.most > r.inflated.ceiling {
					t.Errorf("%d bytes were lent", r.most)
				}
			}, func(c *Config) {
				c.OnInvalid = DeadLetter
				c.SkipRecords = map[kafka.TopicPartition]map[int64]bool{{Topic: "orders", Partition: 0}: {101: true}}
			})
		})
	}
}

// TestStreamReader_faults tells what is delivered of a batch with which
// something is wrong, and whether the batch is blamed.
func TestStreamReader_faults(t *testing.T) {
	good, _ := largeBatch(wire.None)
	flipped := func(at int) []byte { b := good.encode(); b[at] ^= 1; return b }
	other, _ := largeBatch(wire.None)
	other.producer = 99
	short, _ := largeBatch(wire.None)
	short.pack = func(raw []byte) []byte { return raw[:len(raw)/2] }
	failed := kmsg.NewFetchResponseTopicPartition()
	failed.ErrorCode = int16(kafka.CodeNotLeader)
	raw, _ := largeBatch(wire.Snappy)
	raw.pack = nil
	for _, tc := range []struct {
		name    string
		answers [2]kmsg.FetchResponseTopicPartition
		lines   func(n int) bool
		kind    faultKind // faultNone: left to a plain fetch
	}{
		{"a bit in the middle is wrong", [2]kmsg.FetchResponseTopicPartition{holds(flipped(1 << 20)), holds(flipped(1 << 20))}, none, faultCorrupt},
		{"the checksum is wrong", [2]kmsg.FetchResponseTopicPartition{holds(flipped(17)), holds(flipped(17))}, none, faultCorrupt},
		{"a bit is wrong the second time", [2]kmsg.FetchResponseTopicPartition{holds(good.encode()), holds(flipped(len(good.encode()) - 20))}, some, faultCorrupt},
		{"another batch the second time", [2]kmsg.FetchResponseTopicPartition{holds(good.encode()), holds(other.encode())}, none, faultRetry},
		{"records are missing", [2]kmsg.FetchResponseTopicPartition{holds(short.encode()), holds(short.encode())}, some, faultCorrupt},
		{"only a part of it", [2]kmsg.FetchResponseTopicPartition{holds(good.encode()[:1<<20])}, none, faultRetry},
		{"no records", [2]kmsg.FetchResponseTopicPartition{holds(nil)}, none, faultNone},
		{"no leader", [2]kmsg.FetchResponseTopicPartition{failed}, none, faultNone},
		{"no leader the second time", [2]kmsg.FetchResponseTopicPartition{holds(good.encode()), failed}, none, faultNone},
		{"a raw snappy block", [2]kmsg.FetchResponseTopicPartition{holds(raw.encode()), holds(raw.encode())}, none, faultCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				r.answer = func(n int) kmsg.FetchResponseTopicPartition { return tc.answers[n] }
				w, err := r.read(r.T.Context(), 0)
				if err == nil || !tc.lines(len(r.lines)) || w.from != int64(len(r.lines)) || r.next != w.from {
					t.Errorf("%v, %d lines, position %d, chunks up to %d", err, len(r.lines), w.from, r.next)
				}
				if none := errors.Is(err, errNothingToStream); none != (tc.kind == faultNone) || !none && r.reader.fault(&w, err).kind != tc.kind {
					t.Errorf("got %v, want a fault of kind %d", err, tc.kind)
				}
			})
		})
	}
}

func none(n int) bool { return n == 0 }
func some(n int) bool { return n > 0 }

// TestStreamReader_endsSoon: while the loop takes nothing the stream stands
// still for however long, and ends with its context or its partition's reset.
func TestStreamReader_endsSoon(t *testing.T) {
	for _, how := range []string{"cancelled", "reset"} {
		t.Run(how, func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				b, _ := largeBatch(wire.LZ4)
				r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode()) }
				ctx, cancel := context.WithCancel(r.T.Context())
				defer cancel()
				w := work{cursor: r.cursor, epoch: r.cursor.epoch.Load()}
				ended := make(chan error, 1)
				go func() { ended <- r.reader.read(ctx, &w) }()
				time.Sleep(time.Hour)
				synctest.Wait()
				r.note(<-r.take)
				want := context.Canceled
				if how == "reset" {
					want = errStale
					r.fetcher.reset(r.cursor, 0, time.Time{})
					r.note(<-r.take) // was on its way
					go r.loop(ctx)
				} else {
					cancel()
				}
				begun := time.Now()
				if err := <-ended; !errors.Is(err, want) || time.Since(begun) > time.Second {
					t.Errorf("ended with %v after %s", err, time.Since(begun))
				}
				r.reader.dec.dropArena()
				cancel()
				synctest.Wait()
				if used := r.inflated.Used(); used != 0 {
					t.Errorf("%d bytes are lent at the end", used)
				}
			})
		})
	}
}

// TestStreamReader_waitsForTheLoop: the link's time limits do not count while the
// loop has no room.
func TestStreamReader_waitsForTheLoop(t *testing.T) {
	inStreamRig(t, func(r *streamRig) {
		b, lines := largeBatch(wire.None)
		r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode()) }
		ctx, cancel := context.WithCancel(r.T.Context())
		defer cancel()
		w := work{cursor: r.cursor, epoch: r.cursor.epoch.Load()}
		ended := make(chan error, 1)
		go func() { ended <- r.reader.read(ctx, &w) }()
		for range 3 {
			time.Sleep(5 * time.Minute)
			r.note(<-r.take)
		}
		go r.loop(ctx)
		if err := <-ended; err != nil || w.from != 500 {
			t.Errorf("%v, position %d", err, w.from)
		}
		cancel()
		synctest.Wait()
		if !slices.Equal(r.lines, lines) {
			t.Errorf("%d lines", len(r.lines))
		}
		r.reader.dec.dropArena()
	})
}

// TestStreamer_betweenFetches reads partitions that hold small and large batches
// in turn, from a cluster, with a loop that does what the session's does.
func TestStreamer_betweenFetches(t *testing.T) {
	for i, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()} {
		t.Run(fmt.Sprint("codec ", i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := kafkarig.New(t, kafka.Config{}, kfake.BrokerConfigs(map[string]string{"message.max.bytes": "67108864"}))
				want := [2][]string{}
				_, large := largeBatch(wire.None)
				for round := range 3 {
					for p := range int32(2) {
						small := []string{fmt.Sprintf(`{"id":"small %d","ns":"a"}`, round), `{"id":"y","ns":"b"}`}
						r.Produce("orders", p, codec, small...)
						want[p] = append(want[p], small...)
						if p == 0 {
							r.ProduceLarge("orders", p, codec, large...)
							want[p] = append(want[p], large...)
						}
					}
				}
				got, streams := readAll(t, r, [2]int{len(want[0]), len(want[1])})
				for p := range want {
					if !slices.Equal(got[p], want[p]) {
						t.Errorf("partition %d: %d lines instead of %d", p, len(got[p]), len(want[p]))
					}
				}
				if streams != 3 {
					t.Errorf("%d streams for 3 batches", streams)
				}
			})
		})
	}
}

// readAll reads both partitions until they have given so many lines.
func readAll(t *testing.T, r *kafkarig.Rig, want [2]int) (got [2][]string, streams int) {
	cfg := testConfig(t, func(c *Config) { c.BufferMaxBytes = 512 << 10 })
	mapper, err := record.NewMapper(cfg.Record)
	if err != nil {
		t.Fatal(err)
	}
	topic := r.Topic("orders")
	inflated := newAllowance(cfg.fetchAllowance(), cfg.inflateCeiling())
	f := newFetcher(&cfg, r.Client, NewMetrics(nil, 10), newAllowance(cfg.fetchAllowance(), cfg.fetchCeiling()), 1, func() {})
	take := make(chan *chunk, 4)
	ctx, cancel := context.WithCancel(r.T.Context())
	ended := make(chan struct{}, 3)
	begin := func(run func()) { go func() { run(); ended <- struct{}{} }() }
	for _, p := range topic.Partitions {
		f.open(kafka.TopicPartition{Topic: "orders", Partition: p.Partition}, topic.ID, 0, -1, p.Leader, p.LeaderEpoch, false)
	}
	begin(func() { f.run(ctx) })
	begin(func() { newDecoder(&cfg, mapper, inflated, take).run(ctx, f.work[0]) })
	streamer := &streamer{f: f, reader: newStreamReader(f, newDecoder(&cfg, mapper, inflated, take))}
	begin(func() { streamer.run(ctx) })
	var position [2]int64
	for len(got[0]) < want[0] || len(got[1]) < want[1] {
		c := <-take
		p := c.cursor.Partition
		switch {
		case c.epoch != c.cursor.epoch.Load():
		case c.fault != nil && c.fault.kind == faultLarge:
			streams++
			f.stream(c.cursor, position[p])
		case c.fault != nil:
			t.Errorf("partition %d at %d: %v", p, position[p], c.fault.err)
			f.reset(c.cursor, position[p], time.Now().Add(time.Second))
		case c.start != position[p]:
			t.Errorf("partition %d: a chunk begins at %d, not %d", p, c.start, position[p])
		default:
			var lines []line
			for i := range c.groups {
				lines = append(lines, c.groups[i].lines...)
			}
			slices.SortFunc(lines, func(a, b line) int { return int(a.offset - b.offset) })
			for _, l := range lines {
				got[p] = append(got[p], string(l.bytes))
			}
			position[p] = c.next
		}
		c.recycle()
	}
	cancel()
	for range cap(ended) {
		<-ended
	}
	return got, streams
}

// TestCatchUpReader_largeBatch: a catch-up read streams as well, from an answer
// that is too large and from a batch that inflates to too much.
func TestCatchUpReader_largeBatch(t *testing.T) {
	for _, codec := range []wire.Codec{wire.None, wire.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			inStreamRig(t, func(r *streamRig) {
				b, lines := largeBatch(codec)
				b.records[7].value = lineOf(7, "b")                     // not wanted
				b.records[8].value = bytes.Repeat([]byte(" "), 300<<10) // too large, as the main read has told
				r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(b.encode()) }
				ctx, cancel := context.WithCancel(r.T.Context())
				defer cancel()
				c := &catchUpReader{f: r.fetcher, dec: r.reader.dec, streams: r.reader}
				r.next = 5
				go func() {
					c.serve(ctx, &catchUpJob{cursor: r.cursor, from: 5, wanted: map[string]bool{"a": true}})
					close(r.take)
				}()
				var last *fault
				for k := range r.take {
					if k.fault != nil {
						last = k.fault
					}
					r.note(k)
				}
				if want := slices.Concat(lines[5:7], lines[9:]); !slices.Equal(r.lines, want) || r.next != 500 || len(r.rejects) > 0 {
					t.Errorf("%d lines instead of %d, up to %d, and %d rejected", len(r.lines), len(want), r.next, len(r.rejects))
				}
				if last == nil || last.kind != faultNone {
					t.Errorf("the job ended with %+v", last)
				}
				if used := r.inflated.Used(); used != 0 {
					t.Errorf("%d bytes are lent at the end", used)
				}
			})
		})
	}
}

// TestCatchUpReader_emptyAnswer: what the main read has seen is there; an answer
// without it is no progress, and the read is made again after a rest.
func TestCatchUpReader_emptyAnswer(t *testing.T) {
	inStreamRig(t, func(r *streamRig) {
		r.answer = func(int) kmsg.FetchResponseTopicPartition { return holds(nil) }
		go (&catchUpReader{f: r.fetcher, dec: r.reader.dec, streams: r.reader}).serve(r.T.Context(), &catchUpJob{cursor: r.cursor, from: 5, wanted: map[string]bool{"a": true}})
		k := <-r.take
		defer k.recycle()
		if k.fault == nil || k.fault.kind != faultRetry || k.next != 5 {
			t.Errorf("the job ended at %d with %+v", k.next, k.fault)
		}
	})
}

func TestSession_largeBatch(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.partitions[kafka.TopicPartition{Topic: "orders", Partition: 0}]
		epoch := p.cursor.epoch.Load()
		r.faulted(p, &fault{kind: faultLarge, err: errLargeBatch}, time.Now())
		a, ok := r.fetcher.nextStream()
		if !ok || a.cursor != p.cursor || a.offset != p.ledger.Position() || a.epoch != epoch+1 || p.failure != nil {
			t.Errorf("got %+v, failure %v", a, p.failure)
		}
		if batch, _ := r.fetcher.gather(p.cursor.leader); len(batch) != 1 || batch[0].cursor == p.cursor {
			t.Errorf("%d partitions are fetched meanwhile", len(batch))
		} else {
			r.fetcher.release(batch, time.Time{})
		}
		r.fetcher.reset(p.cursor, 3, time.Time{}) // makes the stream stale
		r.fetcher.streamed(a, 9, time.Time{})
		if !p.cursor.idle() || p.cursor.offset != 3 {
			t.Errorf("the partition waits still, at position %d", p.cursor.offset)
		}
	})
}

// TestSession_holdsWhatIsTooLargeForALetter: such a record was never in memory.
func TestSession_holdsWhatIsTooLargeForALetter(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.partitions[kafka.TopicPartition{Topic: "orders", Partition: 0}]
		r.rejected(p, &rejected{offset: p.ledger.Position(), reason: record.TooLarge}, time.Now())
		if p.heldCount != 1 || r.letter.pending() != 0 {
			t.Errorf("%d records are held, %d letters wait", p.heldCount, r.letter.pending())
		}
	}, func(c *Config) { c.OnInvalid = DeadLetter })
}
