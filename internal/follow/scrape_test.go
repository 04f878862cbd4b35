package follow

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/receipt"
)

// silent is an API that answers no question.
type silent struct{}

func (silent) Ask(ctx context.Context, _, _ string) (importer.Progress, error) {
	<-ctx.Done()
	return importer.Progress{}, ctx.Err()
}

// A scrape and a first import of a namespace never wait for each other: the one
// reads the gauges while it holds what the other needs for new series.
func TestFollower_isScrapedWhileNamespacesAppear(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	f := New(Config{MaxAge: time.Hour, MaxImports: 100}, silent{}, nil, slog.New(slog.DiscardHandler), NewMetrics(reg, func(ns string) string { return ns }))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 1000 {
			f.Stored(&receipt.Receipt{Namespace: fmt.Sprint("n", i), RequestID: fmt.Sprint("r", i), StoredAt: time.Now()})
		}
	})
	for range 2 {
		wg.Go(func() {
			for range 20 {
				if _, err := reg.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait() // for ever, if a scrape and a stored import wait for each other
}
