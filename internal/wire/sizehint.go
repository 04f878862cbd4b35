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
	n, length := b.claimed(), int64(len(b.compressed))
	if n < 0 || n > maxPlausibleRatio*length {
		n = guessedRatio * length
	}
	if b.Codec == Zstd {
		most, _ := zstdFrames(b.compressed)
		n = min(n, int64(most))
	}
	return n
}

// maxPlausibleRatio keeps a false claim from costing much memory.
const maxPlausibleRatio = 64

// InflatedBound returns the most bytes that the records can inflate to, as far as that
// is known without inflating them: exact for None and Snappy, less than a block too
// much for LZ4 and Zstd as producers write them, what its last member claims for Gzip,
// and 0 where the bytes do not say.
func (b *Batch) InflatedBound() int64 {
	switch b.Codec {
	case LZ4:
		return lz4Bound(b.compressed)
	case Zstd:
		most, _ := zstdFrames(b.compressed)
		return int64(most)
	}
	return max(b.claimed(), 0)
}

// claimed is the size that the records themselves name: exact for None and Snappy,
// that of the last member for Gzip, of the first frame for LZ4 and Zstd; -1 where they
// name none.
func (b *Batch) claimed() int64 {
	switch b.Codec {
	case None:
		return int64(len(b.compressed))
	case Snappy:
		return snappyLen(b.compressed)
	case Gzip:
		if end := len(b.compressed) - 4; end >= 0 {
			return int64(binary.LittleEndian.Uint32(b.compressed[end:]))
		}
	case LZ4:
		if h, _, err := readLZ4Header(b.compressed); err == nil {
			return h.content
		}
	case Zstd:
		var h zstd.Header
		if h.Decode(b.compressed) == nil && h.HasFCS {
			return int64(min(h.FrameContentSize, 1<<62))
		}
	}
	return -1
}

// lz4Bound adds up what the blocks of the frame hold at most.
func lz4Bound(src []byte) (most int64) {
	h, blocks, err := readLZ4Header(src)
	if err != nil {
		return 0
	}
	for b, err := range h.blocks(blocks) {
		if err != nil {
			break
		}
		most += int64(h.bound(b))
	}
	return most
}

func snappyLen(src []byte) (total int64) {
	for block, err := range snappyBlocks(src) {
		n, invalid := s2.DecodedLen(block)
		if err != nil || invalid != nil {
			return -1
		}
		total += int64(n)
	}
	return total
}

// zstdFrames returns a size that the frames cannot pass, and how many bytes of src the
// whole ones among them take: a compressed block holds at most 128 KiB, others say what
// they hold. The size never exceeds that times the number of blocks at hand, whatever
// the headers claim.
func zstdFrames(src []byte) (most, whole int) {
	for rest := src; len(rest) > 0; {
		var h zstd.Header
		blocks, err := h.DecodeAndStrip(rest)
		if err != nil {
			return most, whole
		}
		if h.Skippable {
			if int64(h.SkippableSize) > int64(len(blocks)) {
				return most, whole
			}
			rest = blocks[h.SkippableSize:]
			whole = len(src) - len(rest)
			continue
		}
		n, complete := 0, false
		n, rest, complete = zstdBlocks(blocks, h.HasCheckSum)
		if most += n; complete {
			whole = len(src) - len(rest)
		}
	}
	return most, whole
}

// zstdBlocks bounds the blocks of one frame, returns what follows it, and reports
// whether all of the frame is there.
func zstdBlocks(src []byte, checksum bool) (most int, rest []byte, complete bool) {
	const rle, compressed, largest = 1, 2, 128 << 10
	for len(src) >= 3 {
		header := int(src[0]) | int(src[1])<<8 | int(src[2])<<16
		last, kind, size := header&1 != 0, header>>1&3, header>>3
		src = src[3:]
		if most += min(size, largest); kind == compressed {
			most += largest - min(size, largest)
		}
		if kind == rle {
			size = 1
		}
		if size > len(src) {
			return most, nil, false
		}
		if src = src[size:]; !last {
			continue
		}
		if checksum && len(src) < 4 {
			return most, nil, false
		}
		if checksum {
			src = src[4:]
		}
		return most, src, true
	}
	return most, nil, false
}
