package consumer

import (
	"errors"
	"sync/atomic"
	"time"
)

var errLeaseExpired = errors.New("the group may have given the partitions away: no commit was acknowledged within the session timeout")

// ownership is the time until which this process may believe that it owns its
// partitions, on the monotonic clock. The loop renews it, attempts ask it.
type ownership struct {
	base  time.Time
	until atomic.Int64 // nanoseconds after base
}

func (l *ownership) renew(until time.Time) {
	if l.base.IsZero() {
		l.base = time.Now()
	}
	l.until.Store(max(l.until.Load(), int64(until.Sub(l.base))))
}

func (l *ownership) end() { l.until.Store(-1 << 62) }

// check is the guard of every attempt.
func (l *ownership) check() error {
	if int64(time.Since(l.base)) >= l.until.Load() {
		return errLeaseExpired
	}
	return nil
}
