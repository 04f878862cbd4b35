package report

import (
	"sync/atomic"
	"time"
)

// Pulse holds the time when the loop last turned, on the monotonic clock: a wall clock
// that is set neither makes a good loop look stuck nor hides a stuck one. Safe for
// concurrent use.
type Pulse struct {
	base time.Time
	at   atomic.Int64 // nanoseconds after base, 0 before the first beat
}

// NewPulse returns a Pulse without a beat.
func NewPulse(now time.Time) *Pulse { return &Pulse{base: now} }

// Beat notes that the loop turned.
func (p *Pulse) Beat(now time.Time) { p.at.Store(max(1, int64(now.Sub(p.base)))) }

// Since is how long ago the last beat was, 0 before the first one.
func (p *Pulse) Since(now time.Time) time.Duration {
	at := p.at.Load()
	if at == 0 {
		return 0
	}
	return now.Sub(p.base) - time.Duration(at)
}
