package kafka

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"kafka-import-bridge/internal/wire"
)

// ask sends a request and reads the answer's header, but for its tagged fields. It
// returns how many bytes follow.
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
	if left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return left, nil
}
