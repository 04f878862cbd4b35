package report

import (
	"testing"
	"time"
	"unsafe"
)

// jumped is t after the wall clock was set forward or back by whole seconds,
// while the monotonic clock went on. Nothing in package time can say that.
func jumped(t *testing.T, at time.Time, by time.Duration) time.Time {
	t.Helper()
	after := at
	// The first word holds the seconds of the wall clock above 30 bits of
	// nanoseconds, if there is a monotonic reading in the second.
	*(*uint64)(unsafe.Pointer(&after)) += uint64(by/time.Second) << 30
	if after.Sub(at) != 0 || after.Round(0).Sub(at.Round(0)) != by {
		t.Fatalf("the layout of time.Time has changed: %s became %s", at, after)
	}
	return after
}

func TestPulse_ignoresTheWallClock(t *testing.T) {
	start := time.Now()
	p := NewPulse(start.Add(-time.Minute))
	if got := p.Since(start.Add(time.Hour)); got != 0 {
		t.Errorf("%s since the last beat, and there was none", got)
	}
	for _, by := range []time.Duration{0, time.Hour, -time.Hour} {
		p.Beat(start)
		if got := p.Since(jumped(t, start.Add(5*time.Second), by)); got != 5*time.Second {
			t.Errorf("the clock was set by %s after a beat: the beat was %s ago, want 5s", by, got)
		}
		p.Beat(jumped(t, start, by))
		if got := p.Since(start.Add(5 * time.Second)); got != 5*time.Second {
			t.Errorf("the clock was set by %s before a beat: the beat was %s ago, want 5s", by, got)
		}
	}
}
