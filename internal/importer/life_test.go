package importer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

var lifeSeed = flag.Uint64("life-seed", 0, "play this seed of TestImport_life alone")

// TestImport_life draws stores, APIs and faults, and lives one import after the
// other among them. Whatever happens:
//
//   - Stored is said of nothing that the store has not accepted;
//   - the store accepts a batch once only, unless MayRepeat says so;
//   - the first PUT to a URL has no condition;
//   - once the faults end it is stored.
//
// Two evaluations can be hidden by a store that ignores the condition together
// with an API that does not always tell the truth at once: not asserted then.
func TestImport_life(t *testing.T) {
	if *lifeSeed != 0 {
		inBubble(t, func(t *testing.T, l *lab) { live(t, l, *lifeSeed) })
		return
	}
	base := uint64(time.Now().UnixNano())
	repeats := 0
	for n := range uint64(400) {
		inBubble(t, func(t *testing.T, l *lab) { repeats += live(t, l, base+n) })
		if t.Failed() {
			t.Fatalf("play it again: go test ./internal/importer -run TestImport_life -life-seed=%d", base+n)
		}
	}
	if repeats == 0 {
		t.Error("no life had a repeat: the faults are too mild")
	}
}

// life is the world of one seed.
type life struct {
	*lab
	rnd   *rand.Rand // guarded by lab.mu
	store storeKind
	api   int // one of the constants below
	calm  atomic.Bool
	seen  map[string]int // PUTs by path
	told  map[string]int // questions by path, after it was stored
	early atomic.Bool    // a first PUT to a URL had a condition
}

// How an API answers questions.
const (
	apiTruthful = iota
	apiLate     // it says queued a few times before it knows
	apiMute     // 404
	apiClosed   // 403
	apiMoody    // 503 and 429 every other time
	apiSick     // 503 until the calm
	apiKinds
)

// live plays one seed and returns how many batches were accepted twice.
func live(t *testing.T, l *lab, seed uint64) (repeats int) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := &life{lab: l, rnd: rnd, store: storeKinds[rnd.IntN(len(storeKinds))], api: rnd.IntN(apiKinds)}
	l.cfg.Rand = func() float64 { return float64(w.draw(1000)) / 1000 }
	l.onPut, l.onAsk, l.onPost = w.put, w.answer, w.post
	c := l.client()
	for range 3 {
		w.clear()
		i, all := newImport(c, 1+w.draw(5000))
		stored := w.strive(t, c, i)
		n, equal := l.stored(all)
		evaluations := l.evaluations()
		switch {
		case !stored:
			t.Errorf("%s: not stored after the faults have ended", w)
		case n == 0 || !equal:
			t.Errorf("%s: told as stored, %d objects, equal %t", w, n, equal)
		case evaluations > 1 && !i.MayRepeat() && (!w.store.deaf || w.api == apiTruthful):
			t.Errorf("%s: %d evaluations and nobody is told", w, evaluations)
		}
		if evaluations > 1 {
			repeats++
		}
	}
	if w.early.Load() {
		t.Error("the first PUT to a URL had a condition")
	}
	return repeats
}

// clear forgets what an earlier import has left.
func (w *life) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen, w.told, w.objects, w.taken = map[string]int{}, map[string]int{}, map[string][]byte{}, map[string]int{}
}

// strive makes attempts, first among faults and then in calm.
func (w *life) strive(t *testing.T, c *Client, i *Import) (stored bool) {
	faulty := 1 + w.draw(12)
	for n := range faulty + 40 {
		w.calm.Store(n >= faulty)
		ctx, cancel := context.WithCancel(t.Context())
		var guard func() error
		if !w.calm.Load() && w.draw(12) == 0 {
			left := w.draw(4)
			guard = func() error {
				if left--; left < 0 {
					return errors.New("lease lost")
				}
				return nil
			}
		}
		if !w.calm.Load() && w.draw(15) == 0 {
			time.AfterFunc(time.Duration(w.draw(int(3*time.Second))), cancel)
		}
		out := w.checked(i.Attempt(ctx, guard))
		cancel()
		if out.Class == Stored {
			return true
		}
		time.Sleep(out.Delay)
		if !w.calm.Load() && w.draw(20) == 0 {
			time.Sleep(12 * time.Hour)
		}
		if !w.calm.Load() && i.Ambiguous() && w.draw(10) == 0 {
			if w.checked(i.Resolve(t.Context(), nil)).Class == Stored {
				return true
			}
		}
	}
	return false
}

// draw returns a number in [0, n).
func (w *life) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// count counts one more of a path.
func (w *life) count(of map[string]int, path string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	of[path]++
	return of[path]
}

func (w *life) post(rw http.ResponseWriter, r *http.Request) {
	if !w.calm.Load() && w.draw(4) == 0 {
		refuse(rw, []int{500, 503, 429, 302}[w.draw(4)])
		return
	}
	w.grant(rw, r)
}

// put is the store: a fault, or what its kind makes of the PUT.
func (w *life) put(rw http.ResponseWriter, r *http.Request) {
	if w.count(w.seen, r.URL.Path) == 1 && r.Header.Get("If-None-Match") != "" {
		w.early.Store(true)
	}
	fault := w.draw(18)
	if w.calm.Load() {
		fault = 17
	}
	switch fault {
	case 0, 1, 2, 3: // what became of it, told to nobody
		w.store.put(w.lab, httptest.NewRecorder(), r)
		abort(rw, r, 0)
	case 4, 5: // likewise, but for a gateway's answer
		w.store.put(w.lab, httptest.NewRecorder(), r)
		rw.WriteHeader(http.StatusBadGateway)
	case 6:
		abort(rw, r, r.ContentLength/2)
	case 7:
		abort(rw, r, r.ContentLength)
	case 8, 9, 10:
		_, _ = io.Copy(io.Discard, r.Body)
		rw.WriteHeader([]int{500, 503, 429, 409, 307}[w.draw(5)])
	case 11:
		rw.WriteHeader(http.StatusForbidden)
	case 12:
		time.Sleep(10 * time.Minute)
	case 13:
		w.store.put(w.lab, httptest.NewRecorder(), r)
		time.Sleep(10 * time.Minute)
	case 14: // likewise, but for a proxy's page
		w.store.put(w.lab, httptest.NewRecorder(), r)
		page(rw, http.StatusOK)
	case 15:
		_, _ = io.Copy(io.Discard, r.Body)
		page(rw, http.StatusOK)
	default:
		w.store.put(w.lab, rw, r)
	}
}

// answer is the API's, to the question where an upload is.
func (w *life) answer(rw http.ResponseWriter, r *http.Request) {
	switch w.api {
	case apiMute:
		mute(rw, r)
	case apiClosed:
		forbidden(rw, r)
	case apiLate:
		if w.count(w.told, r.URL.Path) < 3 {
			queued(rw, r)
			return
		}
		w.tell(rw, r)
	case apiMoody, apiSick:
		if !w.calm.Load() && (w.api == apiSick || w.draw(2) == 0) {
			refuse(rw, []int{503, 429}[w.draw(2)])
			return
		}
		w.tell(rw, r)
	default:
		w.tell(rw, r)
	}
}

// String names the store and the API for messages.
func (w *life) String() string { return fmt.Sprintf("store that %s, API %d", w.store.name, w.api) }
