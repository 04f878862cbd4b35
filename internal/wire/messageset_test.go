package wire

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// sentMessage is one message of format 0 or 1, as a broker has it on disk.
type sentMessage struct {
	magic      byte
	codec      Codec
	lat        bool
	offset     int64
	timestamp  int64
	key, value []byte
}

func (m sentMessage) append(dst []byte) []byte {
	attributes := byte(m.codec)
	if m.lat {
		attributes |= 1 << 3
	}
	b := append(appendInt64(nil, m.offset), 0, 0, 0, 0, 0, 0, 0, 0, m.magic, attributes)
	if m.magic > 0 {
		b = appendInt64(b, m.timestamp)
	}
	b = appendBytes(appendBytes(b, m.key), m.value)
	return append(dst, repaired(b)...)
}

// repaired makes a message's size and checksum right.
func repaired(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atLength:], uint32(len(b)-atMessageCRC))
	binary.BigEndian.PutUint32(b[atMessageCRC:], crc32.ChecksumIEEE(b[atMagic:]))
	return b
}

// compressed puts messages into one. Their offsets are absolute; in format 1 they
// come to count from the first one.
func compressed(t testing.TB, codec Codec, xerial, lat bool, messages []sentMessage) []byte {
	var set []byte
	last := messages[len(messages)-1]
	for _, m := range messages {
		if m.magic == 1 {
			m.offset -= messages[0].offset
		}
		set = m.append(set)
	}
	return sentMessage{magic: last.magic, codec: codec, lat: lat, offset: last.offset, timestamp: last.timestamp, value: compress(t, codec, xerial, set)}.append(nil)
}

// randomSets writes messages of both formats, plain and compressed by each codec,
// with gaps as compaction leaves them, and batches between them.
func randomSets(t testing.TB, rng *rand.Rand, pieces int) partition {
	var p partition
	next := rng.Int64N(1000)
	for range pieces {
		magic := byte(rng.IntN(2))
		message := func() sentMessage {
			m := sentMessage{magic: magic, offset: next, timestamp: 1_500_000_000_000 + rng.Int64N(1e6), key: randomBytes(rng, 20), value: randomBytes(rng, 300)}
			next += 1 + max(0, rng.Int64N(6)-4)
			return m
		}
		switch rng.IntN(4) {
		case 0:
			e := encoding{base: next, codec: Codec(rng.IntN(5)), producer: -1, records: randomRecords(rng, 1+rng.IntN(4), false)}
			p.raw = append(p.raw, e.bytes(t)...)
			next += int64(len(e.records))
		case 1:
			m := message()
			m.lat = magic == 1 && rng.IntN(3) == 0
			p.raw = m.append(p.raw)
		default:
			var messages []sentMessage
			for range 1 + rng.IntN(8) {
				messages = append(messages, message())
			}
			next = messages[len(messages)-1].offset + 1
			p.raw = append(p.raw, compressed(t, Codec(1+rng.IntN(3)), rng.IntN(2) == 0, false, messages)...)
		}
		p.ends, p.nexts = append(p.ends, len(p.raw)), append(p.nexts, next)
	}
	return p
}

func TestReadingOldFormats_agreesWithFranz(t *testing.T) {
	var r reader
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		p := randomSets(t, rng, 1+rng.IntN(10))
		raw, _, from := p.from(rng.IntN(len(p.ends)), rng)
		raw = raw[:len(raw)-rng.IntN(30)%len(raw)] // the last message is often cut off
		want, wantPosition, err := reference(raw, nil, from, true)
		if err != nil {
			t.Fatalf("seed %d: the reference failed: %v", seed, err)
		}
		for i := range want {
			if want[i].timestamp == (time.Time{}).UnixMilli() { // what franz-go has for none
				want[i].timestamp = -1
			}
		}
		got, position, err := r.deliver(raw, nil, from, true)
		if !errors.Is(err, io.EOF) && (!errors.Is(err, ErrPartial) || len(want) != 0) {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if position != max(wantPosition, from) || !slices.Equal(got, want) {
			t.Fatalf("seed %d: position %d, got %v\nposition %d, want %v", seed, position, got, wantPosition, want)
		}
	}
}

// Messages in one that says LogAppendTime have its timestamp, as with Java's client
// (franz-go gives them their own).
func TestRecords_logAppendTimeOfOldFormats(t *testing.T) {
	raw := compressed(t, Gzip, false, true, []sentMessage{{magic: 1, offset: 3, timestamp: 5}, {magic: 1, offset: 4, timestamp: 77}})
	got, _, err := new(reader).deliver(raw, nil, 0, true)
	if want := []delivered{{3, 77, "null", "null", ""}, {4, 77, "null", "null", ""}}; !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

// Whatever single bit of a message flips, what is delivered is what was written, as
// far as it goes. The offset of a message lies outside of its checksum: its bounds
// are checked instead.
func TestReadingOldFormats_neverDeliversFlippedBits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	p := randomSets(t, rng, 8)
	var r reader
	want, _, _ := r.deliver(p.raw, nil, 0, true)
	begin := 0
	for _, end := range p.ends {
		if !isMessage(p.raw[begin:]) {
			begin = end
			continue
		}
		for bit := (begin + atLength) * 8; bit < end*8; bit++ {
			raw := slices.Clone(p.raw)
			raw[bit/8] ^= 1 << (bit % 8)
			got, _, err := r.deliver(raw, nil, 0, true)
			if len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
				t.Fatalf("bit %d: delivered altered records", bit)
			}
			if errors.Is(err, io.EOF) && len(got) < len(want) && bit/8 >= begin+atMessageCRC {
				t.Fatalf("bit %d: records vanished without an error", bit)
			}
		}
		begin = end
	}
}

func TestBatches_refusalsOfOldFormats(t *testing.T) {
	two := func(magic byte) []sentMessage {
		return []sentMessage{{magic: magic, offset: 40, value: []byte("a")}, {magic: magic, offset: 41, value: []byte("b")}}
	}
	wrapper := func(m sentMessage, inner ...sentMessage) []byte {
		var set []byte
		for _, i := range inner {
			set = i.append(set)
		}
		m.codec, m.value = Gzip, compress(t, Gzip, false, set)
		return m.append(nil)
	}
	plain := func(change func(b []byte)) []byte {
		b := sentMessage{magic: 1, offset: 40, key: []byte("k"), value: []byte("v")}.append(nil)
		change(b)
		return b
	}
	mend := func(change func(b []byte)) []byte {
		return plain(func(b []byte) { change(b); repaired(b) })
	}
	for _, tc := range []struct {
		name string
		raw  []byte
		want error
	}{
		{"format 1", plain(func([]byte) {}), io.EOF},
		{"format 1, compressed", compressed(t, LZ4, false, false, two(1)), io.EOF},
		{"format 0, compressed", compressed(t, LZ4, false, false, two(0)), io.EOF},
		{"one byte short", plain(func([]byte) {})[:35], ErrPartial},
		{"a flipped bit", plain(func(b []byte) { b[len(b)-1] ^= 1 }), ErrCRC},
		{"a length below the least", plain(func(b []byte) { binary.BigEndian.PutUint32(b[atLength:], 21) }), ErrLength},
		{"a negative length", plain(func(b []byte) { b[atLength] = 0xff }), ErrLength},
		{"a negative offset", plain(func(b []byte) { b[0] = 0xff }), ErrOrder},
		{"the highest offset", sentMessage{magic: 1, offset: 1<<63 - 1, value: []byte("v")}.append(nil), ErrOrder},
		{"zstd", mend(func(b []byte) { b[atMessageAttributes] = byte(Zstd) }), ErrCodec},
		{"a key longer than the message", mend(func(b []byte) { b[29] = 99 }), ErrRecord},
		{"a value shorter than what is left", mend(func(b []byte) { b[34] = 0 }), ErrRecord},
		{"a length below null", mend(func(b []byte) { binary.BigEndian.PutUint32(b[26:], 1<<32-2) }), ErrRecord},
		{"a message that goes back", append(plain(func([]byte) {}), sentMessage{magic: 1, offset: 40, value: []byte("v")}.append(nil)...), ErrOrder},
		{"a compressed null", sentMessage{magic: 1, codec: Gzip, offset: 4}.append(nil), ErrRecord},
		{"a compressed set of nothing", wrapper(sentMessage{magic: 1, offset: 4}), ErrCount},
		{"what cannot be inflated", sentMessage{magic: 1, codec: Gzip, offset: 4, value: []byte("no gzip")}.append(nil), ErrInflate},
		{"a compressed message in a compressed one", wrapper(sentMessage{magic: 1, offset: 4}, sentMessage{magic: 1, codec: Gzip, value: []byte("x")}), ErrRecord},
		{"format 0 in format 1", wrapper(sentMessage{magic: 1, offset: 4}, sentMessage{magic: 0, value: []byte("x")}), ErrRecord},
		{"a batch in format 1", wrapper(sentMessage{magic: 1, offset: 4}, sentMessage{magic: 2, value: []byte("x")}), ErrUnknownV},
		{"offsets of format 0 that end before", wrapper(sentMessage{magic: 0, offset: 4}, sentMessage{magic: 0, offset: 3, value: []byte("x")}), io.EOF},
		{"offsets of format 0 that end behind", wrapper(sentMessage{magic: 0, offset: 4}, sentMessage{magic: 0, offset: 5, value: []byte("x")}), ErrOrder},
		{"offsets that go back", wrapper(sentMessage{magic: 1, offset: 4}, sentMessage{magic: 1, offset: 1}, sentMessage{magic: 1, offset: 0}), ErrOrder},
		{"more offsets than there are below", wrapper(sentMessage{magic: 1, offset: 0}, sentMessage{magic: 1, offset: 0}, sentMessage{magic: 1, offset: 1}), ErrOrder},
		{"a set that reaches into the one before", append(plain(func([]byte) {}), compressed(t, Gzip, false, false, two(1))...), ErrOrder},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, _, err := new(reader).deliver(tc.raw, nil, 0, true)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			var fault *BatchError
			if !errors.Is(tc.want, io.EOF) && !errors.Is(tc.want, ErrPartial) && !errors.As(err, &fault) {
				t.Errorf("%v is of no batch", err)
			}
		})
	}
}

func TestBatches_highWatermarkOfOldFormats(t *testing.T) {
	raw := sentMessage{magic: 1, offset: 40, value: []byte("v")}.append(nil)
	for highWatermark, want := range map[int64]error{41: nil, 40: ErrOrder, -1: nil} {
		var s Batches
		var b Batch
		s.Reset(raw, highWatermark)
		if err := s.Next(&b); !errors.Is(err, want) {
			t.Errorf("high watermark %d: got %v, want %v", highWatermark, err, want)
		}
	}
}

// The end of an answer, and the head of one that is too large, are known from
// headers alone in every format.
func TestTailOf_oldFormats(t *testing.T) {
	one := sentMessage{magic: 0, offset: 7, value: []byte("v")}.append(nil)
	many := compressed(t, Snappy, true, false, []sentMessage{{magic: 1, offset: 8, value: make([]byte, 50)}, {magic: 1, offset: 11, value: make([]byte, 50)}})
	crc := func(b []byte) uint32 { return binary.BigEndian.Uint32(b[atMessageCRC:]) }
	both := append(slices.Clone(one), many...)
	if got, want := TailOf(append(both, one[:20]...)), (Tail{Next: 12, LeaderEpoch: -1, Batch: BatchID{BaseOffset: 11, CRC: crc(many)}}); got != want {
		t.Errorf("end %+v, want %+v", got, want)
	}
	if got, want := TailOfFirst(both), (Tail{Next: 8, LeaderEpoch: -1, Batch: BatchID{BaseOffset: 7, CRC: crc(one)}}); got != want {
		t.Errorf("end of the first %+v, want %+v", got, want)
	}
	b, length, err := ReadHeader(many[:batchHeaderLen], 12)
	if err != nil || length != int64(len(many)) || b.LastOffset != 11 || b.BaseOffset != 0 || b.Codec != Snappy || b.Records != 12 {
		t.Errorf("header %+v of %d bytes, %v", b, length, err)
	}
	if _, _, err := ReadHeader(many[:batchHeaderLen], 11); !errors.Is(err, ErrOrder) {
		t.Errorf("beyond the high watermark: %v", err)
	}
	for name, spoil := range map[string]struct {
		at   int
		b    byte
		want error
	}{"length": {atLength, 0xff, ErrLength}, "codec": {atMessageAttributes, 4, ErrCodec}, "offset": {0, 0xff, ErrOrder}} {
		bad := slices.Clone(many)
		bad[spoil.at] = spoil.b
		if _, _, err := ReadHeader(bad, 12); !errors.Is(err, spoil.want) {
			t.Errorf("%s: %v, want %v", name, err, spoil.want)
		}
	}
}
