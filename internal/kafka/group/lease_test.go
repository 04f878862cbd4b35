package group

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLease(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(l *Lease, start time.Time)
		over time.Duration // after the start
	}{
		{"is as long as a session from when the first request was sent", func(*Lease, time.Time) {}, 10 * time.Second},
		{"a later request renews it", func(l *Lease, at time.Time) { l.Renew(at.Add(4 * time.Second)) }, 14 * time.Second},
		{"an earlier one does not shorten it", func(l *Lease, at time.Time) { l.Renew(at.Add(4 * time.Second)); l.Renew(at) }, 14 * time.Second},
		{"a rebalance bounds it", func(l *Lease, at time.Time) { l.Limit(at.Add(12 * time.Second)); l.Renew(at.Add(9 * time.Second)) }, 12 * time.Second},
		{"the end is for good", func(l *Lease, at time.Time) { l.End(); l.Renew(at.Add(time.Hour)) }, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				l := NewLease(10*time.Second, start)
				tc.do(l, start)
				if tc.over > 0 {
					time.Sleep(tc.over - 1)
					if err := l.Check(); err != nil {
						t.Errorf("%s after the start: %v", time.Since(start), err)
					}
					time.Sleep(time.Nanosecond)
				}
				if l.Check() == nil {
					t.Errorf("it holds %s after the start", time.Since(start))
				}
			})
		})
	}
}
