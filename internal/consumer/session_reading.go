package consumer

import (
	"context"
	"runtime"
	"sync"
)

// startReading starts everything that reads from Kafka and returns what stops
// it again, which may be called twice.
func (s *session) startReading() (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	wake := make(chan struct{}, 1)
	refresh := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	s.fetcher = newFetcher(s.cfg, s.client, s.metrics, s.fetched, runtime.GOMAXPROCS(0), refresh)
	s.catchUp = newCatchUpReader(s)
	var wg sync.WaitGroup
	wg.Go(func() { s.fetcher.run(ctx) })
	for _, in := range s.fetcher.work {
		d := newDecoder(s.cfg, s.mapper, s.inflated, s.chunks)
		wg.Go(func() { d.run(ctx, in) })
	}
	wg.Go(func() { s.catchUp.run(ctx) })
	wg.Go(func() { s.resolveStarts(ctx) })
	wg.Go(func() { s.watch(ctx, wake) })
	wg.Go(func() { s.survey(ctx) })
	return func() {
		cancel()
		wg.Wait()
		s.discard()
	}
}

// discard gives back what was read and will not be looked at.
func (s *session) discard() {
	if s.pending != nil {
		s.pending.recycle()
		s.pending = nil
	}
	for {
		select {
		case c := <-s.chunks:
			c.recycle()
			continue
		default:
		}
		break
	}
	for _, in := range s.fetcher.work {
		for len(in) > 0 {
			if w := <-in; w.lease != nil {
				w.lease.release()
			}
		}
	}
}
