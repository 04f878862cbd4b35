package session

import (
	"context"
	"runtime"
	"sync"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
)

// startReading starts everything that reads from Kafka and returns what stops
// it again, which may be called twice.
func (s *Session) startReading() (stop func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	wake := make(chan struct{}, 1)
	refresh := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	cfg := s.cfg.reading(s.metrics.KafkaFailed, s.throttled)
	cfg.Decoded, cfg.Distrusted = s.decoded, s.distrusted
	newDecoder := func() *fetch.Decoder { return fetch.NewDecoder(&cfg, s.mapper, s.inflated, s.chunks) }
	s.fetcher = fetch.New(&cfg, s.client, s.fetched, runtime.GOMAXPROCS(0), refresh)
	s.catchUp.reader = fetch.NewCatchUpReader(s.fetcher, newDecoder())
	var wg sync.WaitGroup
	wg.Go(func() { s.fetcher.Run(ctx) })
	for _, in := range s.fetcher.Work {
		d := newDecoder()
		wg.Go(func() { d.Run(ctx, in) })
	}
	wg.Go(func() { s.catchUp.reader.Run(ctx) })
	starts, watch := s.starting(), s.watching()
	wg.Go(func() { starts.Run(ctx, s.starts) })
	wg.Go(func() { watch.Run(ctx, wake, s.found) })
	wg.Go(func() { s.fetcher.Survey(ctx, s.cfg.MetadataRefresh, s.surveyFailed) })
	return func() {
		cancel()
		wg.Wait()
		s.discard()
	}
}

// discard gives back what was read and will not be looked at.
func (s *Session) discard() {
	if s.pending != nil {
		s.pending.Recycle()
		s.pending = nil
	}
	for {
		select {
		case c := <-s.chunks:
			c.Recycle()
			continue
		default:
		}
		break
	}
	s.fetcher.Discard()
}

// surveyFailed reports that the ends of some logs are not known. It may be
// called on any goroutine.
func (r *Process) surveyFailed(err error) {
	text := r.Explain(err)
	r.Faults.Log(time.Now(), "ends of partitions that are not fetched cannot be asked for; their lag may be out of date", "survey/"+text, "error", text)
}
