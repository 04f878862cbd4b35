package consumer

import (
	"testing"
	"time"
)

func TestPacer_severalThrottledPauseTheAPI(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		name  string
		waits []time.Duration // one namespace each
		want  time.Duration   // of the whole API
	}{
		{"two are two namespaces", []time.Duration{time.Minute, time.Minute}, 0},
		{"three are the API", []time.Duration{time.Minute, time.Minute, time.Minute}, time.Minute},
		{"the third longest counts", []time.Duration{time.Second, time.Hour, 3 * time.Second, 2 * time.Second}, 2 * time.Second},
		{"in any order", []time.Duration{3 * time.Second, 2 * time.Second, time.Second, time.Hour}, 2 * time.Second},
		{"no wait counts as none", []time.Duration{time.Hour, time.Hour, 0}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPacer(4, 1)
			for i, wait := range tc.waits {
				p.throttle(&namespace{name: string(rune('a' + i))}, now, wait)
			}
			if got := max(0, p.pausedUntil.Sub(now)); got != tc.want {
				t.Errorf("paused for %s, want %s", got, tc.want)
			}
		})
	}
}
