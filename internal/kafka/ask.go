package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"kafka-import-bridge/internal/wire"
)

// ask sends a request and reads the answer's header. It returns how many bytes
// follow.
func (e *exchange) ask(conn net.Conn, r wire.Request, version int16, patience time.Duration) (int, error) {
	id := e.client.correlation.Add(1)
	frame := wire.AppendFrame(nil, r, version, id, e.client.config.ClientID)
	if err := e.extend(conn, patience); err != nil {
		return 0, err
	}
	if _, err := conn.Write(frame); err != nil {
		return 0, err
	}
	var header [8]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return 0, err
	}
	left := int(int32(binary.BigEndian.Uint32(header[:]))) - 4
	if got := int32(binary.BigEndian.Uint32(header[4:])); got != id {
		return 0, fmt.Errorf("answer to request %d instead of %d", got, id)
	}
	if r.API().Flexible(version) {
		n, err := skipTags(conn)
		if err != nil {
			return 0, err
		}
		left -= n
	}
	if left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return left, nil
}

// skipTags passes the tagged fields of an answer's header; none are defined.
func skipTags(r io.Reader) (int, error) {
	b := oneByteReader{r: r}
	fields, err := binary.ReadUvarint(&b)
	for ; err == nil && fields > 0; fields-- {
		var size uint64
		if _, err = binary.ReadUvarint(&b); err != nil {
			break
		}
		if size, err = binary.ReadUvarint(&b); err != nil {
			break
		}
		if size > 1<<10 {
			return b.n, errAnswerTooLong
		}
		b.n += int(size)
		_, err = io.CopyN(io.Discard, r, int64(size))
	}
	return b.n, err
}

type oneByteReader struct {
	r   io.Reader
	buf [1]byte
	n   int
}

func (b *oneByteReader) ReadByte() (byte, error) {
	_, err := io.ReadFull(b.r, b.buf[:])
	b.n++
	return b.buf[0], err
}
