package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"kafka-import-bridge/internal/wire"
)

// FetchStream reads from one leader like Fetch, without ever holding the answer:
// read is given its version, its undecoded body and how many bytes that has. It
// is called at most once, and what it leaves unread costs the connection and is
// no error. It may take its time, the sender waits: ctx, whose end fails the
// body's next read, is the only bound on that, while each read of the body is
// bounded by the call timeout. Its error is returned as it is.
func (c *Client) FetchStream(ctx context.Context, broker int32, r *wire.FetchRequest, read func(version int16, body io.Reader, size int64) error) error {
	e := &exchange{client: c, request: r, patience: r.MaxWait + c.config.CallTimeout}
	var own error
	called := false
	e.stream = func(body io.Reader, size int64) error {
		called = true
		own = read(e.version, body, size)
		return own
	}
	err := c.exchange(ctx, broker, e)
	if called && (own != nil || errors.Is(err, errUnread)) {
		return own
	}
	if err != nil {
		return fmt.Errorf("fetch from broker %d: %w", broker, err)
	}
	return nil
}

// errUnread closes the connection of an answer that was not read to its end.
var errUnread = errors.New("answer was not read to its end")

// runStream lets the answer's reader have the body.
func (e *exchange) runStream(conn net.Conn, size int) error {
	body := &answerReader{exchange: e, conn: conn, left: int64(size)}
	if err := e.stream(body, int64(size)); err != nil {
		return err
	}
	if body.left > 0 {
		return errUnread
	}
	return nil
}

// answerReader reads the body of an answer from its connection. Each read has
// the call timeout: what the reader does in between does not count.
type answerReader struct {
	exchange *exchange
	conn     net.Conn
	left     int64
}

// Read implements io.Reader.
func (a *answerReader) Read(p []byte) (int, error) {
	if a.left == 0 {
		return 0, io.EOF
	}
	if err := a.exchange.extend(a.conn, a.exchange.client.config.CallTimeout); err != nil {
		return 0, err
	}
	n, err := a.conn.Read(p[:min(int64(len(p)), a.left)])
	if a.left -= int64(n); errors.Is(err, io.EOF) && a.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
