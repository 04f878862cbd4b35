package follow

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kafka-import-bridge/internal/importer"
	"kafka-import-bridge/internal/receipt"
)

// An import that the API did not name cannot be asked about.
func TestFollower_asksForNothingWithoutAName(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		w.store("users", "", end{})
		if time.Sleep(time.Hour); w.questions() != 0 || w.finished("users", StatusUnfollowed) != 1 {
			t.Errorf("%d questions", w.questions())
		}
	})
}

// A follower that rests is woken by what is stored, and asks no more about what has
// ended.
func TestFollower_asksInTimeAndNoMoreAtTheEnd(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		time.Sleep(90 * time.Second)
		stored := time.Now()
		w.store("users", "a", end{as: succeeded})
		time.Sleep(time.Minute)
		if w.questions() != 1 || w.asked[0].at.Sub(stored) != firstQuestion {
			t.Errorf("asked %d times, first after %s", w.questions(), w.asked[0].at.Sub(stored))
		}
		if r := w.f.Report(); r.ImportsFollowed != 0 {
			t.Errorf("%d are followed", r.ImportsFollowed)
		}
	})
}

// Only an import that the API does not know three times in a row is given up.
func TestFollower_givesUpWhatIsMissingThreeTimesInARow(t *testing.T) {
	inWorld(t, usual, func(t *testing.T, w *world) {
		missing := &importer.AskError{Status: 404}
		answers := []error{missing, missing, nil, missing, missing, missing}
		w.store("users", "a", end{after: 10 * time.Hour})
		w.store("users", "other", end{after: 10 * time.Hour})
		w.store("users", "third", end{after: 10 * time.Hour})
		var given atomic.Int32
		w.mu.Lock()
		w.during = func() {
			e := w.ends["a"]
			if e.err = nil; w.asked[len(w.asked)-1].id == "a" && int(given.Load()) < len(answers) {
				e.err = answers[given.Add(1)-1]
			}
			w.ends["a"] = e
		}
		w.mu.Unlock()
		for int(given.Load()) < len(answers) {
			time.Sleep(time.Second)
			if left := len(answers) - int(given.Load()); left > 1 && w.status("a") == StatusUnknown {
				t.Fatalf("given up with %d answers to come", left)
			}
		}
		if time.Sleep(time.Second); w.status("a") != StatusUnknown {
			t.Errorf("after three answers it is %s", w.status("a"))
		}
	})
}

// A message is logged once a minute, with the count of what was left out.
func TestFollower_warnsOnceAMinute(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 1}, func(t *testing.T, w *world) {
		for range 60 {
			w.store("users", "", end{})
			time.Sleep(time.Second)
		}
		w.store("users", "", end{})
		log := w.log.String()
		if n := strings.Count(log, "more imports than are followed"); n != 2 || !strings.Contains(log, "repeated=59") {
			t.Errorf("told %d times:\n%s", n, log)
		}
	})
}

// A refused key, or the only import's denial, says something of all; several kinds of
// trouble are told one after the other.
func TestHealth_judges(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for _, tc := range []struct {
		status, followed int
		rests            bool
	}{{401, 100, true}, {403, 100, false}, {403, 1, true}, {404, 2, false}, {503, 100, true}} {
		var h health
		if _, rest := h.failed(tc.status, 0, tc.followed, now, 0.5); (rest > 0) != tc.rests {
			t.Errorf("%d of one of %d imports: all rest for %s", tc.status, tc.followed, rest)
		}
	}
	var h health
	var told []bool
	for _, status := range []int{503, 500, 401, 401, 503} {
		news, _ := h.failed(status, 0, 1, now, 0.5)
		told = append(told, news)
	}
	if fmt.Sprint(told) != "[true false true false true]" {
		t.Errorf("told: %v", told)
	}
}

// The receipts that are kept stay bounded, and give their memory back.
func TestFollower_keepsBoundedlyManyReceipts(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 1_000_000}, func(t *testing.T, w *world) {
		large := &receipt.Receipt{Pieces: make([]receipt.Piece, 10_000)}
		var kept []*Import
		for range 2 * maxKept / cost(large) {
			e := &Import{}
			if w.f.keep(e, large); e.receipt != nil {
				kept = append(kept, e)
			}
		}
		if got := int64(len(kept)) * cost(large); got > maxKept || got < maxKept-cost(large) || w.f.kept != got {
			t.Errorf("%d bytes are kept, %d counted", got, w.f.kept)
		}
		for _, e := range kept {
			w.f.drop(e)
		}
		if w.f.kept != 0 {
			t.Errorf("%d bytes are counted at the end", w.f.kept)
		}
	})
}

// A failed import is shown once, and of many the latest.
func TestLatest_keepsTheLatest(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 1000}, func(t *testing.T, w *world) {
		w.store("users", "bad", end{as: failed})
		if time.Sleep(time.Minute); len(w.f.Report().Imports) != 1 {
			t.Errorf("one import is shown as %+v", w.f.Report().Imports)
		}
	})
	var r ring
	for i := range 7 {
		r.push(&Import{RequestID: fmt.Sprint(i)}, 3)
	}
	got := ""
	for _, i := range r.list {
		got += i.RequestID
	}
	if got != "645" {
		t.Errorf("the ring has %s, want the latest three", got)
	}
}

// TestFollower_storedSearchesNothing: the session's loop waits for Stored, thousands of
// times a second where there are very many namespaces. So Run is woken, and searches what
// is followed, only where it would look too late.
func TestFollower_storedSearchesNothing(t *testing.T) {
	inWorld(t, Config{MaxAge: time.Hour, MaxImports: 10_000}, func(t *testing.T, w *world) {
		f := New(w.f.cfg, w, nil, w.f.log, w.f.metrics) // does not run
		store := func(namespace string) {
			f.Stored(w.receiptOf(namespace, "id-"+namespace, time.Now()))
		}
		if f.next(time.Now()); len(f.wake) > 0 {
			t.Fatal("woken by nothing")
		}
		if store("a"); len(f.wake) != 1 {
			t.Fatal("not woken though it would rest for longer than the first question may wait")
		}
		<-f.wake
		for i := range 100 {
			time.Sleep(time.Millisecond)
			store(fmt.Sprint(i))
			if len(f.wake) > 0 {
				t.Fatalf("woken by the import %d, though it looks in time", i)
			}
		}
	})
}
