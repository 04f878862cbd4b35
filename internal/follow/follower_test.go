package follow

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/receipt"
)

const echoed = "SECRET RECORD" // in the API's summaries

// world is an API of which each import has an age at which it ends.
type world struct {
	t   *testing.T
	f   *Follower
	reg *prometheus.Registry
	log syncBuffer

	mu     sync.Mutex
	ends   map[string]end // by request id
	fails  error          // of every question
	asked  []question
	during func() // called in a question

	receipts bool // each import has one
	written  []*receipt.Receipt
}

func (w *world) receiptOf(namespace, id string, stored time.Time) *receipt.Receipt {
	r := &receipt.Receipt{RequestID: id, Namespace: namespace, Records: 3, Bytes: 30, StoredAt: stored, Attempts: 1}
	if w.receipts {
		r.Pieces = []receipt.Piece{{Topic: "orders", First: 1, Last: 3, Records: 3}}
	}
	return r
}

// Post implements Receipts.
func (w *world) Post(key, value []byte, _ int64, acked func()) {
	r, err := receipt.Decode(value)
	if err != nil || string(key) != r.RequestID || acked != nil {
		w.t.Errorf("posted %s, %v", value, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, r)
}

type end struct {
	after  time.Duration // of its storing
	as     importer.Progress
	stored time.Time
	err    error
}

type question struct {
	at time.Time
	id string
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func (w *world) Ask(_ context.Context, _, id string) (importer.Progress, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, question{time.Now(), id})
	if w.during != nil {
		w.during()
	}
	e := w.ends[id]
	switch {
	case w.fails != nil:
		return importer.Progress{}, w.fails
	case e.err != nil:
		return importer.Progress{}, e.err
	case time.Since(e.stored) < e.after:
		return importer.Progress{Status: importer.StatusIngesting}, nil
	}
	return e.as, nil
}

func (w *world) questions() int { w.mu.Lock(); defer w.mu.Unlock(); return len(w.asked) }
func (w *world) fail(err error) { w.mu.Lock(); defer w.mu.Unlock(); w.fails = err }

// store tells of an import that will end so.
func (w *world) store(namespace, id string, e end) {
	w.mu.Lock()
	e.stored = time.Now()
	w.ends[id] = e
	w.mu.Unlock()
	w.f.Stored(w.receiptOf(namespace, id, e.stored))
}

func (w *world) status(id string) string {
	r := w.f.Report()
	for _, i := range r.Imports {
		if i.RequestID == id {
			return i.Status
		}
	}
	return "not shown"
}

// finished is the counter's value.
func (w *world) finished(namespace, status string) int {
	return int(w.gather("bridge_imports_finished_total", func(m *dto.Metric) bool {
		return m.GetLabel()[0].GetValue() == namespace && m.GetLabel()[1].GetValue() == status
	}))
}

func (w *world) gather(name string, is func(*dto.Metric) bool) float64 {
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && is(m) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return -1
}

func every(*dto.Metric) bool { return true }

// inWorld runs a test in virtual time; the follower runs until its end.
func inWorld(t *testing.T, cfg Config, test func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, ends: map[string]end{}, reg: prometheus.NewPedanticRegistry()}
		m := NewMetrics(w.reg, func(namespace string) string { return namespace })
		w.f = New(cfg, w, w, slog.New(slog.NewTextHandler(&w.log, nil)), m)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.f.Run(ctx) }()
		test(t, w)
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if strings.Contains(w.log.String(), echoed) {
			t.Errorf("the log holds what the API echoed: %s", w.log.String())
		}
	})
}

var usual = Config{MaxAge: 24 * time.Hour, MaxImports: 100}

var (
	succeeded = importer.Progress{Status: importer.StatusSucceeded}
	partly    = importer.Progress{Status: importer.StatusSucceeded, Summary: echoed}
	failed    = importer.Progress{Status: importer.StatusFailed, Summary: echoed}
)

func TestFollower_verdicts(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		w.store("users", "good", end{after: 10 * time.Second, as: succeeded})
		w.store("users", "partly", end{after: 20 * time.Second, as: partly})
		w.store("orders", "bad", end{after: time.Minute, as: failed})
		if got := w.status("good"); got != StatusStored {
			t.Errorf("before the first answer it is %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := w.status("good"); got != importer.StatusIngesting {
			t.Errorf("under way it is %s", got)
		}
		if n := w.gather("bridge_imports_followed", every); n != 3 {
			t.Errorf("%v are followed", n)
		}
		time.Sleep(2 * time.Minute)
		for id, want := range map[string]string{"good": StatusSucceeded, "partly": StatusSucceededWithErrors, "bad": StatusFailed} {
			if got := w.status(id); got != want {
				t.Errorf("%s is %s, want %s", id, got, want)
			}
		}
		if w.finished("users", StatusSucceeded) != 1 || w.finished("users", StatusSucceededWithErrors) != 1 || w.finished("orders", StatusFailed) != 1 {
			t.Error("the counters do not tell the verdicts")
		}
		if w.finished("orders", StatusUnknown) != 0 {
			t.Error("the other series are not there at zero")
		}
		if n := strings.Count(w.log.String(), "level=ERROR"); n != 1 || !strings.Contains(w.log.String(), "request_id=bad") {
			t.Errorf("%d error lines: %s", n, w.log.String())
		}
		if n := w.gather("bridge_import_finish_seconds", every); n != 3 {
			t.Errorf("%v ends were timed", n)
		}
		asked := w.questions()
		time.Sleep(time.Hour)
		if w.questions() != asked {
			t.Error("what has ended is asked about again")
		}
	})
}

// TestFollower_atMostTenASecond: in all, whatever is due.
func TestFollower_atMostTenASecond(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 1000}, func(t *testing.T, w *world) {
		for i := range 300 {
			w.store(fmt.Sprint("n", i%7), fmt.Sprint(i), end{after: time.Duration(i) * time.Second, as: succeeded})
		}
		time.Sleep(20 * time.Minute)
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := 10; i < len(w.asked); i++ {
			if d := w.asked[i].at.Sub(w.asked[i-10].at); d < time.Second {
				t.Fatalf("eleven questions in %s", d)
			}
		}
		if len(w.asked) < 300 {
			t.Errorf("only %d questions", len(w.asked))
		}
	})
}

// TestFollower_backsOffTogether: a busy or absent API is asked ever more rarely
// about anything, and told about once.
func TestFollower_backsOffTogether(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		most int // questions in ten minutes
	}{
		{"no answer", &importer.AskError{}, 40},
		{"throttled", &importer.AskError{Status: 429, RetryAfter: 2 * time.Minute}, 6},
		{"busy", &importer.AskError{Status: 503}, 40},
		{"malformed", &importer.AskError{Status: 200}, 40},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, usual, func(t *testing.T, w *world) {
				w.fail(tc.err)
				for i := range 50 {
					w.store("users", fmt.Sprint(i), end{as: succeeded})
				}
				time.Sleep(10 * time.Minute)
				if n := w.questions(); n > tc.most || n < 2 {
					t.Errorf("%d questions", n)
				}
				if w.f.Report().ImportsError == nil || strings.Count(w.log.String(), "level=WARN") != 1 {
					t.Errorf("it is to be told once: %s", w.log.String())
				}
				w.fail(nil)
				time.Sleep(20 * time.Minute)
				if n := w.finished("users", StatusSucceeded); n != 50 || w.f.Report().ImportsError != nil {
					t.Errorf("%d ended after the API was back", n)
				}
			})
		})
	}
}

// TestFollower_aDeniedQuestionIsToldOnce: a key that may not read and an API
// without the call are asked once in a while, and nothing is given up for it.
func TestFollower_aDeniedQuestionIsToldOnce(t *testing.T) {
	for _, status := range []int{401, 403, 404, 405} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inWorld(t, usual, func(t *testing.T, w *world) {
				w.fail(&importer.AskError{Status: status})
				for i := range 50 {
					w.store("users", fmt.Sprint(i), end{as: succeeded})
				}
				time.Sleep(9 * time.Minute)
				if n := w.questions(); n < 1 || n > 3 {
					t.Errorf("%d questions in nine minutes", n)
				}
				time.Sleep(2 * time.Hour)
				if n := w.questions(); n > 8 {
					t.Errorf("%d questions in two hours", n)
				}
				if n := strings.Count(w.log.String(), "does not tell what becomes"); n != 1 {
					t.Errorf("told %d times: %s", n, w.log.String())
				}
				if w.f.Report().ImportsError == nil || w.finished("users", StatusUnknown) > 2 {
					t.Error("the status says nothing, or imports were given up")
				}
				w.fail(nil)
				time.Sleep(2 * time.Hour)
				if n := w.finished("users", StatusSucceeded) + w.finished("users", StatusUnknown); n != 50 {
					t.Errorf("%d ended after the answers were back", n)
				}
			})
		})
	}
}

// TestFollower_oneBadImportStopsNoOther: one that was deleted is given up, one
// in a forbidden namespace or that the API chokes on is asked about ever more
// rarely, and the others are told of.
func TestFollower_oneBadImportStopsNoOther(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		w.store("users", "deleted", end{err: &importer.AskError{Status: 404}})
		w.store("closed", "forbidden", end{err: &importer.AskError{Status: 403}})
		w.store("users", "choking", end{err: &importer.AskError{Status: 500}})
		for i := range 20 {
			w.store(fmt.Sprint("n", i%3), fmt.Sprint(i), end{after: time.Duration(i) * 10 * time.Second, as: succeeded})
		}
		time.Sleep(10 * time.Minute)
		n := 0
		for i := range 3 {
			n += w.finished(fmt.Sprint("n", i), StatusSucceeded)
		}
		if n != 20 {
			t.Errorf("%d of 20 ended", n)
		}
		if got := w.status("deleted"); got != StatusUnknown {
			t.Errorf("the deleted one is %s", got)
		}
	})
}

// TestFollower_aForbiddenNamespaceStopsNoOther: however many imports it has, those of
// others are told of at once, and the key is not blamed.
func TestFollower_aForbiddenNamespaceStopsNoOther(t *testing.T) {
	for _, status := range []int{403, 404} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			inWorld(t, usual, func(t *testing.T, w *world) {
				for minute := range 30 {
					for i := range 5 {
						w.store("closed", fmt.Sprint("closed ", minute, " ", i), end{err: &importer.AskError{Status: status}})
					}
					w.store("open", fmt.Sprint("open ", minute), end{after: 4 * time.Second, as: succeeded})
					time.Sleep(time.Minute)
					if got := w.finished("open", StatusSucceeded); got < minute {
						t.Fatalf("after %d minutes %d imports of the other namespace have ended", minute+1, got)
					}
					if told := w.f.Report().ImportsError; told != nil {
						t.Fatalf("after %d minutes the status says %q", minute+1, *told)
					}
				}
				if n := w.questions(); n > 1000 {
					t.Errorf("%d questions about 180 imports", n)
				}
			})
		})
	}
}

// TestFollower_aKeyThatLosesItsRightIsTold: though it could read until just before.
func TestFollower_aKeyThatLosesItsRightIsTold(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		w.store("users", "0", end{as: succeeded})
		time.Sleep(time.Minute)
		before := w.questions()
		w.fail(&importer.AskError{Status: 403})
		for i := range 60 {
			w.store(fmt.Sprint("n", i%5), fmt.Sprint(i+1), end{as: succeeded})
			time.Sleep(30 * time.Second)
		}
		if w.f.Report().ImportsError == nil || strings.Count(w.log.String(), "does not tell what becomes") != 1 {
			t.Errorf("after half an hour nobody knows: %s", w.log.String())
		}
		if n := w.questions() - before; n > 120 {
			t.Errorf("%d questions about 60 imports", n)
		}
	})
}

// TestFollower_bounds: what is too many is told of and counted, and so is what
// does not end in time or is open at the stop.
func TestFollower_bounds(t *testing.T) {
	var w *world
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 2}, func(t *testing.T, in *world) {
		w = in
		w.store("users", "1", end{after: 3 * time.Hour})
		w.store("users", "2", end{after: 3 * time.Hour})
		w.store("users", "3", end{})
		w.store("orders", "4", end{after: 3 * time.Hour})
		w.store("users", "", end{})
		if got := w.finished("users", StatusUnfollowed); got != 3 {
			t.Errorf("%d are unfollowed, want the third, one that made place, and the one without a name", got)
		}
		time.Sleep(30 * time.Minute)
		if age := w.gather("bridge_oldest_followed_import_age_seconds", every); age != 1800 {
			t.Errorf("the oldest is %v s old", age)
		}
		time.Sleep(40 * time.Minute)
		if got := w.finished("users", StatusUnknown) + w.finished("orders", StatusUnknown); got != 2 {
			t.Errorf("%d were given up", got)
		}
		w.store("users", "5", end{after: 3 * time.Hour})
		time.Sleep(time.Minute)
	})
	if got := w.finished("users", StatusUnknown); got != 2 {
		t.Errorf("what was open at the stop is not counted: %d", got)
	}
	if !strings.Contains(w.log.String(), "stopped before the end") || w.status("5") != StatusUnknown {
		t.Errorf("nor told of: %s", w.log.String())
	}
}

// TestFollower_neverBlocks: while a question hangs, storing and reading go on,
// and a stop ends it.
func TestFollower_neverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := askFunc(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		f := New(usual, hang, nil, slog.New(slog.DiscardHandler), NewMetrics(nil, func(string) string { return "" }))
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { _ = f.Run(ctx); close(done) }()
		f.Stored(&receipt.Receipt{RequestID: "1", Namespace: "users", StoredAt: time.Now()})
		time.Sleep(time.Minute)
		began := time.Now()
		for i := range 500 {
			f.Stored(&receipt.Receipt{RequestID: fmt.Sprint(i), Namespace: "users", StoredAt: time.Now()})
			f.Report()
		}
		stop()
		<-done
		if time.Since(began) > 0 {
			t.Error("time went by")
		}
		if r := f.Report(); r.ImportsFollowed != 0 || r.Imports[0].FinishedAt == nil {
			t.Errorf("after the stop: %+v", r)
		}
	})
}

type askFunc func(ctx context.Context) error

func (f askFunc) Ask(ctx context.Context, _, _ string) (importer.Progress, error) {
	return importer.Progress{}, f(ctx)
}

// TestFollower_switchedOff: without an API to ask the latest imports are shown
// all the same, as stored.
func TestFollower_switchedOff(t *testing.T) {
	f := New(usual, nil, nil, slog.New(slog.DiscardHandler), NewMetrics(nil, func(string) string { return "" }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.Stored(&receipt.Receipt{RequestID: "1", Namespace: "users", StoredAt: time.Now()})
	if err := f.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if r := f.Report(); len(r.Imports) != 1 || r.Imports[0].Status != StatusStored || r.ImportsFollowed != 0 {
		t.Errorf("%+v", r)
	}
}

// TestReport_showsTheLatest: fifty, the failed ones that have dropped out of
// them, and the last of each namespace.
func TestReport_showsTheLatest(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 1000}, func(t *testing.T, w *world) {
		w.store("orders", "bad", end{as: failed})
		for i := range 200 {
			time.Sleep(time.Second)
			w.store("users", fmt.Sprint(i), end{as: succeeded})
		}
		time.Sleep(time.Minute)
		r := w.f.Report()
		if len(r.Imports) != 51 || r.Imports[0].RequestID != "199" || r.Imports[50].RequestID != "bad" {
			t.Errorf("%d imports, from %+v to %+v", len(r.Imports), r.Imports[0], r.Imports[len(r.Imports)-1])
		}
		if len(r.LastImports) != 2 || r.LastImports[0].RequestID != "bad" || r.LastImports[1].RequestID != "199" {
			t.Errorf("the last of each namespace: %+v", r.LastImports)
		}
		text, err := json.Marshal(r)
		if err != nil || !strings.Contains(string(text), `"status":"failed"`) || !strings.Contains(string(text), `"finished_at":"`) {
			t.Errorf("%s, %v", text, err)
		}
		for i := range 2 * maxLastNamespaces {
			w.store(fmt.Sprint("n", i), fmt.Sprint("x", i), end{as: succeeded})
		}
		if r := w.f.Report(); len(r.LastImports) != maxLastNamespaces {
			t.Errorf("%d namespaces are remembered", len(r.LastImports))
		}
	})
}

// TestFollower_writesTheReceiptAgainWithItsEnd: whole, and only where the end was
// seen.
func TestFollower_writesTheReceiptAgainWithItsEnd(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 4}, func(t *testing.T, w *world) {
		w.receipts = true
		count := int64(2)
		w.store("users", "partly", end{as: importer.Progress{Status: importer.StatusSucceeded, Summary: echoed, DataCount: &count}})
		w.store("users", "bad", end{as: failed})
		w.store("users", "open", end{after: 3 * time.Hour})
		w.store("users", "gone", end{err: &importer.AskError{Status: 404}})
		w.store("users", "unfollowed", end{})
		time.Sleep(2 * time.Hour)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.written) != 2 {
			t.Fatalf("%d receipts were written again", len(w.written))
		}
		for i, want := range []struct {
			id, status string
			count      *int64
		}{{"partly", StatusSucceededWithErrors, &count}, {"bad", StatusFailed, nil}} {
			r := w.written[i]
			if r.RequestID != want.id || r.Status != want.status || (r.DataCount == nil) != (want.count == nil) || r.FinishedAt.IsZero() || len(r.Pieces) != 1 || r.Records != 3 {
				t.Errorf("the receipt of %s is %+v", want.id, r)
			}
		}
		w.f.mu.Lock()
		kept := w.f.kept
		w.f.mu.Unlock()
		if kept != 0 {
			t.Errorf("%d bytes of receipts are kept", kept)
		}
	})
}
