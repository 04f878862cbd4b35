package wire

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// reference reads like deliver, with franz-go.
func reference(raw []byte, aborted []AbortedTransaction, from int64, committed bool) ([]delivered, int64, error) {
	p := kmsg.FetchResponseTopicPartition{RecordBatches: raw}
	for _, a := range aborted {
		p.AbortedTransactions = append(p.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{
			ProducerID: a.ProducerID, FirstOffset: a.FirstOffset,
		})
	}
	opts := kgo.ProcessFetchPartitionOpts{Offset: from, IsolationLevel: kgo.ReadUncommitted()}
	if committed {
		opts.IsolationLevel = kgo.ReadCommitted()
	}
	fetched, position := kgo.ProcessFetchPartition(opts, &p, kgo.DefaultDecompressor(), nil)
	var got []delivered
	for _, r := range fetched.Records {
		d := delivered{offset: r.Offset, timestamp: r.Timestamp.UnixMilli(), key: show(r.Key), value: show(r.Value)}
		for _, h := range r.Headers {
			d.headers += fmt.Sprintf("%s=%s;", h.Key, show(h.Value))
		}
		got = append(got, d)
	}
	return got, position, fetched.Err
}

// partition is a piece of log with what a broker says about it.
type partition struct {
	raw     []byte
	ends    []int   // of each batch, in raw
	nexts   []int64 // the offset after each batch
	aborted []AbortedTransaction
	markers []int64 // where each aborted transaction ends
}

// from returns what a broker answers to a fetch in the middle of batch i: whole
// batches, and the aborted transactions that reach into them, in any order.
func (p partition) from(i int, rng *rand.Rand) (raw []byte, aborted []AbortedTransaction, offset int64) {
	begin := 0
	if i > 0 {
		begin = p.ends[i-1]
	}
	offset = p.nexts[i] - 1 - rng.Int64N(4)
	if i > 0 {
		offset = max(offset, p.nexts[i-1])
	}
	for j, a := range p.aborted {
		if p.markers[j] >= offset {
			aborted = append(aborted, a)
		}
	}
	rng.Shuffle(len(aborted), func(i, j int) { aborted[i], aborted[j] = aborted[j], aborted[i] })
	return p.raw[begin:], aborted, offset
}

// randomPartition writes batches of every kind: codecs, holes, batches that
// compaction emptied, transactions of several producers that interleave.
func randomPartition(t testing.TB, rng *rand.Rand, batches int) partition {
	var p partition
	next := rng.Int64N(1000)
	open := map[int64]int64{} // first offset by producer
	add := func(e encoding) {
		e.base, e.epoch = next, 7
		p.raw = append(p.raw, e.bytes(t)...)
		p.ends = append(p.ends, len(p.raw))
		next += int64(e.lastDelta) + 1
		p.nexts = append(p.nexts, next)
	}
	for range batches {
		next += max(0, rng.Int64N(8)-5)
		producer := rng.Int64N(3)
		first, inside := open[producer]
		if inside && rng.IntN(3) == 0 {
			delete(open, producer)
			if rng.IntN(2) == 0 {
				p.aborted = append(p.aborted, AbortedTransaction{ProducerID: producer, FirstOffset: first})
				p.markers = append(p.markers, next)
				add(abortMarker(0, producer))
			} else {
				add(commitMarker(0, producer))
			}
			continue
		}
		e := encoding{
			codec: Codec(rng.IntN(5)), xerial: rng.IntN(2) == 0, lat: rng.IntN(4) == 0,
			producer: -1, firstTimestamp: 1_700_000_000_000 + rng.Int64N(1000), maxTime: 1_800_000_000_000,
		}
		if rng.IntN(8) > 0 {
			e.records = randomRecords(rng, 1+rng.IntN(8), rng.IntN(2) == 0)
			e.lastDelta = int32(e.records[len(e.records)-1].delta) + rng.Int32N(3)
		} else {
			e.codec, e.lastDelta = None, rng.Int32N(5)
		}
		if e.transactional = rng.IntN(2) == 0; e.transactional {
			if e.producer = producer; !inside {
				open[producer] = next
			}
		}
		add(e)
	}
	return p
}

func checkAgainstReference(t *testing.T, r *reader, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	p := randomPartition(t, rng, 1+rng.IntN(12))
	raw, aborted, from := p.from(rng.IntN(len(p.ends)), rng)
	raw = raw[:len(raw)-rng.IntN(80)%len(raw)] // the last batch is often cut off
	for _, committed := range []bool{true, false} {
		want, wantPosition, err := reference(raw, aborted, from, committed)
		if err != nil {
			t.Fatalf("seed %d: the reference failed: %v", seed, err)
		}
		got, position, err := r.deliver(raw, slices.Clone(aborted), from, committed)
		if !errors.Is(err, io.EOF) && (!errors.Is(err, ErrPartial) || len(want) != 0 || wantPosition != from) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if position != wantPosition {
			t.Errorf("seed %d, committed %v: position %d, want %d", seed, committed, position, wantPosition)
		}
		if !slices.Equal(got, want) {
			t.Errorf("seed %d, committed %v: got %v\nwant %v", seed, committed, got, want)
		}
	}
}

func TestReading_agreesWithFranz(t *testing.T) {
	var r reader
	for seed := range uint64(500) {
		if checkAgainstReference(t, &r, seed); t.Failed() {
			return
		}
	}
}

func FuzzReading_agreesWithFranz(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	var r reader
	f.Fuzz(func(t *testing.T, seed uint64) { checkAgainstReference(t, &r, seed) })
}

// Whatever single bit of a log flips, the records are the original ones as far
// as they go. Two fields lie outside of the checksum: the leader epoch, which no
// record shows, and the base offset, whose bounds are checked instead.
func TestReading_neverDeliversFlippedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	p := randomPartition(t, rng, 6)
	var r reader
	want, _, _ := r.deliver(p.raw, p.aborted, 0, true)
	begin := 0
	for _, end := range p.ends {
		for bit := (begin + atLength) * 8; bit < end*8; bit++ {
			raw := slices.Clone(p.raw)
			raw[bit/8] ^= 1 << (bit % 8)
			got, _, err := r.deliver(raw, slices.Clone(p.aborted), 0, true)
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("bit %d: delivered altered records", bit)
			}
			inEpoch := bit/8 >= begin+atLeaderEpoch && bit/8 < begin+atMagic
			if errors.Is(err, io.EOF) && len(got) < len(want) && bit/8 >= begin+atMagic {
				t.Fatalf("bit %d: records vanished without an error", bit)
			}
			if inEpoch && !errors.Is(err, io.EOF) {
				t.Fatalf("bit %d of the leader epoch: %v", bit, err)
			}
		}
		begin = end
	}
}

// FuzzReading feeds noise, with its checksums repaired so that it gets far.
func FuzzReading(f *testing.F) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 9))
		f.Add(randomPartition(f, rng, 3).raw, true)
		f.Add(randomPartition(f, rng, 1).raw, false)
		f.Add(randomSets(f, rng, 1).raw, true)
		f.Add(randomSets(f, rng, 4).raw, false)
	}
	var r reader
	f.Fuzz(func(t *testing.T, raw []byte, repair bool) {
		raw = slices.Clone(raw)
		switch {
		case repair && len(raw) > messageLen(1) && isMessage(raw):
			repaired(raw)
		case repair && len(raw) >= batchHeaderLen:
			raw[atMagic] = 2
			length := uint32(len(raw) - atLeaderEpoch)
			copy(raw[atLength:], appendInt32(nil, int32(length)))
			withCRC(raw)
		}
		got, position, err := r.deliver(raw, nil, 0, true)
		if err == nil {
			t.Fatal("no end")
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, ErrPartial) && !errors.As(err, new(*BatchError)) {
			t.Fatalf("undeclared error %v", err)
		}
		last := int64(-1)
		for _, d := range got {
			if d.offset <= last {
				t.Fatalf("offset %d after %d", d.offset, last)
			}
			last = d.offset
		}
		if errors.Is(err, io.EOF) && position <= last {
			t.Fatalf("position %d is not after %d", position, last)
		}
	})
}
