package session

import (
	"errors"
	"sync/atomic"
	"time"
)

var errOwnershipExpired = errors.New("the group may have given the partitions away: no commit was acknowledged within the session timeout")

// ownership is the time until which this process may believe that it owns its
// partitions, on the monotonic clock. The loop renews it, attempts ask it.
type ownership struct {
	base  time.Time
	until atomic.Int64 // nanoseconds after base
}

func (o *ownership) renew(until time.Time) {
	if o.base.IsZero() {
		o.base = time.Now()
	}
	o.until.Store(max(o.until.Load(), int64(until.Sub(o.base))))
}

func (o *ownership) end() { o.until.Store(-1 << 62) }

// check is the guard of every attempt.
func (o *ownership) check() error {
	if int64(time.Since(o.base)) >= o.until.Load() {
		return errOwnershipExpired
	}
	return nil
}
