package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

const big = 8 << 20 // more than socket buffers hold

// mute is an API that does not know the status call.
func mute(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func TestClient_lostAnswerIsRepeatedUnderTheSameURL(t *testing.T) {
	for _, size := range []int{100, big} {
		l := newLab(t)
		l.onAsk = mute
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			if len(l.putPaths()) == 8 {
				l.keep(w, r)
				return
			}
			l.keep(httptest.NewRecorder(), r)
			abort(w, r, 0)
		}
		c := l.client()
		i, all := newImport(c, size)
		for n := 1; n < 8; n++ {
			wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
			if !i.Ambiguous() {
				t.Fatal("a lost answer is not ambiguous")
			}
		}
		wantClass(t, l.attempt(c, i), Stored, "")
		if n, equal := l.stored(all); n != 1 || !equal || l.postCount() != 1 || i.MayRepeat() || l.evaluations() != 1 {
			t.Errorf("%d objects, equal: %t, %d POSTs, may repeat: %t, %d evaluations", n, equal, l.postCount(), i.MayRepeat(), l.evaluations())
		}
	}
}

func TestClient_repeatedResetsEndInANewURL(t *testing.T) {
	for _, tc := range []struct {
		name  string
		read  int64 // -1: everything
		tries int
		dup   bool
	}{
		{"before the body", 0, 3, false},
		{"in the body", big / 2, 3, false},
		{"after the body", -1, 8, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = mute
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				if len(l.putPaths()) > tc.tries {
					l.keep(w, r)
					return
				}
				n := tc.read
				if n < 0 {
					n = big
				}
				abort(w, r, n)
			}
			c := l.client()
			i, all := newImport(c, big)
			for n := 1; n < tc.tries; n++ {
				wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
				if i.Ambiguous() != tc.dup {
					t.Fatalf("ambiguous %t", i.Ambiguous())
				}
			}
			wantClass(t, l.attempt(c, i), RetryNew, ReasonNetwork)
			if i.MayRepeat() || i.Ambiguous() != tc.dup {
				t.Errorf("may repeat %t, ambiguous %t", i.MayRepeat(), i.Ambiguous())
			}
			wantClass(t, l.attempt(c, i), Stored, "")
			if i.MayRepeat() != tc.dup || i.Ambiguous() {
				t.Errorf("then may repeat %t, ambiguous %t", i.MayRepeat(), i.Ambiguous())
			}
			if n, equal := l.stored(all); n != 1 || !equal || l.postCount() != 2 {
				t.Errorf("%d objects, equal: %t, %d POSTs", n, equal, l.postCount())
			}
		})
	}
}

// TestClient_undocumentedAnswersAfterALostOne: the batch is stored and the
// answer lost; then a proxy redirects for a while. Only the first URL shows that
// it is stored.
func TestClient_undocumentedAnswersAfterALostOne(t *testing.T) {
	for _, tc := range []struct {
		name           string
		lost           bool
		redirects      int
		last           Class // of the last redirect
		posts, objects int
		mayRepeat      bool
	}{
		{"a few", true, lostBeforeNewURLAmbiguous - 2, Malformed, 1, 1, false},
		{"too many in a row", true, lostBeforeNewURLAmbiguous - 1, RetryNew, 2, 2, true},
		{"one where nothing was sent whole", false, 1, Malformed, 2, 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLab(t)
			l.onAsk = mute
			left := tc.redirects
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				switch {
				case tc.lost && len(l.putPaths()) == 1:
					l.keep(w, r)
					abort(w, r, 0)
				case left > 0:
					left--
					w.WriteHeader(http.StatusTemporaryRedirect)
				default:
					l.keep(w, r)
				}
			}
			c := l.client()
			i, all := newImport(c, 100)
			if tc.lost {
				wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
			}
			for range tc.redirects - 1 {
				wantClass(t, l.attempt(c, i), Malformed, ReasonMalformed)
			}
			wantClass(t, l.attempt(c, i), tc.last, ReasonMalformed)
			wantClass(t, l.attempt(c, i), Stored, "")
			if n, equal := l.stored(all); n != tc.objects || !equal {
				t.Errorf("%d objects, want %d; equal: %t", n, tc.objects, equal)
			}
			if l.postCount() != tc.posts || i.MayRepeat() != tc.mayRepeat {
				t.Errorf("%d POSTs, may repeat %t; want %d, %t", l.postCount(), i.MayRepeat(), tc.posts, tc.mayRepeat)
			}
		})
	}
}

func TestClient_unreachableStoreKeepsTheURL(t *testing.T) {
	l := newLab(t)
	dial := (&net.Dialer{}).DialContext
	var down atomic.Bool
	l.cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if down.Load() && addr == l.store.Listener.Addr().String() {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("down")}
		}
		return dial(ctx, network, addr)
	}
	c := l.client()
	i, _ := newImport(c, 100)
	down.Store(true)
	for range 20 {
		wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
	}
	down.Store(false)
	wantClass(t, l.attempt(c, i), Stored, "")
	if l.postCount() != 1 {
		t.Errorf("%d POSTs", l.postCount())
	}
}

// A URL at whose address nobody ever listens is replaced, unless the batch may
// be stored under it.
func TestClient_deadURLIsReplaced(t *testing.T) {
	for _, ambiguous := range []bool{false, true} {
		t.Run(fmt.Sprintf("ambiguous %t", ambiguous), func(t *testing.T) {
			l := newLab(t)
			if ambiguous {
				l.onPut = func(w http.ResponseWriter, r *http.Request) {
					_, _ = io.Copy(io.Discard, r.Body)
					w.WriteHeader(http.StatusInternalServerError)
				}
			}
			dial := (&net.Dialer{}).DialContext
			var down atomic.Bool
			l.cfg.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if down.Load() && addr == l.store.Listener.Addr().String() {
					return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("nobody")}
				}
				return dial(ctx, network, addr)
			}
			c := l.client()
			i, _ := newImport(c, 100)
			if ambiguous {
				wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
				c.Close()
			}
			down.Store(true)
			for n := 1; n < unreachedBeforeNewURL; n++ {
				wantClass(t, l.attempt(c, i), RetrySame, ReasonNetwork)
			}
			want := RetryNew
			if ambiguous {
				want = RetrySame
			}
			wantClass(t, l.attempt(c, i), want, ReasonNetwork)
			if i.MayRepeat() {
				t.Error("a repeat is possible, though nothing was sent or the URL was kept")
			}
		})
	}
}

func TestClient_serverErrorsKeepTheURL(t *testing.T) {
	l := newLab(t)
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if len(l.putPaths()) > 20 {
			l.keep(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	c := l.client()
	i, _ := newImport(c, 100)
	for range 20 {
		out := l.attempt(c, i)
		wantClass(t, out, RetrySame, ReasonServerError)
		if out.Delay < 3*time.Second {
			t.Fatalf("delay %s", out.Delay)
		}
	}
	wantClass(t, l.attempt(c, i), Stored, "")
	if l.postCount() != 1 {
		t.Errorf("%d POSTs", l.postCount())
	}
}

func TestClient_forbiddenURLIsReplaced(t *testing.T) {
	l := newLab(t)
	l.onPut = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
	c := l.client()
	i, _ := newImport(c, 100)
	var last time.Duration
	for n := range 5 {
		out := l.attempt(c, i)
		wantClass(t, out, RetryNew, ReasonExpired)
		if out.Delay <= last {
			t.Errorf("delay %s after %s", out.Delay, last)
		}
		last = out.Delay
		if l.postCount() != n+1 {
			t.Errorf("%d POSTs after %d refusals", l.postCount(), n+1)
		}
	}
	paths := l.putPaths()
	if slices.Sort(paths); len(slices.Compact(paths)) != 5 {
		t.Errorf("URLs %v", paths)
	}
}

// TestClient_earlyAnswerBeatsTheReset: the store answers and closes with the
// body unread, so that the kernel resets the connection. It ignores Expect.
func TestClient_earlyAnswerBeatsTheReset(t *testing.T) {
	for range 20 {
		l := newLab(t)
		l.onPut = func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			_, _ = fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		}
		c := l.client()
		l.at(c).noExpect.Store(true)
		i, _ := newImport(c, big)
		wantClass(t, l.attempt(c, i), RetryNew, ReasonExpired)
	}
}

func TestClient_expectRefused(t *testing.T) {
	l := newLab(t)
	l.onPut = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Expect") != "" {
			w.WriteHeader(http.StatusExpectationFailed)
			return
		}
		l.keep(w, r)
	}
	c := l.client()
	i, _ := newImport(c, big)
	wantClass(t, l.attempt(c, i), RetrySame, ReasonServerError)
	wantClass(t, l.attempt(c, i), Stored, "")
	if i.Ambiguous() || l.askCount() != 0 {
		t.Errorf("ambiguous: %t, %d questions", i.Ambiguous(), l.askCount())
	}
}

func TestClient_uploadEndsInBoundedTime(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer http.HandlerFunc
		class  Class
		reason string
	}{
		{"stored, then a drip", drip(200), Stored, ""},
		{"stored, then no end", endless(200), Stored, ""},
		{"a refusal without end", endless(503), RetrySame, ReasonServerError},
		{"a forbidden URL without end", endless(403), RetryNew, ReasonExpired},
		{"a header of 1 MB", bigHeader, RetrySame, ReasonNetwork},
		{"no answer", silence, RetrySame, ReasonTimeout},
		{"a body nobody reads", func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 1)
			time.Sleep(700 * time.Millisecond)
		}, RetrySame, ReasonTimeout},
		{"stored, says someone who read nothing", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
		}, Malformed, ReasonMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, l *lab) {
				l.cfg.UploadTimeout = 500 * time.Millisecond
				l.onPut = tc.answer
				c := l.client()
				i, _ := newImport(c, big)
				if d := took(func() { wantClass(t, l.attempt(c, i), tc.class, tc.reason) }); d > l.cfg.UploadTimeout {
					t.Errorf("it took %s", d)
				}
			})
		})
	}
}

// TestClient_nothingIsStoredBeforeItsLastByte: the last piece of the body is on its way, and
// whoever says that it is stored has not read it.
func TestClient_nothingIsStoredBeforeItsLastByte(t *testing.T) {
	for unread, want := range map[int64]Class{10_000: Malformed, 0: Stored} {
		inBubble(t, func(t *testing.T, l *lab) {
			l.onPut = func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.CopyN(io.Discard, r.Body, r.ContentLength-unread)
				w.Header().Set("Connection", "close")
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
			c := l.client()
			i, _ := newImport(c, 100_000)
			if out := l.attempt(c, i); out.Class != want || i.Ambiguous() != (want == Malformed) {
				t.Errorf("%d bytes unread: %s, ambiguous %t, error %v", unread, out.Class, i.Ambiguous(), out.Err)
			}
		})
	}
}

// TestClient_guardEndsTheBody: whenever the guard fails, nothing is stored, and
// the attempt is no outcome.
func TestClient_guardEndsTheBody(t *testing.T) {
	lost := errors.New("lease lost")
	for _, allowed := range []int{0, 1, 2, 3, 8} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			l := newLab(t)
			c := l.client()
			i, all := newImport(c, big)
			var asked atomic.Int64
			out := l.checked(i.Attempt(t.Context(), func() error {
				if asked.Add(1) > int64(allowed) {
					return lost
				}
				return nil
			}))
			if out.Class != Cancelled || !errors.Is(out.Err, lost) || out.Delay != 0 || out.Reason != "" {
				t.Fatalf("outcome %+v", out)
			}
			if n, _ := l.stored(nil); n != 0 || i.Ambiguous() {
				t.Errorf("%d objects, ambiguous %t", n, i.Ambiguous())
			}
			wantClass(t, l.attempt(c, i), Stored, "")
			if n, equal := l.stored(all); n != 1 || !equal {
				t.Errorf("%d objects, equal: %t", n, equal)
			}
		})
	}
}

func TestClient_cancelledContext(t *testing.T) {
	for _, operation := range []string{OperationCreate, OperationUpload} {
		l := newLab(t)
		ctx, cancel := context.WithCancelCause(t.Context())
		hang := func(w http.ResponseWriter, r *http.Request) {
			cancel(errors.New("drain is over"))
			silence(w, r)
		}
		if operation == OperationCreate {
			l.onPost = hang
		} else {
			l.onPut = hang
		}
		c := l.client()
		i, _ := newImport(c, 100)
		out := l.checked(i.Attempt(ctx, nil))
		if out.Class != Cancelled || out.Operation != operation || !errors.Is(out.Err, context.Canceled) {
			t.Errorf("outcome %+v", out)
		}
	}
}

// TestClient_blocksAreFreeAfterAttempt: the race detector sees a transport that
// still reads blocks which the caller already fills with something else, and
// the store must never get that.
func TestClient_blocksAreFreeAfterAttempt(t *testing.T) {
	for _, answer := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, // Go's client goes on sending
		func(w http.ResponseWriter, r *http.Request) { abort(w, r, big/2) },
		func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil || bytes.Contains(body, []byte("POISON")) {
				t.Error("poison was stored")
			}
		},
	} {
		l := newLab(t)
		l.cfg.UploadTimeout = 5 * time.Millisecond
		l.onPut = answer
		c := l.client()
		for range 5 {
			blocks, _ := batch(big)
			var reads atomic.Int64
			l.checked(c.NewImport("orders", blocks, big).Attempt(t.Context(), func() error {
				if reads.Add(1) > 6 {
					return errors.New("enough")
				}
				return nil
			}))
			for _, b := range blocks {
				copy(b, bytes.Repeat([]byte("POISON"), len(b)/6+1))
			}
		}
	}
}

// TestClient_prepares a URL that the next attempt uses, and counts one that
// nothing is sent to.
func TestClient_prepares(t *testing.T) {
	l := newLab(t)
	c := l.client()
	prepare := func(i *Import) Outcome {
		t.Helper()
		return l.checked(i.Prepare(t.Context(), nil))
	}
	i, all := newImport(c, 1000)
	for range 2 {
		if out := prepare(i); out.Class != Stored || out.RequestID != "req-1" {
			t.Fatalf("outcome %+v", out)
		}
	}
	wantClass(t, l.attempt(c, i), Stored, "")
	i.Drop()
	if n, equal := l.stored(all); n != 1 || !equal || l.postCount() != 1 || i.Attempts() != 1 {
		t.Errorf("%d objects, equal %t, %d POSTs, %d attempts", n, equal, l.postCount(), i.Attempts())
	}
	if n := testutil.ToFloat64(c.metrics.unused); n != 0 {
		t.Errorf("%v URLs count as unused", n)
	}
	other, _ := newImport(c, 100)
	prepare(other)
	other.Drop()
	if n := testutil.ToFloat64(c.metrics.unused); n != 1 {
		t.Errorf("%v URLs count as unused, want 1", n)
	}
	l.onPost = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	if out := prepare(other); out.Class != RetryLater || out.Delay <= 0 {
		t.Errorf("outcome %+v", out)
	}
}

func TestClient_probeGetsItsBodyLater(t *testing.T) {
	l := newLab(t)
	c := l.client()
	i := c.NewImport("orders", nil, 0)
	wantClass(t, l.create(c, i), Stored, "")
	if out := l.attempt(c, i); out.Class != Cancelled || !errors.Is(out.Err, errNoBody) {
		t.Fatalf("an empty object: %+v", out)
	}
	blocks, all := batch(1000)
	i.SetBody(blocks, 1000)
	wantClass(t, l.attempt(c, i), Stored, "")
	if n, equal := l.stored(all); n != 1 || !equal || l.postCount() != 1 {
		t.Errorf("%d objects, equal: %t, %d POSTs", n, equal, l.postCount())
	}
	i.SetBody(blocks, 1000)
	wantClass(t, l.attempt(c, i), Stored, "")
	if l.postCount() != 2 {
		t.Error("a URL was used for two bodies")
	}
}
