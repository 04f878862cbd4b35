package importer

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// answerGrace is how long a failed write waits for an answer that came first.
const answerGrace = 250 * time.Millisecond

// A patientConn holds a failed Write back for a moment. A store that refuses a
// body answers and closes while we still write; the reset that follows fails the
// write, and the transport drops the connection on that, although the answer
// lies in the receive buffer. The moment lets its reading side find it.
type patientConn struct {
	net.Conn
	once sync.Once
	over chan struct{} // closed when nothing more can be read
	born time.Time
	bad  atomic.Int32 // answers of 5xx in a row
}

func newPatientConn(conn net.Conn) *patientConn {
	return &patientConn{Conn: conn, over: make(chan struct{}), born: time.Now()}
}

// spent notes an answer, and reports whether the connection has served its time.
func (c *patientConn) spent(status int) bool {
	if status < 500 {
		c.bad.Store(0)
	} else if c.bad.Add(1) >= badAnswers {
		return true
	}
	return time.Since(c.born) > maxConnAge
}

func (c *patientConn) end() { c.once.Do(func() { close(c.over) }) }

func (c *patientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *patientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	if err != nil {
		grace := time.NewTimer(answerGrace)
		defer grace.Stop()
		select {
		case <-c.over:
		case <-grace.C:
		}
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom, by which the transport sends bodies. Without
// it each body would be copied through a buffer of its own.
func (c *patientConn) ReadFrom(r io.Reader) (int64, error) {
	buffer := copyBuffers.Get().(*[copyBytes]byte)
	defer copyBuffers.Put(buffer)
	return io.CopyBuffer(writerOnly{c}, r, buffer[:])
}

const copyBytes = 64 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBytes]byte) }}

// writerOnly hides ReadFrom from io.CopyBuffer, which would call it again.
type writerOnly struct{ io.Writer }

func (c *patientConn) Close() error {
	defer c.end()
	return c.Conn.Close()
}
