package wire

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/pierrec/lz4/v4"
)

// The LZ4 frame format, as far as producers use it:
// https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
const (
	lz4Magic          = 0x184d2204
	lz4LegacyMagic    = 0x184c2102
	lz4SkippableMagic = 0x184d2a50 // and the 15 numbers behind it

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
	block   int // no block inflates to more bytes
	content int // what the frame inflates to, -1 if it does not say
}

// readLZ4Header returns the rest of src behind a frame's header. plain is false
// for the forms that no Kafka client writes: legacy and skippable frames, and
// dictionaries.
func readLZ4Header(src []byte) (h lz4Frame, rest []byte, plain bool, err error) {
	if len(src) < 7 {
		return h, nil, true, io.ErrUnexpectedEOF
	}
	h.flags = src[4]
	if binary.LittleEndian.Uint32(src) != lz4Magic || h.flags&lz4Unused != 0 {
		return h, nil, false, nil
	}
	size := src[5] >> 4
	if h.flags&lz4VersionMask != lz4Version || size < 4 || size > 7 || src[5]&0x0f != 0 {
		return h, nil, true, errLZ4
	}
	h.block, h.content = 1<<(8+2*size), -1
	if src = src[6:]; h.flags&lz4ContentSize != 0 {
		if len(src) < 9 {
			return h, nil, true, io.ErrUnexpectedEOF
		}
		h.content = int(min(binary.LittleEndian.Uint64(src), 1<<62))
		src = src[8:]
	}
	return h, src[1:], true, nil // and a checksum of the header
}

// beginsLZ4 reports whether a frame of any form may begin here.
func beginsLZ4(src []byte) bool {
	if len(src) < 4 {
		return false
	}
	magic := binary.LittleEndian.Uint32(src)
	return magic == lz4Magic || magic == lz4LegacyMagic || magic&^0xf == lz4SkippableMagic
}

// inflateLZ4 inflates block by block, straight to where the records shall lie.
// xxHash sums in the frames are passed over, as Java's client does: the batch's
// CRC-32C has shown that its bytes are those that the producer sent. What follows a
// frame and is none is ignored, as that does too.
func (f *Inflater) inflateLZ4(dst, src []byte, limit int) ([]byte, error) {
	whole, into := src, dst
	if len(src) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	for len(src) > 0 {
		if len(src) < len(whole) && !beginsLZ4(src) {
			return dst, nil
		}
		h, rest, plain, err := readLZ4Header(src)
		if !plain {
			return f.inflateOddLZ4(into, whole, limit)
		}
		if err != nil {
			return nil, err
		}
		if dst, src, err = h.appendBlocks(dst, rest, limit); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendBlocks adds a frame's blocks to dst and returns what follows the frame.
func (h *lz4Frame) appendBlocks(dst, src []byte, limit int) (out, rest []byte, err error) {
	begin := len(dst)
	for {
		if len(src) < 4 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		size := binary.LittleEndian.Uint32(src)
		if src = src[4:]; size == 0 {
			break
		}
		n := int(size &^ lz4Stored)
		if n > len(src) {
			return nil, nil, io.ErrUnexpectedEOF
		}
		if size&lz4Stored != 0 {
			dst, err = h.store(dst, src[:n], limit)
		} else {
			dst, err = h.inflate(dst, src[:n], begin, limit)
		}
		if err != nil {
			return nil, nil, err
		}
		if src = src[n:]; h.flags&lz4BlockChecksum != 0 {
			src = src[min(4, len(src)):]
		}
	}
	if h.content >= 0 && len(dst)-begin != h.content {
		return nil, nil, errLZ4
	}
	if h.flags&lz4ContentChecksum != 0 {
		if len(src) < 4 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		src = src[4:]
	}
	return dst, src, nil
}

// store adds a block that is not compressed.
func (h *lz4Frame) store(dst, block []byte, limit int) ([]byte, error) {
	switch {
	case len(block) > h.block:
		return nil, errLZ4
	case len(block) > limit-len(dst):
		return nil, ErrInflatesTooMuch
	}
	return append(grow(dst, len(block), limit), block...), nil
}

// inflate adds a compressed block of the frame that begins at dst[begin:]. Where
// there is too little room it takes more, up to what the block may need.
func (h *lz4Frame) inflate(dst, block []byte, begin, limit int) ([]byte, error) {
	most := min(h.block, lz4MaxRatio*len(block))
	for {
		room := min(most, min(cap(dst), limit)-len(dst))
		into := dst[len(dst) : len(dst)+room]
		var n int
		var err error
		if h.flags&lz4Independent != 0 {
			n, err = lz4.UncompressBlock(block, into)
		} else {
			n, err = lz4.UncompressBlockWithDict(block, into, dst[max(begin, len(dst)-lz4History):])
		}
		switch {
		case err == nil:
			return dst[:len(dst)+n], nil
		case room == most:
			return nil, err
		case room == limit-len(dst):
			return nil, ErrInflatesTooMuch
		}
		dst = grow(dst, room+1, limit)
	}
}

// grow makes room for n more bytes where there is none, at least twice what there
// was and at most limit in all. The caller has seen to it that limit holds them.
func grow(dst []byte, n, limit int) []byte {
	if n <= cap(dst)-len(dst) {
		return dst
	}
	return append(make([]byte, 0, min(max(len(dst)+n, 2*cap(dst)), limit)), dst...)
}

// inflateOddLZ4 inflates frames of every form.
func (f *Inflater) inflateOddLZ4(dst, src []byte, limit int) ([]byte, error) {
	f.src.Reset(src)
	if f.lz4 == nil {
		f.lz4 = lz4.NewReader(nil)
	}
	f.lz4.Reset(&f.src)
	return readAll(dst, f.lz4, limit)
}
