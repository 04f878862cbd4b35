package importer

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// storeKind is what a store makes of If-None-Match.
type storeKind struct {
	name    string
	refusal int // it answers this to the header; 0: it knows it
	deaf    bool
}

var storeKinds = []storeKind{
	{"honours it", 0, false}, {"answers 501", 501, false}, {"answers 400", 400, false}, {"answers 403", 403, false}, {"does not look at it", 0, true},
}

// put answers as such a store does.
func (k storeKind) put(l *lab, w http.ResponseWriter, r *http.Request) {
	conditional := r.Header.Get("If-None-Match") != ""
	switch {
	case conditional && k.refusal != 0:
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(k.refusal)
		return
	case k.deaf:
		r.Header.Del("If-None-Match")
	}
	l.keep(w, r)
}

// sends lists the PUTs as they came: "-" without a condition, "*" with one.
func conditions(l *lab, next http.HandlerFunc) (*[]string, http.HandlerFunc) {
	list := &[]string{}
	return list, func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		if r.Header.Get("If-None-Match") == "*" {
			*list = append(*list, "*")
		} else {
			*list = append(*list, "-")
		}
		l.mu.Unlock()
		next(w, r)
	}
}

// queued is an API that knows of no upload, whatever was uploaded.
func queued(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"status": "queued"}`)
}

// TestClient_whatIsStoredIsNotSentAgain: the first PUT is stored and its answer
// lost. What follows depends on what store and API can tell.
func TestClient_whatIsStoredIsNotSentAgain(t *testing.T) {
	for _, tc := range []struct {
		name        string
		ask         http.HandlerFunc
		kind        int // of storeKinds
		puts        string
		evaluations int
		mayRepeat   bool
	}{
		{"the API knows", nil, 0, "-", 1, false},
		{"the API knows, the store refuses the condition", nil, 1, "-", 1, false},
		{"the API has not seen it yet", queued, 0, "-*", 1, false},
		{"the API has no such call", mute, 0, "-*", 1, false},
		{"the API does not answer", unwell, 0, "-*", 1, false},
		{"nobody knows: 501", queued, 1, "-*-", 2, true},
		{"nobody knows: 400", queued, 2, "-*-", 2, true},
		{"nobody knows: 403", queued, 3, "-*-", 2, true},
		{"nobody can say: 501", mute, 1, "-*-", 2, true},
		{"no answer, and 403", unwell, 3, "-*-", 2, true},
		{"the store does not look at the condition, and nobody knows", mute, 4, "-*", 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = tc.ask
			puts, answer := conditions(l, func(w http.ResponseWriter, r *http.Request) {
				if len(l.putPaths()) == 1 {
					l.keep(httptest.NewRecorder(), r)
					abort(w, r, 0)
					return
				}
				storeKinds[tc.kind].put(l, w, r)
			})
			l.onPut = answer
			c := l.client()
			i, all := newImport(c, 1000)
			out := l.attempt(c, i)
			wantClass(t, out, RetrySame, ReasonNetwork)
			for n := 0; out.Class != Stored && n < 10; n++ {
				out = l.attempt(c, i)
			}
			wantClass(t, out, Stored, "")
			if n, equal := l.stored(all); n != 1 || !equal || l.postCount() != 1 || out.RequestID != "req-1" {
				t.Errorf("%d objects, equal %t, %d URLs, request %q", n, equal, l.postCount(), out.RequestID)
			}
			if got := strings.Join(*puts, ""); got != tc.puts || l.evaluations() != tc.evaluations || i.MayRepeat() != tc.mayRepeat {
				t.Errorf("PUTs %q, %d evaluations, may repeat %t; want %q, %d, %t", got, l.evaluations(), i.MayRepeat(), tc.puts, tc.evaluations, tc.mayRepeat)
			}
			if i.Ambiguous() {
				t.Error("ambiguous although it is stored")
			}
		})
	}
}

// unwell is an API that answers no question now.
func unwell(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusServiceUnavailable) }

// TestClient_whereNobodyCanTellRepeatsEndWithTheLostAnswers: a store that does not
// look at the condition, beside an API that does not know the upload yet. Each lost
// answer costs one evaluation at most, until an answer arrives or the API knows.
func TestClient_whereNobodyCanTellRepeatsEndWithTheLostAnswers(t *testing.T) {
	const lost = 5
	for _, tc := range []struct {
		name        string
		knows       bool // the API, after the last lost answer
		evaluations int
	}{{"the API knows in the end", true, lost}, {"it never does", false, lost + 1}} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = func(w http.ResponseWriter, r *http.Request) {
				if tc.knows && len(l.putPaths()) == lost {
					l.tell(w, r)
					return
				}
				queued(w, r)
			}
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				r.Header.Del("If-None-Match")
				if len(l.putPaths()) <= lost {
					l.keep(httptest.NewRecorder(), r)
					abort(w, r, 0)
					return
				}
				l.keep(w, r)
			}
			c := l.client()
			i, all := newImport(c, 100)
			out := l.attempt(c, i)
			for n := 0; out.Class == RetrySame && n < 20; n++ {
				out = l.attempt(c, i)
			}
			wantClass(t, out, Stored, "")
			if n, equal := l.stored(all); n == 0 || !equal || l.evaluations() != tc.evaluations || l.postCount() != 1 {
				t.Errorf("%d evaluations, want %d; %d URLs, equal %t", l.evaluations(), tc.evaluations, l.postCount(), equal)
			}
		})
	}
}

// TestClient_remembersWhatAStoreMakesOfTheCondition for every later import.
func TestClient_remembersWhatAStoreMakesOfTheCondition(t *testing.T) {
	for n, kind := range storeKinds {
		t.Run(kind.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = mute
			var logged bytes.Buffer
			l.cfg.Log = slog.New(slog.NewTextHandler(&logged, nil))
			lose := true
			puts, answer := conditions(l, func(w http.ResponseWriter, r *http.Request) {
				if lose {
					lose = false
					l.keep(httptest.NewRecorder(), r)
					abort(w, r, 0)
					return
				}
				kind.put(l, w, r)
			})
			l.onPut = answer
			c := l.client()
			var later []string
			asked := 0
			for round := range 3 {
				lose, *puts, asked = true, nil, l.askCount()
				i, _ := newImport(c, 1000)
				for range 6 {
					if l.attempt(c, i).Class == Stored {
						break
					}
				}
				if round > 0 {
					later = append(later, strings.Join(*puts, ""))
				}
			}
			want := []string{"-*", "-*"}
			if kind.refusal != 0 {
				want = []string{"--", "--"}
			}
			if !slices.Equal(later, want) {
				t.Errorf("later PUTs %q, want %q", later, want)
			}
			if honours := n == 0; (l.askCount() == asked) != honours {
				t.Errorf("%d questions about the last import", l.askCount()-asked)
			}
			if refused := strings.Count(logged.String(), "refuses a conditional upload"); refused > 1 || (refused == 1) != (kind.refusal != 0) {
				t.Errorf("logged %d times:\n%s", refused, &logged)
			}
			if n := strings.Count(logged.String(), "does not say what became"); n != 1 {
				t.Errorf("told %d times that nothing can be asked:\n%s", n, &logged)
			}
		})
	}
}

// TestClient_aRefusalThatTheConditionDidNotCauseTeachesNothing: the URL is
// forbidden, with the condition and without.
func TestClient_aRefusalThatTheConditionDidNotCauseTeachesNothing(t *testing.T) {
	for _, tc := range []struct {
		status int
		last   Class
	}{{403, RetryNew}, {400, Refused}} {
		l := newLab(t)
		l.onAsk = queued
		puts, answer := conditions(l, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if len(l.putPaths()) > 1 {
				w.WriteHeader(tc.status)
				return
			}
			w.WriteHeader(http.StatusInternalServerError)
		})
		l.onPut = answer
		c := l.client()
		i, _ := newImport(c, 100)
		wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
		wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
		if out := l.attempt(c, i); out.Class != tc.last {
			t.Errorf("%d ends as %s, want %s", tc.status, out.Class, tc.last)
		}
		if strings.Join(*puts, "") != "-*-" || l.at(c).condition.Load() != conditionUnknown || i.MayRepeat() {
			t.Errorf("%d: PUTs %v, condition %d, may repeat %t", tc.status, *puts, l.at(c).condition.Load(), i.MayRepeat())
		}
	}
}

// TestClient_aStoreThatHonoursTheConditionIsBelieved: its 403 is about the URL,
// and its 501 is a fault that passes.
func TestClient_aStoreThatHonoursTheConditionIsBelieved(t *testing.T) {
	for _, tc := range []struct {
		status int
		class  Class
	}{{403, RetryNew}, {501, RetrySame}, {409, RetrySame}} {
		l := newLab(t)
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			if len(l.putPaths()) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			w.WriteHeader(tc.status)
		}
		c := l.client()
		l.at(c).condition.Store(conditionHonoured)
		i, _ := newImport(c, 100)
		l.attempt(c, i)
		if out := l.attempt(c, i); out.Class != tc.class || !l.at(c).honours() || l.askCount() != 0 {
			t.Errorf("%d: %s, condition %d, %d questions", tc.status, out.Class, l.at(c).condition.Load(), l.askCount())
		}
	}
}

// TestClient_refusedWhatMayBeStored: a batch that the store refuses for good
// after it may have stored it is asked about first.
func TestClient_refusedWhatMayBeStored(t *testing.T) {
	l := newLab(t)
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if len(l.putPaths()) == 1 {
			l.keep(httptest.NewRecorder(), r)
			abort(w, r, 0)
			return
		}
		refuse(w, http.StatusRequestEntityTooLarge)
	}
	c := l.client()
	l.at(c).condition.Store(conditionHonoured)
	i, _ := newImport(c, 100)
	l.attempt(c, i)
	wantClass(t, l.attempt(c, i), Stored, "")
}

// TestClient_asksBeforeAURLIsGivenUp that may have taken the batch.
func TestClient_asksBeforeAURLIsGivenUp(t *testing.T) {
	for _, tc := range []struct {
		name      string
		ask       http.HandlerFunc
		stored    bool // by the first PUT
		attempts  int  // after the URL was given up, until it is stored
		asks      int  // likewise
		posts     int
		mayRepeat bool
	}{
		{"it has arrived", nil, true, 1, 1, 1, false},
		{"it has not", nil, false, 1, 1, 2, true},
		{"the API has no such call", mute, true, 1, 1, 2, true},
		{"the key may not read", forbidden, true, 1, 1, 2, true},
		{"the key is refused", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusUnauthorized) }, true, 1, 2, 2, true},
		{"no answer to many questions", unwell, true, asksInVain, asksInVain + 1, 2, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = tc.ask
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				switch len(l.putPaths()) {
				case 1:
					if tc.stored {
						l.keep(httptest.NewRecorder(), r)
					} else {
						_, _ = io.Copy(io.Discard, r.Body)
					}
					abort(w, r, 0)
				case 2:
					w.WriteHeader(http.StatusForbidden)
				default:
					l.keep(w, r)
				}
			}
			c := l.client()
			l.at(c).condition.Store(conditionHonoured) // so that 403 is about the URL
			i, _ := newImport(c, 100)
			wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
			wantClass(t, l.attempt(c, i), RetryNew, ReasonExpired)
			if !i.Ambiguous() || i.MayRepeat() || l.askCount() != 0 {
				t.Fatalf("ambiguous %t, may repeat %t, %d questions before the URL is replaced", i.Ambiguous(), i.MayRepeat(), l.askCount())
			}
			attempts := 1
			out := l.attempt(c, i)
			for ; out.Class != Stored && attempts < 20; attempts++ {
				wantClass(t, out, RetryLater, ReasonServerError)
				if out.Operation != OperationAsk || out.Delay <= 0 {
					t.Fatalf("outcome %+v", out)
				}
				out = l.attempt(c, i)
			}
			if attempts != tc.attempts || l.askCount() != tc.asks || l.postCount() != tc.posts || i.MayRepeat() != tc.mayRepeat {
				t.Errorf("%d attempts, %d questions, %d URLs, may repeat %t; want %d, %d, %d, %t",
					attempts, l.askCount(), l.postCount(), i.MayRepeat(), tc.attempts, tc.asks, tc.posts, tc.mayRepeat)
			}
			if i.Ambiguous() || out.RequestID == "" {
				t.Errorf("ambiguous %t, request %q", i.Ambiguous(), out.RequestID)
			}
		})
	}
}

// TestClient_asksOnceMoreWhenTheAPIIsBack: it answers no question until it has
// given another URL, and then that the first one has taken the batch.
func TestClient_asksOnceMoreWhenTheAPIIsBack(t *testing.T) {
	l := newLab(t)
	l.onAsk = func(w http.ResponseWriter, r *http.Request) {
		if l.postCount() < 2 {
			unwell(w, r)
			return
		}
		l.tell(w, r)
	}
	l.onPut = l.keepUnheard
	c := l.client()
	l.at(c).condition.Store(conditionHonoured)
	i, _ := newImport(c, 100)
	out := l.attempt(c, i)
	for n := 0; out.Class != Stored && n < 20; n++ {
		out = l.attempt(c, i)
	}
	if out.Class != Stored || out.RequestID != "req-1" || i.RequestID() != "req-1" || l.postCount() != 2 || i.MayRepeat() || l.evaluations() != 1 {
		t.Errorf("outcome %+v, %d URLs, may repeat %t, %d evaluations", out, l.postCount(), i.MayRepeat(), l.evaluations())
	}
}

func forbidden(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusForbidden) }

// TestClient_anOutageOfTheAPIGivesUpNothing: the URL ends while neither question
// nor create call is answered. Once the API is back it says that the batch is there.
func TestClient_anOutageOfTheAPIGivesUpNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		down := false
		l.onPost = func(w http.ResponseWriter, r *http.Request) {
			if down {
				unwell(w, r)
				return
			}
			l.grant(w, r)
		}
		l.onAsk = func(w http.ResponseWriter, r *http.Request) {
			if down {
				unwell(w, r)
				return
			}
			l.tell(w, r)
		}
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			l.keep(httptest.NewRecorder(), r)
			w.WriteHeader(http.StatusBadGateway)
		}
		c := l.client()
		i, _ := newImport(c, 100)
		wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
		down = true
		time.Sleep(12 * time.Hour)
		for range 50 {
			out := l.attempt(c, i)
			wantClass(t, out, RetryLater, ReasonServerError)
			time.Sleep(out.Delay)
		}
		down = false
		wantClass(t, l.attempt(c, i), Stored, "")
		if l.evaluations() != 1 || i.MayRepeat() || i.RequestID() != "req-1" {
			t.Errorf("%d evaluations, may repeat %t, request %s", l.evaluations(), i.MayRepeat(), i.RequestID())
		}
	})
}

// TestClient_aQuestionWaitsAsLongAsItWasTold, and the conditional repeat does not
// wait for it.
func TestClient_aQuestionWaitsAsLongAsItWasTold(t *testing.T) {
	inBubble(t, func(t *testing.T, l *lab) {
		l.onAsk = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusInternalServerError)
		}
		c := l.client()
		i, _ := newImport(c, 100)
		for range 100 {
			wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
			time.Sleep(time.Second)
		}
		if l.askCount() != 2 || len(l.putPaths()) != 100 {
			t.Errorf("%d questions and %d PUTs in 100 s", l.askCount(), len(l.putPaths()))
		}
	})
}

func TestClient_resolve(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ask   http.HandlerFunc
		class Class
	}{
		{"it has arrived", text(`{"status":"ingesting"}`), Stored},
		{"and been evaluated", text(`{"status":"succeeded","data_count":1}`), Stored},
		{"and been refused", text(`{"status":"failed","error_summary":"` + secretText + `"}`), Stored},
		{"pending", text(`{"status":"pending_upload"}`), Unproven},
		{"queued", queued, Unproven},
		{"uploading", text(`{"status":"uploading"}`), Unproven},
		{"a state that nobody documented", text(`{"status":"` + secretText + `"}`), Unproven},
		{"no such call", mute, Unproven},
		{"the call with another method", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 405) }, Unproven},
		{"a key that may not read", forbidden, Unproven},
		{"the call is not implemented", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 501) }, Unproven},
		{"a refused key", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 401) }, RetryLater},
		{"an API that is not well", unwell, RetryLater},
		{"an API that throttles", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 429) }, RetryLater},
		{"a lock", func(w http.ResponseWriter, _ *http.Request) { refuse(w, 409) }, RetryLater},
		{"no answer", func(w http.ResponseWriter, r *http.Request) { abort(w, r, 0) }, RetryLater},
		{"a page", text("<html>" + secretText), Malformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = tc.ask
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				abort(w, r, 0)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			if out := l.checked(i.Resolve(t.Context(), nil)); out.Class != Unproven || l.askCount() != 0 {
				t.Errorf("before anything was sent: %+v, %d questions", out, l.askCount())
			}
			l.attempt(c, i)
			out := l.checked(i.Resolve(t.Context(), nil))
			if out.Class != tc.class || out.Operation != OperationAsk || out.RequestID != "req-1" || i.Attempts() != 1 {
				t.Errorf("outcome %+v, want %s", out, tc.class)
			}
			if (out.Delay > 0) != (tc.class == RetryLater || tc.class == Malformed) {
				t.Errorf("delay %s", out.Delay)
			}
			if i.Ambiguous() != (tc.class != Stored) || l.postCount() != 1 {
				t.Errorf("ambiguous %t, %d URLs", i.Ambiguous(), l.postCount())
			}
		})
	}
}
