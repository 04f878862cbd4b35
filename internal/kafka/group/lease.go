package group

import (
	"errors"
	"sync"
	"time"
)

// ErrLeaseExpired means that the group may have given the partitions away.
var ErrLeaseExpired = errors.New("the group may have given the partitions away: no heartbeat or commit was acknowledged within the session timeout")

// Lease is how long a process may believe that it owns the partitions of its
// generation, on the monotonic clock: a session timeout from when the last
// request was sent that the coordinator has acknowledged. Safe for concurrent use.
type Lease struct {
	session time.Duration

	mu    sync.Mutex
	until time.Time
	limit time.Time // from a rebalance on, when the group stops to wait; zero before
	ended bool
}

// NewLease returns a lease whose first acknowledged request was sent at a time.
func NewLease(session time.Duration, sent time.Time) *Lease {
	return &Lease{session: session, until: sent.Add(session)}
}

// Renew extends the lease: the coordinator has acknowledged a request of this
// generation that was sent at that time. It never shortens it, nor revives one
// that has ended.
func (l *Lease) Renew(sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := sent.Add(l.session); until.After(l.until) {
		l.until = until
	}
}

// Limit bounds the lease: at that time the group stops to wait for its members.
func (l *Lease) Limit(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = at
}

// End ends the lease for good.
func (l *Lease) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// Check returns ErrLeaseExpired once the lease is over. It guards every attempt.
func (l *Lease) Check() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.ended || !now.Before(l.until) || !l.limit.IsZero() && !now.Before(l.limit) {
		return ErrLeaseExpired
	}
	return nil
}
