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

// Inflater inflates batches, reusing its decoders. The zero value is ready.
// What it holds on to between calls is below a MiB, and the last batch until Forget.
type Inflater struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

// Inflate returns the records of b: those of an uncompressed batch as they are,
// aliasing the batch; others in dst, from its beginning. If they would take more than
// its capacity the error is ErrInflatesTooMuch. Errors are *BatchError.
func (f *Inflater) Inflate(dst []byte, b *Batch) (out []byte, err error) {
	dst = dst[:0]
	switch b.Codec {
	case None:
		return b.compressed, nil
	case Snappy:
		out, err = inflateSnappy(dst, b.compressed)
	case Gzip:
		out, err = f.inflateGzip(dst, b.compressed)
	case LZ4:
		out, err = inflateLZ4(dst, b.compressed)
	default: // no batch has a codec beyond Zstd
		out, err = f.inflateZstd(dst, b.compressed)
	}
	if err != nil {
		if !errors.Is(err, ErrInflatesTooMuch) {
			err = fmt.Errorf("%w: %s: %w", ErrInflate, b.Codec, err)
		}
		return nil, b.fault(err)
	}
	return out, nil
}

// Forget lets go of the last batch.
func (f *Inflater) Forget() { f.src.Reset(nil) }

// minGzipMember is the least that a member of gzip takes: header, empty block, trailer.
const minGzipMember = 20

// inflateGzip inflates member after member. What follows one and does not begin
// like another, or is too short to be one, is ignored, as Java's GZIPInputStream does.
func (f *Inflater) inflateGzip(dst, src []byte) ([]byte, error) {
	f.src.Reset(src)
	if f.gzip == nil {
		f.gzip = new(gzip.Reader)
	}
	if err := f.gzip.Reset(&f.src); errors.Is(err, io.EOF) {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	for {
		f.gzip.Multistream(false)
		var err error
		if dst, err = readAll(dst, f.gzip); err != nil {
			return nil, err
		}
		if f.src.Len() < minGzipMember || f.gzip.Reset(&f.src) != nil {
			return dst, nil
		}
	}
}

// inflateZstd inflates all at once, which is faster than a stream. The decoder does not
// always say that room was what it lacked, so that an error counts as one only where
// the frames cannot hold more than there was room for. Frames' own checksums are passed
// over, as in those of LZ4. A frame that is cut off behind a whole one is ignored, as
// Java's client does.
func (f *Inflater) inflateZstd(dst, src []byte) ([]byte, error) {
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
	out, err := f.zstd.DecodeAll(src, dst)
	if err != nil && cap(dst) < most {
		return nil, ErrInflatesTooMuch
	}
	return out, err
}

// readAll reads r to its end into the room of dst.
func readAll(dst []byte, r io.Reader) ([]byte, error) {
	for {
		room := dst[len(dst):cap(dst)]
		if len(room) == 0 {
			room = make([]byte, 1) // to see whether r has ended
		}
		n, err := r.Read(room)
		if n > cap(dst)-len(dst) {
			return nil, ErrInflatesTooMuch
		}
		dst = dst[:len(dst)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return nil, err
		}
	}
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

func inflateSnappy(dst, src []byte) ([]byte, error) {
	for block, err := range snappyBlocks(src) {
		if err == nil {
			dst, err = appendSnappy(dst, block)
		}
		if err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// appendSnappy adds one block to dst.
func appendSnappy(dst, block []byte) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n/maxSnappyRatio > len(block) {
		return nil, s2.ErrCorrupt
	}
	if n > cap(dst)-len(dst) {
		return nil, ErrInflatesTooMuch
	}
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], block); err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

// maxSnappyRatio is above what snappy can reach: 64 bytes for each copy of 3.
const maxSnappyRatio = 22
