package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// splitReader gives its bytes in random pieces and ends with an error of its own
// where they are fewer than was announced.
type splitReader struct {
	rng *rand.Rand
	b   []byte
	end error
}

func (s *splitReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, s.end
	}
	most := len(s.b)
	if s.rng.IntN(2) == 0 {
		most = 50
	}
	n := copy(p[:min(len(p), 1+s.rng.IntN(most))], s.b)
	s.b = s.b[n:]
	return n, nil
}

var errLink = errors.New("the link is down")

// streamAll reads the batch like the consumer does. Records of skip bytes or
// more are passed over: of these there is but the place.
func streamAll(r io.Reader, size int64, skip int) (got []delivered, s *BatchStream, err error) {
	s = new(BatchStream)
	if err := s.Reset(r, size, -1); err != nil {
		return nil, s, err
	}
	in, err := s.Inflate()
	if err != nil {
		return nil, s, err
	}
	defer in.Close()
	var records RecordStream
	var rec Record
	for records.Reset(&s.Batch, in); ; {
		n, err := records.Next()
		if errors.Is(err, io.EOF) {
			return got, s, s.Verify()
		}
		if err == nil && n >= int64(skip) {
			err = records.Skip(&rec)
		} else if err == nil {
			err = records.Read(make([]byte, n), &rec)
		}
		if err != nil {
			return got, s, err
		}
		got = append(got, copyOf(&rec))
	}
}

const never = 1 << 30

func streamed() map[string]encoding {
	v := variants()
	delete(v, "snappy")
	return v
}

func TestBatchStream_readsWhatIsReadAtOnce(t *testing.T) {
	for name, e := range streamed() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(60) {
				rng := rand.New(rand.NewPCG(seed, 30))
				e.base, e.lat, e.firstTimestamp, e.maxTime = rng.Int64N(1e12), seed%5 == 0, 1e12, 2e12
				e.records = randomRecords(rng, rng.IntN(500), true)
				e.lastDelta = 2000
				raw := e.bytes(t)
				want, _, err := new(reader).deliver(raw, nil, 0, true)
				if !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				got, s, err := streamAll(&splitReader{rng, append(raw, 1, 2, 3), errLink}, int64(len(raw)+3), never)
				if err != nil || !slices.Equal(got, want) {
					t.Fatalf("seed %d: %v, %d records instead of %d", seed, err, len(got), len(want))
				}
				if b := readBatch(t, raw); s.Batch.NextOffset() != b.NextOffset() || s.Batch.Records != b.Records || s.Left() != 0 {
					t.Fatalf("seed %d: got %+v, want %+v", seed, s.Batch, b)
				}
			}
		})
	}
}

func TestRecordStream_Skip(t *testing.T) {
	for name, e := range streamed() {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 31))
			e.records = randomRecords(rng, 300, true)
			e.records[100].value = bytes.Repeat([]byte("large"), 100_000)
			raw := e.bytes(t)
			all, _, err := streamAll(bytes.NewReader(raw), int64(len(raw)), never)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := streamAll(bytes.NewReader(raw), int64(len(raw)), 1000)
			if err != nil || len(got) != len(all) {
				t.Fatalf("%v, %d records", err, len(got))
			}
			all[100].key, all[100].value, all[100].headers = "null", "null", ""
			if !slices.Equal(got, all) {
				t.Error("the others are not what they were")
			}
		})
	}
}

// TestBatchStream_Verify: whatever bit is wrong, verifying says so, or reading
// the header does.
func TestBatchStream_Verify(t *testing.T) {
	for name, e := range streamed() {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(2, 32))
			e.records = randomRecords(rng, 100, false)
			raw := e.bytes(t)
			verify := func(raw []byte) error {
				var s BatchStream
				if err := s.Reset(&splitReader{rng, raw, errLink}, int64(len(raw)), -1); err != nil {
					return err
				}
				return s.Verify()
			}
			if err := verify(raw); err != nil {
				t.Fatal(err)
			}
			for range 300 {
				bad := bytes.Clone(raw)
				at := atMagic + rng.IntN(len(bad)-atMagic)
				bad[at] ^= 1 << rng.IntN(8)
				if err := verify(bad); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrOldFormat) {
					t.Fatalf("byte %d is wrong: %v", at, err)
				}
			}
		})
	}
}

// TestBatchStream_cutOff: a link that goes down is not the batch's fault.
func TestBatchStream_cutOff(t *testing.T) {
	for name, e := range streamed() {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 33))
			e.records = randomRecords(rng, 100, false)
			raw := e.bytes(t)
			for range 300 {
				n := rng.IntN(len(raw))
				end := []error{errLink, io.EOF, io.ErrUnexpectedEOF}[rng.IntN(3)]
				want := noEOF(end)
				_, s, err := streamAll(&splitReader{rng, raw[:n], end}, int64(len(raw)), never)
				if err == nil || !errors.Is(s.Err(), want) {
					t.Fatalf("%d of %d bytes: %v, source %v", n, len(raw), err, s.Err())
				}
			}
		})
	}
}

func TestBatchStream_refusals(t *testing.T) {
	plain := encoding{records: three()}
	for _, tc := range []struct {
		name string
		raw  []byte
		size int // 0: of raw
		want error
	}{
		{"a raw snappy block refers to all of itself", encoding{codec: Snappy, records: three()}.bytes(t), 0, ErrInflatesTooMuch},
		{"a record is missing", encoding{count: 4, lastDelta: 9, records: three()}.bytes(t), 0, ErrCount},
		{"a record is too many", encoding{count: 2, lastDelta: 9, records: three()}.bytes(t), 0, ErrCount},
		{"offsets go backwards", encoding{records: []sent{{delta: 3}, {delta: 1}, {delta: 5}}}.bytes(t), 0, ErrOrder},
		{"a record is cut short", encoding{count: 1, payload: []byte{40, 0, 0}}.bytes(t), 0, ErrRecord},
		{"a record has no length", encoding{count: 1, payload: []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}.bytes(t), 0, ErrRecord},
		{"gzip is noise", encoding{codec: Gzip, count: 1, payload: []byte("noise that is no gzip")}.bytes(t), 0, ErrInflate},
		{"zstd is cut short", encoding{codec: Zstd, count: 3, lastDelta: 9, payload: compress(t, Zstd, false, bytes.Repeat([]byte("ab"), 9000))[:20]}.bytes(t), 0, ErrInflate},
		{"the batch goes on beyond the answer", plain.bytes(t), 70, ErrPartial},
		{"less than a header", plain.bytes(t)[:40], 0, ErrPartial},
		{"next to nothing", plain.bytes(t)[:10], 0, ErrPartial},
	} {
		t.Run(tc.name, func(t *testing.T) {
			size := tc.size
			if size == 0 {
				size = len(tc.raw)
			}
			if _, s, err := streamAll(bytes.NewReader(tc.raw), int64(size), never); !errors.Is(err, tc.want) || s.Err() != nil {
				t.Errorf("got %v, source %v, want %v", err, s.Err(), tc.want)
			}
		})
	}
}

func TestBatchStream_highWatermark(t *testing.T) {
	raw := encoding{base: 10, records: three()}.bytes(t)
	last := readBatch(t, raw).LastOffset
	var s BatchStream
	if err := s.Reset(bytes.NewReader(raw), int64(len(raw)), last+1); err != nil {
		t.Error(err)
	}
	if err := s.Reset(bytes.NewReader(raw), int64(len(raw)), last); !errors.Is(err, ErrOrder) {
		t.Errorf("beyond it: %v", err)
	}
}

// TestBatchStream_memory reads batches of 32 MiB.
func TestBatchStream_memory(t *testing.T) {
	for name, e := range streamed() {
		t.Run(name, func(t *testing.T) {
			value := make([]byte, 1<<10)
			rng := rand.New(rand.NewPCG(4, 34))
			for i := range value {
				value[i] = byte(rng.Uint32())
			}
			for i := range 32 << 10 {
				e.records = append(e.records, sent{delta: int64(i), value: value})
			}
			raw := e.bytes(t)
			e.records = nil
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := streamCount(t, raw)
			runtime.ReadMemStats(&after)
			if n != 32<<10 {
				t.Errorf("%d records", n)
			}
			if got := (after.TotalAlloc - before.TotalAlloc) >> 10; got > 20<<10 {
				t.Errorf("%d KiB were allocated", got)
			} else {
				t.Logf("%d KiB were allocated", got)
			}
		})
	}
}

func streamCount(t *testing.T, raw []byte) (n int) {
	t.Helper()
	var s BatchStream
	if err := s.Reset(bytes.NewReader(raw), int64(len(raw)), -1); err != nil {
		t.Fatal(err)
	}
	in, err := s.Inflate()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var records RecordStream
	var rec Record
	buf := make([]byte, 4<<10)
	for records.Reset(&s.Batch, in); ; n++ {
		size, err := records.Next()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err == nil {
			err = records.Read(buf[:size], &rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFetchHead_Read(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 35))
		version := 11 + int16(seed%3)
		answer := kmsg.NewPtrFetchResponse()
		answer.SetVersion(version)
		topic, p := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
		topic.Topic, topic.TopicID = "orders", topicID(3)
		p.ErrorCode, p.HighWatermark = int16(rng.IntN(2)*6), rng.Int64N(1e15)
		var aborted []AbortedTransaction
		for range rng.IntN(4) {
			a := AbortedTransaction{rng.Int64N(1e15), rng.Int64N(1e15)}
			aborted = append(aborted, a)
			p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: a.ProducerID, FirstOffset: a.FirstOffset})
		}
		p.RecordBatches = bytes.Repeat([]byte("r"), rng.IntN(300))
		topic.Partitions = append(topic.Partitions, p)
		answer.Topics = append(answer.Topics, topic)
		body := answer.AppendTo(nil)

		var h FetchHead
		in := bufio.NewReader(&splitReader{rng, body, errLink})
		if err := h.Read(in, version, int64(len(body))); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if h.ErrorCode != p.ErrorCode || h.HighWatermark != p.HighWatermark || !slices.Equal(h.Aborted, aborted) {
			t.Fatalf("seed %d: got %+v of %+v", seed, h, p)
		}
		records := make([]byte, h.RecordBytes)
		if _, err := io.ReadFull(in, records); err != nil || !bytes.Equal(records, p.RecordBatches) {
			t.Fatalf("seed %d: %v, records are %q", seed, err, records)
		}
		n := rng.IntN(len(body) - len(p.RecordBatches) - 12)
		if err := h.Read(bufio.NewReader(bytes.NewReader(body[:n])), version, int64(n)); err == nil {
			t.Fatalf("seed %d: %d of %d bytes are enough", seed, n, len(body))
		}
	}
}

// FuzzBatchStream: what is read as a stream is what is read at once, be it
// records or an error.
func FuzzBatchStream(f *testing.F) {
	for _, e := range variants() {
		e.records = three()
		f.Add(e.bytes(f), uint64(1))
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		if len(raw) >= batchHeaderLen && len(raw) < 1<<16 {
			if length := int32(len(raw) - atLeaderEpoch); length > 0 { // most inputs else end at once
				copy(raw[atLength:], appendInt32(nil, length))
				raw[atMagic] = 2
				withCRC(raw)
			}
		}
		want, _, wantErr := new(reader).deliver(bytes.Clone(raw), nil, 0, false)
		got, s, err := streamAll(&splitReader{rand.New(rand.NewPCG(seed, 1)), raw, errLink}, int64(len(raw)), never)
		if s.Err() != nil {
			t.Fatalf("the source failed: %v", s.Err())
		}
		if s.Batch.Control || errors.Is(err, ErrInflatesTooMuch) || errors.Is(wantErr, ErrInflatesTooMuch) {
			return
		}
		if good := errors.Is(wantErr, io.EOF) && len(raw) > 0; good != (err == nil) {
			t.Fatalf("%v as a stream, %v at once", err, wantErr)
		}
		if n := min(len(got), len(want)); err == nil && fmt.Sprint(got) != fmt.Sprint(want) || fmt.Sprint(got[:n]) != fmt.Sprint(want[:n]) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
	})
}
