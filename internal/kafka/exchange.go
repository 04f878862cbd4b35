package kafka

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/protocol"

	"kafka-import-bridge/internal/wire"
)

const (
	// maxAnswer bounds answers that are read into memory of their own.
	maxAnswer = 64 << 20
	// readStep is how much of an answer each renewal of the deadline pays for,
	// so that a slow link is not taken for a dead one.
	readStep = 256 << 10
)

var (
	errAbandoned     = errors.New("call was given up")
	errAnswerTooLong = errors.New("answer is too long")
	// errUnread closes the connection of an answer of which only a part was read.
	errUnread = errors.New("answer was not read to its end")
	// errMuted closes the connection of an answer behind which the broker reads nothing
	// more for a while, as a quota is used up.
	errMuted = errors.New("the broker reads nothing more for a while")
)

// exchange is one request and its answer in the formats of package wire. It
// travels through kafka-go's transport as a protocol.RawExchanger, which hands
// it the connection for its time.
type exchange struct {
	client   *Client
	ctx      context.Context // ends the exchange, also in the middle
	request  wire.Request
	patience time.Duration // for the first byte of the answer
	alloc    func(n int) ([]byte, error)
	setUp    *time.Timer // cancels ctx unless the connection is there in time

	mu      sync.Mutex
	given   bool          // the caller has gone: do not begin
	running chan struct{} // not nil once begun; closed at the end

	body    []byte
	version int16
}

var _ protocol.RawExchanger = (*exchange)(nil)

// exchange carries out e, which is used once.
func (c *Client) exchange(ctx context.Context, broker int32, e *exchange) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.ctx = ctx
	e.setUp = time.AfterFunc(c.config.DialTimeout+c.config.CallTimeout, func() { cancel(context.DeadlineExceeded) })
	defer e.setUp.Stop()

	_, err := c.send(ctx, broker, e)
	if err == nil {
		return nil
	}
	cause := context.Cause(ctx)
	cancel(err)
	e.abandon()
	return withCode(cmp.Or(cause, err))
}

// ApiKey implements protocol.Message.
func (e *exchange) ApiKey() protocol.ApiKey { return protocol.ApiKey(e.request.API().Key) }

// Required implements protocol.RawExchanger.
func (e *exchange) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger. kafka-go closes the connection
// after an error, so that half an answer never reaches the next request.
func (e *exchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if !e.begin() {
		return nil, errAbandoned
	}
	defer close(e.running)
	conn := rw.(net.Conn)
	stop := context.AfterFunc(e.ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := e.run(conn)
	if !stop() { // the deadline in the past may yet hit: this connection is spent
		err = context.Cause(e.ctx)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

func (e *exchange) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.setUp.Stop()
	if e.given || e.ctx.Err() != nil {
		return false
	}
	e.running = make(chan struct{})
	return true
}

// abandon returns once nothing of the exchange runs or ever will, so that the
// buffer that alloc gave is the caller's again.
func (e *exchange) abandon() {
	e.mu.Lock()
	e.given = true
	running := e.running
	e.mu.Unlock()
	if running != nil {
		<-running
	}
}

func (e *exchange) run(conn net.Conn) (err error) {
	if e.version, err = e.pickVersion(conn); err != nil {
		return err
	}
	answer, err := e.ask(conn, e.request, e.version, e.patience)
	if err != nil {
		return err
	}
	if e.body, err = e.alloc(answer); err != nil {
		return err
	}
	e.body = e.body[:min(answer, len(e.body))]
	if err = e.read(conn, e.body); err != nil {
		return err
	}
	cut := len(e.body) < answer
	switch e.body, err = wire.Body(e.request, e.version, e.body); {
	case err != nil:
		return err
	case cut:
		return errUnread
	case e.muted():
		return errMuted
	}
	return nil
}

// muted reports whether the broker reads nothing more from this connection until the
// time that its answer names is over (KIP-219): a later call must not wait there. Only
// what is read and written is throttled for longer than a second.
func (e *exchange) muted() bool {
	_, fetched := e.request.(*wire.FetchRequest)
	return fetched && len(e.body) >= 4 && binary.BigEndian.Uint32(e.body) > 0
}

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

// read fills body, renewing the deadline as long as bytes come.
func (e *exchange) read(conn net.Conn, body []byte) error {
	for len(body) > 0 {
		if err := e.extend(conn, e.client.config.CallTimeout); err != nil {
			return err
		}
		step := body[:min(len(body), readStep)]
		if _, err := io.ReadFull(conn, step); err != nil {
			return err
		}
		body = body[len(step):]
	}
	return nil
}

// extend moves the connection's deadline. It looks at ctx afterwards, as the
// deadline may just have overwritten the one that ends the exchange.
func (e *exchange) extend(conn net.Conn, d time.Duration) error {
	if err := conn.SetDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	if e.ctx.Err() != nil {
		return context.Cause(e.ctx)
	}
	return nil
}

func ownMemory(n int) ([]byte, error) {
	if n > maxAnswer {
		return nil, errAnswerTooLong
	}
	return make([]byte, n), nil
}
