package importer

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"kafka-import-bridge/internal/http1"
)

// swallow takes the whole body, stores nothing, and does not answer.
func swallow(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	abort(w, r, 0)
}

// TestUploadURL_countLost goes through rows of PUTs: r is one that was sent and got no
// answer, u one that reached nobody, a an answer of the store that says to try again, m one
// that no store gives.
func TestUploadURL_countLost(t *testing.T) {
	unreached := func(n int) string { return strings.Repeat("u", n) }
	for _, tc := range []struct {
		name      string
		puts      string
		ambiguous bool // a whole body may be stored under the URL
		givenUp   int  // at which PUT, 0 for never
	}{
		{"silences in a row", "rrr", false, 3},
		{"silences that are not in a row", "rrarrarrarra", false, 0},
		{"silences around others that reached nobody", "rururu", false, 5},
		{"nobody is there", unreached(25), false, 25},
		{"nobody is there for a while", unreached(24) + "a" + unreached(24), false, 0},
		{"somebody was there meanwhile", unreached(24) + "r" + unreached(24), false, 0},
		{"nobody is there, and it may be stored", unreached(60), true, 0},
		{"silences, and it may be stored", "rrrrrrrr", true, 8},
		{"silences and pages, and it may be stored", "rmrmrmrm", true, 8},
		{"pages, and nothing is stored", "mmmmmmmmmm", false, 0},
	} {
		u, givenUp := uploadURL{ambiguous: tc.ambiguous}, 0
		for n, put := range tc.puts {
			a, reached := answer{class: RetrySame, err: errors.New("no answer")}, put != 'u'
			switch put {
			case 'a':
				a.status = http.StatusTooManyRequests
			case 'm':
				a.class, a.status = Malformed, http.StatusTemporaryRedirect
			}
			if u.countLost(&a, http1.Sent{Header: reached}); a.class == RetryNew && givenUp == 0 {
				givenUp = n + 1
			}
		}
		if givenUp != tc.givenUp {
			t.Errorf("%s: given up at PUT %d, want %d", tc.name, givenUp, tc.givenUp)
		}
	}
}

// TestClient_aRepeatThatTheAPIHasDeniedIsNone: a store that ignores the condition takes a
// repeat. Whether that may be the second time depends on what the API has said just before:
// what it said before an earlier repeat is out of date.
func TestClient_aRepeatThatTheAPIHasDeniedIsNone(t *testing.T) {
	for _, tc := range []struct {
		name      string
		asks      []http.HandlerFunc // one before each repeat; all but the last repeat are lost
		mayRepeat bool
	}{
		{"it knows of no upload", []http.HandlerFunc{queued}, false},
		{"it does not answer", []http.HandlerFunc{unwell}, true},
		{"it knew of none before the last repeat", []http.HandlerFunc{queued, unwell}, true},
		{"it knows of none after all", []http.HandlerFunc{unwell, queued}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = func(w http.ResponseWriter, r *http.Request) { tc.asks[l.askCount()-1](w, r) }
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				if len(l.putPaths()) <= len(tc.asks) {
					swallow(w, r)
					return
				}
				l.keep(w, r)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			for range tc.asks {
				wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
			}
			wantClass(t, l.attempt(c, i), Stored, "")
			if i.MayRepeat() != tc.mayRepeat || l.askCount() != len(tc.asks) {
				t.Errorf("may repeat %t, want %t; %d questions", i.MayRepeat(), tc.mayRepeat, l.askCount())
			}
		})
	}
}

// TestClient_aQuestionThatIsEndedDecidesNothing: an import that may be stored under a URL
// that was given up is not sent to another one, and counts as no repeat, because whoever
// asked about it was stopped.
func TestClient_aQuestionThatIsEndedDecidesNothing(t *testing.T) {
	l := newLab(t)
	var knows atomic.Bool
	l.onAsk = func(w http.ResponseWriter, r *http.Request) {
		if !knows.Load() {
			unwell(w, r)
			return
		}
		l.tell(w, r)
	}
	l.onPut = l.keepUnheard
	c := l.client()
	l.at(c).condition.Store(conditionHonoured) // so that 403 is about the URL
	i, _ := newImport(c, 100)
	wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
	wantClass(t, l.attempt(c, i), RetryNew, ReasonExpired)
	lost := errors.New("lease lost")
	ended := func(when string, guard func() error, asks int, vain int) {
		t.Helper()
		out := l.checked(i.Attempt(t.Context(), guard))
		if out.Class != Cancelled || !errors.Is(out.Err, lost) || out.Operation != OperationAsk || i.failures.ask != vain {
			t.Errorf("%s: outcome %+v, %d questions in vain", when, out, i.failures.ask)
		}
		if l.askCount() != asks || len(l.putPaths()) != 2 || !i.Ambiguous() || i.MayRepeat() {
			t.Errorf("%s: %d questions, %d PUTs, ambiguous %t, may repeat %t", when, l.askCount(), len(l.putPaths()), i.Ambiguous(), i.MayRepeat())
		}
	}
	ended("before the first question", func() error { return lost }, 0, 0)
	for range asksInVain - 1 {
		wantClass(t, l.attempt(c, i), RetryLater, ReasonServerError)
	}
	ended("under the new URL", func() error {
		if l.postCount() > 1 {
			return lost
		}
		return nil
	}, asksInVain, asksInVain)
	knows.Store(true)
	if out := l.attempt(c, i); out.Class != Stored || out.RequestID != "req-1" || l.evaluations() != 1 || i.MayRepeat() {
		t.Errorf("outcome %+v, %d evaluations, may repeat %t", out, l.evaluations(), i.MayRepeat())
	}
	if n := testutil.ToFloat64(c.metrics.avoided.WithLabelValues(byAsking)); n != 1 {
		t.Errorf("%v repeats were avoided by asking, want 1", n)
	}
}

// TestClient_aQuestionIsEnded by its guard before anything is asked, and by its context;
// none of that is a question in vain.
func TestClient_aQuestionIsEnded(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	l.onAsk = func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}
	l.onPut = swallow
	c := l.client()
	i, _ := newImport(c, 100)
	l.attempt(c, i)
	lost := errors.New("lease lost")
	if out := l.checked(i.Resolve(t.Context(), func() error { return lost })); out.Class != Cancelled || !errors.Is(out.Err, lost) || l.askCount() != 0 {
		t.Errorf("by its guard: outcome %+v, %d questions", out, l.askCount())
	}
	if out := l.checked(i.Attempt(t.Context(), func() error { return lost })); out.Class != Cancelled || out.Operation != OperationAsk || i.failures.ask != 0 || l.askCount() != 0 {
		t.Errorf("before a repeat: outcome %+v, %d in vain, %d questions", out, i.failures.ask, l.askCount())
	}
	if out := l.checked(i.Resolve(ctx, nil)); out.Class != Cancelled || !errors.Is(out.Err, context.Canceled) || !i.Ambiguous() {
		t.Errorf("by its context: outcome %+v, ambiguous %t", out, i.Ambiguous())
	}
}

// TestClient_questionsInVainCountInARow: an API that answers between two silences is asked
// again, before what may be stored goes to a store that takes no condition.
func TestClient_questionsInVainCountInARow(t *testing.T) {
	l := newLab(t)
	l.onPut = swallow
	c := l.client()
	l.at(c).condition.Store(conditionRefused)
	i, _ := newImport(c, 100)
	l.attempt(c, i)
	for n, step := range []struct {
		ask  http.HandlerFunc
		puts int // so far
	}{{unwell, 1}, {unwell, 1}, {queued, 2}, {unwell, 2}, {unwell, 2}, {unwell, 3}} {
		l.onAsk = step.ask
		if l.attempt(c, i); len(l.putPaths()) != step.puts {
			t.Fatalf("%d PUTs after question %d, want %d", len(l.putPaths()), n+1, step.puts)
		}
	}
}

// TestClient_aQuestionMakesNobodyWaitLong, though the API may take its time to give a URL.
func TestClient_aQuestionMakesNobodyWaitLong(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onAsk, l.onPut = silence, swallow
		c := l.client()
		i, _ := newImport(c, 100)
		l.attempt(c, i)
		d := took(func() { wantClass(t, l.checked(i.Resolve(t.Context(), nil)), RetryLater, ReasonTimeout) })
		if d < askTime-time.Second || d > askTime+time.Second {
			t.Errorf("it took %s, want %s", d, askTime)
		}
	})
}

// TestClient_anErrorWhoseTextDoesNotEnd: a store that refuses a batch, and does not say why
// to the end, keeps it for some seconds.
func TestClient_anErrorWhoseTextDoesNotEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusForbidden)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
		c := l.client()
		i, _ := newImport(c, 100)
		d := took(func() { wantClass(t, l.attempt(c, i), RetryNew, ReasonExpired) })
		if d > 2*textTime {
			t.Errorf("it took %s", d)
		}
	})
}

// TestClient_asksBeforeABodyOnlyWhoHasRefusedOne: neither a store that was not reached nor
// one that has the batch already has refused it.
func TestClient_asksBeforeABodyOnlyWhoHasRefusedOne(t *testing.T) {
	l := newLab(t)
	dial := (&net.Dialer{}).DialContext
	var down atomic.Bool
	down.Store(true)
	l.cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if down.Load() && addr == l.store.Listener.Addr().String() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("down")}
		}
		return dial(ctx, network, addr)
	}
	l.onAsk = mute
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if len(l.putPaths()) == 1 {
			l.keep(httptest.NewRecorder(), r)
			abort(w, r, 0)
			return
		}
		l.keep(w, r)
	}
	c := l.client()
	i, _ := newImport(c, 100)
	asks := func() bool { return l.at(c).expects(100) }
	wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
	if asks() {
		t.Error("a store that was not reached has refused")
	}
	down.Store(false)
	wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
	if !asks() {
		t.Error("a store that did not answer has not refused")
	}
	wantClass(t, l.attempt(c, i), Stored, "") // by 412
	if asks() || !l.at(c).honours() {
		t.Error("a store that has the batch already has refused it")
	}
}

// TestAsk_countsItsFailures, as those of all other calls are.
func TestAsk_countsItsFailures(t *testing.T) {
	_, c := askLab(t, func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusTooManyRequests) })
	if _, err := c.Ask(t.Context(), "orders", "req_1"); err == nil {
		t.Error("no error")
	}
	if n := testutil.ToFloat64(c.metrics.retries.WithLabelValues(OperationFollow, ReasonThrottled)); n != 1 {
		t.Errorf("%v failures are counted", n)
	}
}
