package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// TestHistory_keepsTheLastFiveMinutes lets ten minutes go by, in the middle of
// which nobody answers for a while.
func TestHistory_keepsTheLastFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		silent := func() bool { d := time.Since(began); return d >= 7*time.Minute && d < 8*time.Minute }
		asked := int64(0)
		h := &history{sample: func(context.Context) (Point, error) {
			if asked++; silent() {
				return Point{}, errors.New("the loop does not answer")
			}
			return Point{RecordsUploaded: asked}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		h.run(ctx)

		w := ask(newHandler(testConfig(), h), "GET", "/history")
		var points []Point
		if err := json.Unmarshal(w.Body.Bytes(), &points); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d, %v: %s", w.Code, err, w.Body)
		}
		if len(points) != historyLength || asked != 121 {
			t.Fatalf("%d points of %d that were asked for", len(points), asked)
		}
		first, last := points[0], points[len(points)-1]
		if got := last.At.Sub(first.At); got != 6*time.Minute || last.RecordsUploaded != 121 || !last.At.Equal(began.Add(10*time.Minute)) {
			t.Errorf("from %+v to %+v, %s: want the last points, with a gap of a minute", first, last, got)
		}
	})
}

func TestHistory_isEmptyAtFirst(t *testing.T) {
	if w := ask(newHandler(testConfig(), &history{}), "GET", "/history"); w.Body.String() != "[]" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
