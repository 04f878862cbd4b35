package wire

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// What records of JSON are guessed to inflate to where the codec does not say.
const guessedRatio = 4

// SizeHint guesses how many bytes the records inflate to, at no cost that
// matters. It is exact for None and Snappy, what the compressor claims for Gzip
// and often for Zstd and LZ4, and a guess else: never more than a reason to
// have a buffer of that size.
func (b *Batch) SizeHint() int64 {
	n := int64(-1)
	switch b.Codec {
	case None:
		return int64(len(b.compressed))
	case Snappy:
		n = snappyLen(b.compressed)
	case Gzip:
		if end := len(b.compressed) - 4; end >= 0 {
			n = int64(binary.LittleEndian.Uint32(b.compressed[end:]))
		}
	case LZ4:
		n = lz4Len(b.compressed)
	case Zstd:
		n = zstdLen(b.compressed)
	}
	if n < 0 || n > maxPlausibleRatio*int64(len(b.compressed)) {
		return guessedRatio * int64(len(b.compressed))
	}
	return n
}

// maxPlausibleRatio keeps a false claim from costing much memory.
const maxPlausibleRatio = 64

func snappyLen(src []byte) int64 {
	if len(src) < xerialHeaderLen || string(src[:len(xerialMagic)]) != xerialMagic {
		return blockLen(src)
	}
	total := int64(0)
	for src = src[xerialHeaderLen:]; len(src) >= 4; {
		n := int64(binary.BigEndian.Uint32(src))
		if src = src[4:]; n > int64(len(src)) {
			return -1
		}
		block := blockLen(src[:n])
		if block < 0 {
			return -1
		}
		total, src = total+block, src[n:]
	}
	return total
}

func blockLen(block []byte) int64 {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return -1
	}
	return int64(n)
}

// lz4Len reads the content size that a frame may announce.
func lz4Len(frame []byte) int64 {
	const magicLen, hasContentSize = 4, 1 << 3
	if len(frame) < magicLen+2+8 || frame[magicLen]&hasContentSize == 0 {
		return -1
	}
	return int64(binary.LittleEndian.Uint64(frame[magicLen+2:]))
}

func zstdLen(frame []byte) int64 {
	var h zstd.Header
	if h.Decode(frame) != nil || !h.HasFCS || h.FrameContentSize > 1<<62 {
		return -1
	}
	return int64(h.FrameContentSize)
}

// withRoom returns dst, or a new buffer if the records are unlikely to fit.
func withRoom(dst []byte, b *Batch, limit int) []byte {
	want := int(min(max(b.SizeHint(), minInflateBuffer), int64(limit)))
	if cap(dst) >= want {
		return dst[:0]
	}
	return make([]byte, 0, want)
}
