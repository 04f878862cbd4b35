package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Bounds of inflating a stream. The memory it takes is what is left of a window
// or a block, whatever the batch inflates to.
const (
	// maxStreamed ends a batch that never ends. It is far above what a broker
	// takes from any producer, and no ratio: batches of equal records compress
	// ten thousandfold.
	maxStreamed = 1 << 30
	// maxStreamWindow is the largest window of zstd: levels up to 19 need 8 MiB.
	maxStreamWindow = 16 << 20
	// maxStreamBlock bounds a block within Java's framing of snappy, which by
	// default holds 32 KiB.
	maxStreamBlock = 4 << 20
)

// CanStream tells whether the batch can be inflated in parts. A snappy block
// without framing cannot: any part of it may refer to any earlier one.
func (b *Batch) CanStream() bool {
	return b.Codec != Snappy || isXerial(b.compressed)
}

func isXerial(src []byte) bool {
	return len(src) >= xerialHeaderLen && string(src[:len(xerialMagic)]) == xerialMagic
}

// Inflate returns the batch's records, inflated while they are read. Close it
// when done. Its errors are *BatchError, with ErrInflatesTooMuch where the memory
// of a stream does not suffice, unless the source has failed: see Err.
func (s *BatchStream) Inflate() (io.ReadCloser, error) {
	in := &inflateStream{batch: s, left: maxStreamed}
	if err := in.open(); err != nil {
		return nil, in.explain(err)
	}
	return in, nil
}

type inflateStream struct {
	batch *BatchStream
	r     io.Reader
	zstd  *zstd.Decoder
	left  int64
}

func (in *inflateStream) open() (err error) {
	switch in.batch.Batch.Codec {
	case None:
		in.r = in.batch
	case Gzip:
		in.r, err = gzip.NewReader(in.batch)
		err = noEOF(err)
	case Snappy:
		x := &xerialReader{r: bufio.NewReader(in.batch), batch: in.batch}
		in.r, err = x, x.begin()
	case LZ4:
		in.r = lz4.NewReader(in.batch)
	case Zstd:
		in.zstd, err = zstd.NewReader(in.batch, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxStreamWindow))
		in.r = in.zstd
	default:
		err = fmt.Errorf("%w: %d", ErrCodec, in.batch.Batch.Codec)
	}
	return err
}

// Read implements io.Reader.
func (in *inflateStream) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if in.left -= int64(n); in.left < 0 {
		return 0, in.explain(ErrInflatesTooMuch)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // a wrapped end is an error like any other
		err = in.explain(err)
	}
	return n, err
}

// Close gives back the memory of a decoder.
func (in *inflateStream) Close() error {
	if in.zstd != nil {
		in.zstd.Close()
	}
	return nil
}

func (in *inflateStream) explain(err error) error {
	b := &in.batch.Batch
	switch {
	case in.batch.err != nil:
		return in.batch.err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return b.fault(ErrInflatesTooMuch)
	case errors.Is(err, ErrInflatesTooMuch), errors.Is(err, ErrCodec):
		return b.fault(err)
	}
	return b.fault(fmt.Errorf("%w: %s: %w", ErrInflate, b.Codec, err))
}

// xerialReader inflates Java's framing of snappy, block by block.
type xerialReader struct {
	r          *bufio.Reader
	batch      *BatchStream
	block, out []byte
	rest       []byte // of out, not yet read
}

func (x *xerialReader) begin() error {
	head, err := x.r.Peek(xerialHeaderLen)
	if err != nil && err != io.EOF {
		return err
	}
	if !isXerial(head) {
		return ErrInflatesTooMuch
	}
	_, err = x.r.Discard(xerialHeaderLen)
	return err
}

// Read implements io.Reader.
func (x *xerialReader) Read(p []byte) (int, error) {
	for len(x.rest) == 0 {
		if err := x.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}

// next inflates a block; io.EOF ends the last one.
func (x *xerialReader) next() error {
	var size [4]byte
	if _, err := io.ReadFull(x.r, size[:]); err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(size[:]))
	switch {
	case n > x.batch.left+int64(x.r.Buffered()):
		return io.ErrUnexpectedEOF
	case n > maxStreamBlock:
		return ErrInflatesTooMuch
	case n > int64(cap(x.block)):
		x.block = make([]byte, n)
	}
	x.block = x.block[:n]
	if _, err := io.ReadFull(x.r, x.block); err != nil {
		return noEOF(err)
	}
	var err error
	x.out, err = appendSnappy(x.out[:0], x.block, maxStreamBlock)
	x.rest = x.out
	return err
}
