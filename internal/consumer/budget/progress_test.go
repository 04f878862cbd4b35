package budget

import (
	"math/rand/v2"
	"testing"
	"time"
)

// world is a naive session: one log, read in order, whose lines wait in memory
// until their namespace stores them, is shed, or waits for memory.
type world struct {
	*Budget
	taste   *Taste
	log     []lineOf
	at      int
	memory  map[int]int64 // by namespace
	broken  map[int]bool
	trouble map[int]time.Time // since when
	shed    map[int]bool
	last    time.Time // something was stored
	stored  map[int]int64
	now     time.Time
}

type lineOf struct {
	namespace int
	bytes     int64
}

func (w *world) held() (sum int64) {
	for _, n := range w.memory {
		sum += n
	}
	return sum
}

// step reads while it may, then lets every namespace make its attempt.
func (w *world) step(t *testing.T) {
	for w.at < len(w.log) {
		l := w.log[w.at]
		if !w.taste.Allows(w.now) || !w.room(l) {
			break
		}
		w.at++
		w.taste.Read(l.bytes)
		if !w.shed[l.namespace] {
			w.memory[l.namespace] += l.bytes
		}
		if (w.Limit() - w.Free()) > w.Limit() {
			t.Fatalf("%d bytes are used of %d", (w.Limit() - w.Free()), w.Limit())
		}
	}
	for n, bytes := range w.memory {
		switch {
		case bytes == 0:
		case w.broken[n]:
			if w.trouble[n].IsZero() {
				w.trouble[n] = w.now
			}
		default:
			w.stored[n] += bytes
			delete(w.memory, n)
			w.last = w.now
			w.taste.Stored()
		}
	}
	w.now = w.now.Add(time.Second)
}

func (w *world) room(l lineOf) bool {
	need := l.bytes - w.Free()
	if need <= 0 || w.shed[l.namespace] {
		return true
	}
	var holders []Holder[int]
	for n, bytes := range w.memory {
		if since := w.trouble[n]; !since.IsZero() {
			holders = append(holders, Holder[int]{n, bytes, w.last.After(since)})
		} else if bytes > 0 {
			return false // it may store: its memory is awaited
		}
	}
	for _, v := range Victims(holders, need, 100, w.taste.Allows(w.now)) {
		if !v.Evidence {
			w.taste.Begin(w.now)
		}
		w.shed[v.Namespace] = true
		delete(w.memory, v.Namespace)
	}
	return w.Free() >= l.bytes
}

// TestProgress_noTroubleStopsTheOthers: whoever can store has stored everything
// within a time that is bounded by what the log holds, however much of it belongs
// to namespaces that cannot.
func TestProgress_noTroubleStopsTheOthers(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		const limit, interval = 1000, time.Minute
		w := &world{
			taste: NewTaste(limit, interval), memory: map[int]int64{}, broken: map[int]bool{}, trouble: map[int]time.Time{}, shed: map[int]bool{}, stored: map[int]int64{},
			now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		}
		w.Budget = New(limit, Sources{Reading: func() int64 { return limit / 4 }, Batches: w.held})
		namespaces := 1 + rng.IntN(12)
		for n := range namespaces {
			w.broken[n] = rng.IntN(2) == 0
		}
		want := map[int]int64{}
		var total int64
		for range rng.IntN(4000) {
			l := lineOf{rng.IntN(namespaces), 1 + rng.Int64N(40)}
			if len(w.log) > 0 && rng.IntN(4) > 0 {
				l.namespace = w.log[len(w.log)-1].namespace // long runs
			}
			w.log = append(w.log, l)
			total += l.bytes
			if !w.broken[l.namespace] {
				want[l.namespace] += l.bytes
			}
		}
		intervals := 2 + int(total/limit)
		for range intervals * int(interval/time.Second) {
			w.step(t)
		}
		for n, bytes := range want {
			if w.stored[n] != bytes {
				t.Fatalf("namespace %d has stored %d of %d bytes after %d intervals; read %d of %d lines, broken %v", n, w.stored[n], bytes, intervals, w.at, len(w.log), w.broken)
			}
		}
	}
}

// TestTaste_aGeneralOutageIsReadSlowly: while nothing at all is stored, at most
// one limit of bytes is read in each interval beyond what memory holds.
func TestTaste_aGeneralOutageIsReadSlowly(t *testing.T) {
	const limit, interval = 1000, time.Minute
	w := &world{
		taste: NewTaste(limit, interval), memory: map[int]int64{}, broken: map[int]bool{0: true, 1: true, 2: true}, trouble: map[int]time.Time{}, shed: map[int]bool{}, stored: map[int]int64{},
		now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	w.Budget = New(limit, Sources{Reading: func() int64 { return limit / 4 }, Batches: w.held})
	for i := range 100000 {
		w.log = append(w.log, lineOf{i / 100 % 3, 10})
	}
	const minutes = 30
	for range minutes * 60 {
		w.step(t)
	}
	if read, most := int64(w.at)*10, int64((minutes+2)*limit); read > most || read < minutes*limit/2 {
		t.Errorf("%d bytes were read in %d minutes, want about a limit of %d in each", read, minutes, limit)
	}
	// The first success ends the taste: nothing holds the others back any more.
	w.broken[1] = false
	w.shed[1] = false
	for range 3 * 60 {
		w.step(t)
	}
	if w.at != len(w.log) {
		t.Errorf("%d of %d lines are read after one namespace stores again", w.at, len(w.log))
	}
}

// Who gives way while a taste is under way makes it no longer.
func TestTaste_isOneForAll(t *testing.T) {
	now := time.UnixMilli(0)
	taste := NewTaste(10, time.Minute)
	taste.Begin(now)
	taste.Read(10)
	taste.Begin(now.Add(time.Second))
	if taste.Allows(now.Add(time.Minute - 1)) {
		t.Error("a second victim begins a taste of its own")
	}
	if !taste.Allows(now.Add(time.Minute)) {
		t.Error("the taste is not renewed")
	}
}
