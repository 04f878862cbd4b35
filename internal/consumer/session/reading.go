package session

import (
	"context"
	"runtime"
	"sync"

	"kafka-import-bridge/internal/consumer/fetch"
)

// startReading starts everything that reads from Kafka and returns what stops
// it again, which may be called twice.
func (s *Session) startReading() (stop func()) {
	ctx, cancel := context.WithCancel(s.Ctx)
	wake := make(chan struct{}, 1)
	refresh := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	cfg := s.Config.Reading(s.Metrics.KafkaFailed, s.throttled)
	cfg.Decoded, cfg.Distrusted = s.Decoded, s.distrusted
	newDecoder := func() *fetch.Decoder { return fetch.NewDecoder(&cfg, s.Mapper, s.Inflated, s.chunks) }
	s.Fetcher = fetch.New(&cfg, s.Client, s.Fetched, runtime.GOMAXPROCS(0), refresh)
	s.CatchUp.Reader = fetch.NewCatchUpReader(s.Fetcher, newDecoder())
	var wg sync.WaitGroup
	wg.Go(func() { s.Fetcher.Run(ctx) })
	for _, in := range s.Fetcher.Work {
		d := newDecoder()
		wg.Go(func() { d.Run(ctx, in) })
	}
	wg.Go(func() { s.CatchUp.Reader.Run(ctx) })
	starts, watch := s.starting(), s.watching()
	wg.Go(func() { starts.Run(ctx, s.starts) })
	wg.Go(func() { watch.Run(ctx, wake, s.found) })
	wg.Go(func() { s.Fetcher.Survey(ctx, s.Config.MetadataRefresh, s.SurveyFailed) })
	return func() {
		cancel()
		wg.Wait()
		s.discard()
	}
}

// discard gives back what was read and will not be looked at.
func (s *Session) discard() {
	s.dropPending()
	for len(s.chunks) > 0 { // nobody sends any more
		(<-s.chunks).Recycle()
	}
	s.Fetcher.Discard()
}
