package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Codec is how the records of a batch are compressed.
type Codec uint8

// The codecs of Kafka, with their numbers on the wire.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Codec) String() string {
	if names := [...]string{"none", "gzip", "snappy", "lz4", "zstd"}; int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// minInflateBuffer is the smallest buffer that is allocated for inflating.
const minInflateBuffer = 4 << 10

// Inflater inflates batches, reusing its decoders. The zero value is ready.
// What it holds on to between calls is below a MiB.
type Inflater struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

// Inflate returns the records of b: those of an uncompressed batch as they are,
// aliasing the batch; others in dst from its beginning, or in a larger buffer
// that takes the place of dst if that is too small. If they would take more than
// limit bytes the error is ErrInflatesTooMuch. No buffer is ever larger than
// that, and none is allocated if dst has that much room. Errors are *BatchError.
func (f *Inflater) Inflate(dst []byte, b *Batch, limit int64) ([]byte, error) {
	if b.Codec == None {
		if int64(len(b.compressed)) > limit {
			return nil, b.fault(ErrInflatesTooMuch)
		}
		return b.compressed, nil
	}
	out, err := f.inflate(dst[:0], b, int(limit))
	if err != nil {
		if !errors.Is(err, ErrInflatesTooMuch) && !errors.Is(err, ErrCodec) {
			err = fmt.Errorf("%w: %s: %w", ErrInflate, b.Codec, err)
		}
		return nil, b.fault(err)
	}
	return out, nil
}

func (f *Inflater) inflate(dst []byte, b *Batch, limit int) ([]byte, error) {
	switch b.Codec {
	case Snappy:
		return inflateSnappy(dst, b.compressed, limit)
	case Gzip:
		return f.inflateGzip(withRoom(dst, b, limit), b.compressed, limit)
	case LZ4:
		return inflateLZ4(withRoom(dst, b, limit), b.compressed, limit)
	case Zstd:
		return f.inflateZstd(withRoom(dst, b, limit), b.compressed, limit)
	}
	return nil, fmt.Errorf("%w: %d", ErrCodec, b.Codec)
}

// minGzipMember is the least that a member of gzip takes: header, empty block, trailer.
const minGzipMember = 20

// inflateGzip inflates member after member. What follows one and does not begin
// like another, or is too short to be one, is ignored, as Java's GZIPInputStream does.
func (f *Inflater) inflateGzip(dst, src []byte, limit int) ([]byte, error) {
	f.src.Reset(src)
	if f.gzip == nil {
		f.gzip = new(gzip.Reader)
	}
	if err := f.gzip.Reset(&f.src); err != nil {
		return nil, noEOF(err)
	}
	for {
		f.gzip.Multistream(false)
		var err error
		if dst, err = readAll(dst, f.gzip, limit); err != nil {
			return nil, err
		}
		if f.src.Len() < minGzipMember || f.gzip.Reset(&f.src) != nil {
			return dst, nil
		}
	}
}

// inflateZstd inflates into the room of dst and begins again with twice as much
// when that was too little: faster than a stream, and rare once dst has grown.
// The decoder does not always say that room was what it lacked, so that an error
// counts as one only where the frames cannot hold more than there was room for.
// Frames' own checksums are passed over, as in those of LZ4. A frame that is cut off
// behind a whole one is ignored, as Java's client does.
func (f *Inflater) inflateZstd(dst, src []byte, limit int) ([]byte, error) {
	if f.zstd == nil {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, err
		}
		f.zstd = d
	}
	most, whole := zstdFrames(src)
	if whole > 0 {
		src = src[:whole]
	}
	for {
		room := min(cap(dst), limit)
		out, err := f.zstd.DecodeAll(src, dst[:0:room])
		switch {
		case err == nil:
			return out, nil
		case room >= most:
			return nil, err
		case room == limit:
			return nil, ErrInflatesTooMuch
		}
		dst = make([]byte, 0, min(2*room, most, limit))
	}
}

// readAll reads r to its end into dst, growing it to at most limit bytes.
func readAll(dst []byte, r io.Reader, limit int) ([]byte, error) {
	for {
		if len(dst) == min(cap(dst), limit) {
			if len(dst) == limit {
				return dst, atEnd(r)
			}
			dst = append(make([]byte, 0, min(max(2*cap(dst), minInflateBuffer), limit)), dst...)
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit)])
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, noEOF(err)
		}
	}
}

// atEnd returns an error if r has more than was allowed.
func atEnd(r io.Reader) error {
	var one [1]byte
	n, err := io.ReadFull(r, one[:])
	switch {
	case n > 0:
		return ErrInflatesTooMuch
	case err == io.EOF:
		return nil
	}
	return err
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// xerialMagic begins the framing that Java producers put around snappy blocks;
// two version numbers of four bytes follow it.
const (
	xerialMagic     = "\x82SNAPPY\x00"
	xerialHeaderLen = len(xerialMagic) + 8
)

func beginsXerial(src []byte) bool {
	return len(src) >= xerialHeaderLen && string(src[:len(xerialMagic)]) == xerialMagic
}

// snappyBlocks yields the blocks of snappy that src consists of, and an error where one
// is cut off. Less than the length of another one is ignored, as Java's client does.
func snappyBlocks(src []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if !beginsXerial(src) {
			yield(src, nil)
			return
		}
		for len(src) >= 4 {
			if beginsXerial(src) { // again, where streams were put together
				src = src[xerialHeaderLen:]
				continue
			}
			n := int64(binary.BigEndian.Uint32(src))
			if src = src[4:]; n > int64(len(src)) {
				yield(nil, io.ErrUnexpectedEOF)
				return
			}
			if !yield(src[:n], nil) {
				return
			}
			src = src[n:]
		}
	}
}

func inflateSnappy(dst, src []byte, limit int) ([]byte, error) {
	for block, err := range snappyBlocks(src) {
		if err == nil {
			dst, err = appendSnappy(dst, block, limit)
		}
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendSnappy adds one block to dst.
func appendSnappy(dst, block []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n/maxSnappyRatio > len(block) {
		return nil, s2.ErrCorrupt
	}
	if n > limit-len(dst) {
		return nil, ErrInflatesTooMuch
	}
	dst = grow(dst, n, limit)
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], block); err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

// maxSnappyRatio is above what snappy can reach: 64 bytes for each copy of 3.
const maxSnappyRatio = 22
