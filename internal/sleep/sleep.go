// Package sleep waits for a time to pass, or for less where a context ends or something
// wakes the sleeper. Any room may use it, from any goroutine.
package sleep

import (
	"context"
	"time"
)

// For waits for d, or until the context ends, and returns the context's error.
func For(ctx context.Context, d time.Duration) error {
	Until(ctx, nil, time.Now().Add(d))
	return ctx.Err()
}

// Until returns when wake delivers or ctx ends, at the latest at the given time;
// the zero time is never.
func Until(ctx context.Context, wake <-chan struct{}, at time.Time) {
	var timer <-chan time.Time
	if !at.IsZero() {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
	case <-wake:
	case <-timer:
	}
}
