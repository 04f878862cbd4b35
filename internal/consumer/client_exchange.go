package consumer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/createtopics"

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
	stream   func(body io.Reader, size int64) error // instead of alloc: see FetchStream
	setUp    *time.Timer                            // cancels ctx unless the connection is there in time; may be nil

	mu      sync.Mutex
	given   bool          // the caller has gone: do not begin
	running chan struct{} // not nil once begun; closed at the end

	body    []byte
	version int16
}

var _ protocol.RawExchanger = (*exchange)(nil)

// ApiKey implements protocol.Message.
func (e *exchange) ApiKey() protocol.ApiKey { return protocol.ApiKey(e.request.Key()) }

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
	if e.setUp != nil {
		e.setUp.Stop()
	}
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
	address := conn.RemoteAddr().String()
	defer func() {
		if err != nil {
			e.client.forgetVersions(address) // the broker may have been another one since
		}
	}()
	if e.version, err = e.pickVersion(conn, address); err != nil {
		return err
	}
	answer, err := e.ask(conn, e.request, e.version, e.patience)
	if err != nil {
		return err
	}
	if e.stream != nil {
		return e.runStream(conn, answer)
	}
	if e.body, err = e.alloc(answer); err != nil {
		return err
	}
	e.body = e.body[:answer]
	return e.read(conn, e.body)
}

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
	if r.Flexible(version) {
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

// pickVersion chooses the highest version that both sides know; it asks the
// broker for what it offers when that is not known yet.
func (e *exchange) pickVersion(conn net.Conn, address string) (int16, error) {
	offered, ok := e.client.versionsOf(address)
	if !ok {
		var err error
		if offered, err = e.askVersions(conn); err != nil {
			return 0, fmt.Errorf("ask for API versions: %w", err)
		}
		e.client.rememberVersions(address, offered)
	}
	version, ok := offered[e.request.Key()].Pick(e.request)
	if !ok {
		return 0, fmt.Errorf("broker is too old: it offers %s up to version %d: %w",
			e.ApiKey(), offered[e.request.Key()].Highest, CodeUnsupportedVersion)
	}
	return version, nil
}

func (e *exchange) askVersions(conn net.Conn) (map[int16]wire.VersionRange, error) {
	n, err := e.ask(conn, &wire.APIVersionsRequest{}, 0, e.client.config.CallTimeout)
	if err != nil {
		return nil, err
	}
	body, err := ownMemory(n)
	if err != nil {
		return nil, err
	}
	if err := e.read(conn, body); err != nil {
		return nil, err
	}
	var answer wire.APIVersionsResponse
	if err := answer.Decode(body); err != nil {
		return nil, err
	}
	return answer.APIs, Code(answer.ErrorCode).Err()
}

func ownMemory(n int) ([]byte, error) {
	if n > maxAnswer {
		return nil, errAnswerTooLong
	}
	return make([]byte, n), nil
}

func (c *Client) versionsOf(address string) (map[int16]wire.VersionRange, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.versions[address]
	return v, ok
}

func (c *Client) rememberVersions(address string, v map[int16]wire.VersionRange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.versions[address] = v
}

func (c *Client) forgetVersions(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.versions, address)
}

// brokerExchange is an exchange with one broker; a plain one goes to any.
type brokerExchange struct {
	*exchange
	broker int32
}

var _ protocol.BrokerMessage = brokerExchange{}

// Broker implements protocol.BrokerMessage.
func (e brokerExchange) Broker(known protocol.Cluster) (protocol.Broker, error) {
	b, ok := known.Brokers[e.broker]
	if !ok {
		return b, errUnknownBroker
	}
	return b, nil
}

// errUnknownBroker says that kafka-go's table of brokers lacks one.
var errUnknownBroker = fmt.Errorf("broker has no known address: %w", CodeBrokerNotAvailable)

// renewal makes kafka-go ask for the brokers again and wait for the answer: the
// transport does so after every answer of this type. Nothing is sent.
type renewal struct{}

// ApiKey implements protocol.Message.
func (renewal) ApiKey() protocol.ApiKey { return protocol.CreateTopics }

// Required implements protocol.RawExchanger.
func (renewal) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange implements protocol.RawExchanger.
func (renewal) RawExchange(io.ReadWriter) (protocol.Message, error) {
	return new(createtopics.Response), nil
}

var _ kafka.Request = renewal{}
