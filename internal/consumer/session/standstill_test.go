package session

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/test/recordbatch"
)

// logged makes the session report faults to a text.
func (r *sessionRig) logged() *strings.Builder {
	log := &strings.Builder{}
	r.Faults = report.NewFaultLog(slog.New(slog.NewTextHandler(log, nil)))
	return log
}

// While memory is full /status says so of each partition that has more to read, and
// the log names what fills it.
func TestSession_saysThatMemoryIsFull(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.api.takes = 2 * time.Minute
		const size = 100_000
		var full []recordbatch.Record
		for o := range int64(200) {
			full = append(full, recordbatch.Record{Offset: o, Value: fmt.Appendf(nil, `{"id":"%d","ns":"a","p":%q}`, o, strings.Repeat("x", size))})
		}
		for i := 0; i < len(full) && r.pending == nil; i += 5 {
			r.feed(0, full[i:i+5]...)
		}
		if r.pending == nil {
			t.Fatal("memory takes all of it")
		}
		if p := r.status().Partitions[1]; p.State != "reading" || p.Error != nil {
			t.Errorf("at once: %+v", p)
		}
		r.after(fullAfter + 2*maxSleep)
		for _, p := range r.status().Partitions {
			if p.State != "paused" || p.Error == nil || !strings.Contains(*p.Error, "memory is full") || !strings.Contains(*p.Error, "most is held by a (") {
				t.Errorf("status %+v: %v", p, p.Error)
			}
		}
		if text := log.String(); strings.Count(text, "memory is full") != 1 || !strings.Contains(text, "most_is_held_by=\"a (") {
			t.Errorf("the log says\n%s", text)
		}
		r.api.takes = 0
		r.after(5 * time.Minute)
		if p := r.status().Partitions[1]; p.State != "reading" || p.Error != nil {
			t.Errorf("afterwards: %+v", p)
		}
	})
}

// A broker that slows reading down is counted, and told of once a minute.
func TestSession_saysThatAQuotaIsUsedUp(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		log := r.logged()
		r.throttled(1, 12*time.Second)
		r.throttled(1, 8*time.Second)
		if text := log.String(); strings.Count(text, "quota") == 0 || !strings.Contains(text, "for=12s") || strings.Count(text, "\n") != 1 {
			t.Errorf("the log says\n%s", text)
		}
		if got := testutil.ToFloat64(r.Metrics.Throttled()); got != 20 {
			t.Errorf("%v seconds are counted", got)
		}
	})
}
