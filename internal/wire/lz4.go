package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"iter"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame format, as far as producers use it:
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
const (
	lz4Magic = 0x184d2204

	// In the byte of flags.
	lz4Version         = 1 << 6 // the only one, in the two highest bits
	lz4VersionMask     = 3 << 6
	lz4Independent     = 1 << 5
	lz4BlockChecksum   = 1 << 4
	lz4ContentSize     = 1 << 3
	lz4ContentChecksum = 1 << 2
	lz4Unused          = 1<<1 | 1<<0 // reserved, and the dictionary's id

	lz4Stored   = 1 << 31  // in a block's size: it is not compressed
	lz4History  = 64 << 10 // how far back a block that is not independent may refer
	lz4MaxRatio = 255      // no byte of a block makes more
)

var errLZ4 = errors.New("malformed frame")

// lz4Frame is a frame's header.
type lz4Frame struct {
	flags   byte
	block   int   // no block inflates to more bytes
	content int64 // what it says that it inflates to, -1 if it does not
}

// lz4Block is a block of a frame.
type lz4Block struct {
	data   []byte
	stored bool // it is not compressed
}

// readLZ4Header reads a frame's header and returns what follows it. Legacy and skippable
// frames, and dictionaries, are malformed: neither brokers nor Java's client read them.
func readLZ4Header(src []byte) (h lz4Frame, rest []byte, err error) {
	if len(src) < 7 {
		return h, nil, io.ErrUnexpectedEOF
	}
	size := src[5] >> 4
	h.flags, h.content = src[4], -1
	if binary.LittleEndian.Uint32(src) != lz4Magic || h.flags&(lz4VersionMask|lz4Unused) != lz4Version || size < 4 || size > 7 || src[5]&0x0f != 0 {
		return h, nil, errLZ4
	}
	h.block = 1 << (8 + 2*size)
	if src = src[6:]; h.flags&lz4ContentSize != 0 {
		if len(src) < 9 {
			return h, nil, io.ErrUnexpectedEOF
		}
		h.content = int64(binary.LittleEndian.Uint64(src))
		src = src[8:]
	}
	return h, src[1:], nil // and a checksum of the header
}

// blocks yields the frame's blocks, and an error where it is cut off.
func (h *lz4Frame) blocks(src []byte) iter.Seq2[lz4Block, error] {
	return func(yield func(lz4Block, error) bool) {
		for len(src) >= 4 {
			size := binary.LittleEndian.Uint32(src)
			if src = src[4:]; size == 0 {
				if h.flags&lz4ContentChecksum != 0 && len(src) < 4 {
					break
				}
				return
			}
			n := int(size &^ lz4Stored)
			if n > len(src) {
				break
			}
			if !yield(lz4Block{src[:n], size&lz4Stored != 0}, nil) {
				return
			}
			if src = src[n:]; h.flags&lz4BlockChecksum != 0 {
				src = src[min(4, len(src)):]
			}
		}
		yield(lz4Block{}, io.ErrUnexpectedEOF)
	}
}

// inflateLZ4 inflates block by block, straight to where the records shall lie.
// xxHash sums in the frame and the size that it announces are passed over, as Java's
// client does: the batch's CRC-32C has shown that its bytes are those that the producer
// sent. What follows the frame is ignored, as that does too, be it another frame: no
// record can lie there, as the broker would have missed it.
func inflateLZ4(dst, src []byte) ([]byte, error) {
	h, src, err := readLZ4Header(src)
	if err != nil {
		return nil, err
	}
	for b, err := range h.blocks(src) {
		switch {
		case err != nil:
		case b.stored:
			dst, err = h.store(dst, b.data)
		default:
			dst, err = h.inflate(dst, b.data)
		}
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// bound returns how many bytes the block holds at most.
func (h *lz4Frame) bound(b lz4Block) int {
	if b.stored {
		return len(b.data)
	}
	return min(h.block, lz4MaxRatio*len(b.data))
}

// store adds a block that is not compressed.
func (h *lz4Frame) store(dst, block []byte) ([]byte, error) {
	switch {
	case len(block) > h.block:
		return nil, errLZ4
	case len(block) > cap(dst)-len(dst):
		return nil, ErrInflatesTooMuch
	}
	return append(dst, block...), nil
}

// inflate adds a compressed block to those of the frame that came before.
func (h *lz4Frame) inflate(dst, block []byte) ([]byte, error) {
	most := h.bound(lz4Block{data: block})
	room := min(most, cap(dst)-len(dst))
	into := dst[len(dst) : len(dst)+room]
	var n int
	var err error
	if h.flags&lz4Independent != 0 {
		n, err = lz4.UncompressBlock(block, into)
	} else {
		n, err = lz4.UncompressBlockWithDict(block, into, dst[max(0, len(dst)-lz4History):])
	}
	if err != nil && room < most {
		return nil, ErrInflatesTooMuch
	}
	return dst[:len(dst)+max(n, 0)], err
}
