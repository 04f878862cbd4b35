//go:build !unix

package http1

import (
	"errors"
	"net"
	"os"
	"time"
)

// stands reports whether an idle connection may take a request. One that has something
// to read does not: the server has closed it, or says so. Here that is known only by
// reading for a moment.
func stands(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := conn.Read(make([]byte, 1)) // whatever it takes, no request follows
	quiet := errors.Is(err, os.ErrDeadlineExceeded)
	_ = conn.SetReadDeadline(time.Time{})
	return quiet
}
