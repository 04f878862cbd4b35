package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// What the history holds: five minutes, so that a page that is opened because
// something is wrong shows how it came to be.
const (
	historyPeriod = 5 * time.Second
	historyLength = 61
)

// Point holds the figures of one moment of the history: totals since the process began,
// and the lag.
type Point struct {
	At              time.Time `json:"at"`               // UTC
	RecordsConsumed int64     `json:"records_consumed"` // read from Kafka
	RecordsUploaded int64     `json:"records_uploaded"` // lines of stored imports
	BytesUploaded   int64     `json:"bytes_uploaded"`   // of those lines
	// LagRecords is nil while no partition is assigned: it is unknown then.
	LagRecords *int64 `json:"lag_records"`
}

// history samples the bridge every historyPeriod and keeps the last points,
// oldest first. Safe for concurrent use.
type history struct {
	sample func(context.Context) (Point, error)

	mu     sync.Mutex
	points []Point // guarded by mu
}

// run samples until ctx ends. A moment without an answer leaves a gap.
func (h *history) run(ctx context.Context) {
	tick := time.NewTicker(historyPeriod)
	defer tick.Stop()
	for {
		h.take(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (h *history) take(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	p, err := h.sample(ctx)
	if err != nil {
		return
	}
	p.At = time.Now().UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.points) == historyLength {
		h.points = append(h.points[:0], h.points[1:]...)
	}
	h.points = append(h.points, p)
}

// ServeHTTP answers the points as a JSON array.
func (h *history) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	body, _ := json.Marshal(append([]Point{}, h.points...)) // numbers and times of now always encode
	h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}
