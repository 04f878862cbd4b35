package e2e

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// sampleOffsets tells the truth the group's committed offsets every 50 ms, and
// once more at the end, so that a commit that runs ahead of the store or goes
// back is seen while it is so.
func (w *world) sampleOffsets() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // ends with sampled
		defer close(done)
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.sample(ctx)
			}
		}
	}()
	w.sampled = func() {
		cancel()
		<-done
		w.sample(context.Background())
	}
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// sample reads the offsets once. A broker that is down is no fault: the next
// sample sees what the commits have become.
func (w *world) sample(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	offsets, err := w.admin.FetchOffsets(ctx, w.group)
	if err != nil {
		return
	}
	now := time.Now()
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Err == nil && o.At >= 0 {
			w.truth.Commit(o.Topic, o.Partition, o.At, now)
		}
	})
}
