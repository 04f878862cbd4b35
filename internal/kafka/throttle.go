package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"
)

// MaxThrottle bounds how long a broker can make this process wait at a time, by a quota.
const MaxThrottle = time.Minute

// A ThrottledError says that nothing is written to a topic for a while, as a quota of
// the brokers is used up.
type ThrottledError struct {
	Topic string
	Until time.Time
}

// Error implements error.
func (e *ThrottledError) Error() string {
	return fmt.Sprintf("the brokers slow writing to topic %s down until %s, as a quota is used up", e.Topic, e.Until.UTC().Format(time.RFC3339))
}

// IsThrottled reports whether err says that brokers have asked to wait, which is no
// failure.
func IsThrottled(err error) bool {
	_, ok := errors.AsType[*ThrottledError](err)
	return ok
}

// quotaWatch is a producer's transport. A broker whose quota is used up answers, says
// for how long, and reads nothing more from the connection until then (KIP-219): the
// connection is given up, so that no request is sent there, times out and is sent again
// while the broker has it already, and the wait is noted, which the producer keeps.
// https://cwiki.apache.org/confluence/display/KAFKA/KIP-219+-+Improve+quota+communication
type quotaWatch struct {
	*kafkago.Transport
	throttled func(time.Duration) // may be nil

	mu    sync.Mutex // guards until
	until time.Time
}

// RoundTrip implements kafkago.RoundTripper.
func (q *quotaWatch) RoundTrip(ctx context.Context, addr net.Addr, r kafkago.Request) (kafkago.Response, error) {
	answer, err := q.Transport.RoundTrip(ctx, addr, r)
	if produced, ok := answer.(*produce.Response); ok && err == nil && produced.ThrottleTimeMs > 0 {
		q.wait(min(time.Duration(produced.ThrottleTimeMs)*time.Millisecond, MaxThrottle))
	}
	return answer, err
}

func (q *quotaWatch) wait(d time.Duration) {
	q.mu.Lock()
	q.until = time.Now().Add(d)
	q.mu.Unlock()
	q.CloseIdleConnections()
	if q.throttled != nil {
		q.throttled(d)
	}
}

// waits returns until when nothing is to be written, which may be over.
func (q *quotaWatch) waits() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.until
}
