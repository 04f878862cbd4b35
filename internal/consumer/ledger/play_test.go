package ledger

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// script answers the questions of a world, 0 at its end.
type script struct {
	bytes []byte
	at    int
}

func (s *script) n(below int) int {
	if s.at >= len(s.bytes) {
		return 0
	}
	s.at++
	return int(s.bytes[s.at-1]) % below
}

func randomScript(seed uint64) []byte {
	rnd := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 20+rnd.IntN(780))
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

func TestPartition_agreesWithModel(t *testing.T) {
	first, count := rand.Uint64(), uint64(2000)
	if testing.Short() {
		count = 300
	}
	for seed := first; seed < first+count; seed++ {
		play(t, fmt.Sprintf("seed %d", seed), randomScript(seed))
	}
}

func FuzzPartition(f *testing.F) {
	for seed := range uint64(32) {
		f.Add(randomScript(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) { play(t, "script", b[:min(len(b), 2000)]) })
}

// play runs a script to its end, and then until everything is stored.
func play(t *testing.T, name string, b []byte) {
	t.Helper()
	w := &world{T: t, name: name, in: &script{bytes: b}, stored: map[fact]int{}}
	w.strict = w.in.n(4) == 0
	w.committed.heir = newModel(0, 0)
	w.begin()
	for w.in.at < len(b) {
		w.step()
		w.check()
	}
	w.finish()
}

func (w *world) step() {
	switch op := w.in.n(24); op {
	case 0, 1, 2, 3, 4:
		w.read(1+w.in.n(8), true)
	case 5, 6:
		w.seal(w.anyRoute())
	case 7, 8:
		w.store(w.anyRoute())
	case 9:
		w.storePart(w.anyRoute())
	case 10, 11, 12:
		w.answerLetter(op == 10)
	case 13:
		w.shed(w.anyName())
	case 14, 15, 16:
		w.catchUp(w.anyName(), 1+w.in.n(8))
	case 17, 18:
		w.commit(w.anyLimit())
	case 19:
		w.commit(w.anyLimit())
		if w.in.n(3) == 0 {
			w.roomy = w.strict || !w.roomy
		}
		w.begin()
	case 20:
		if !w.strict { // a crash
			w.roomy = w.roomy && w.in.n(2) == 0
			w.begin()
		}
	case 21:
		w.commit(w.anyLimit())
		w.release()
		w.begin()
	case 22:
		if !w.strict {
			w.commit(w.anyLimit())
			w.reroute()
			w.begin()
		}
	default:
		w.misuse()
	}
}

func (w *world) anyName() string {
	names := slices.Sorted(maps.Keys(w.routes))
	if len(names) == 0 {
		return "none"
	}
	return names[w.in.n(len(names))]
}

func (w *world) anyRoute() *route { return w.route(w.anyName()) }

func (w *world) anyLimit() int {
	const plenty = 1 << 20
	switch w.in.n(4) {
	case 0:
		return plenty
	case 1:
		return max(w.in.n(256), w.limitFloor())
	case 2:
		return max(80+w.in.n(80), w.limitFloor())
	default:
		return max(80+16*w.in.n(256), w.limitFloor())
	}
}

func (w *world) limitFloor() int {
	if w.strict {
		return MaxMetadata
	}
	return 0
}

func (w *world) answerLetter(tooLarge bool) {
	if len(w.letters) == 0 {
		return
	}
	i := w.in.n(len(w.letters))
	n := w.letters[i]
	w.letters = slices.Delete(w.letters, i, i+1)
	if !tooLarge {
		w.settle(n)
		return
	}
	w.p.Become(n, HeldRecord)
	j, _ := slices.BinarySearchFunc(w.log, n.First, func(e entry, o int64) int { return int(e.offset - o) })
	w.log[j].verdict = hold
}

// release makes the held records valid from the next owner on, which has room
// for large batches.
func (w *world) release() {
	w.roomy = true
	for i := range w.log {
		if e := &w.log[i]; e.verdict == hold && !w.inRange(e.offset) {
			e.verdict, e.lines = valid, w.pickRoutes()
			if w.strict {
				e.lines = e.lines[:1]
			}
		}
	}
}

// reroute changes the namespaces of every record from the next owner on. A line
// that is new counts as stored if all of its record was.
func (w *world) reroute() {
	w.epoch++
	old, stored := slices.Clone(w.log), map[fact]int{}
	for i, e := range old {
		all := true
		for _, f := range e.facts() {
			all = all && w.stored[f] > 0
		}
		if e.verdict == valid {
			w.log[i].lines = w.pickRoutes()
		}
		for _, f := range w.log[i].facts() {
			if all {
				stored[f] = 1
			}
		}
	}
	w.stored = stored
	c := &w.committed
	below := min(c.frontier.Below, firstException(c.frontier))
	c.heir = c.heir.rerouted(below, old, w.log)
	c.frontier = c.frontier.Rerouted()
	w.compare(New(c.offset, c.frontier), c.heir)
}

// misuse makes calls that must change nothing.
func (w *world) misuse() {
	text, _ := w.p.Encode(Metadata{}, MaxMetadata)
	if w.settled != nil {
		if err := w.p.Settle(w.settled); !errors.Is(err, ErrSettled) {
			w.failf("settle twice: %v", err)
		}
		if err := w.p.Shift(w.settled, 1<<40, 0); !errors.Is(err, ErrSettled) {
			w.failf("shift of a settled node: %v", err)
		}
	}
	if mark := w.p.Watermark(); mark > 0 {
		if _, err := w.p.Track(Batch, "n", mark-1, 0, time.Time{}); !errors.Is(err, ErrBackward) {
			w.failf("track below the watermark: %v", err)
		}
		if _, err := w.p.TrackSingle(DeadLetter, "", mark-1, 0, time.Time{}); !errors.Is(err, ErrBackward) {
			w.failf("track a record below the watermark: %v", err)
		}
		if n := w.p.Oldest(); n != nil {
			if err := w.p.SettleTo(n, n.First-1, 0); !errors.Is(err, ErrBackward) {
				w.failf("shift back: %v", err)
			}
		}
	}
	w.p.Advance(w.p.Position() - 1)
	if after, _ := w.p.Encode(Metadata{}, MaxMetadata); after != text {
		w.failf("misuse changed %q to %q", text, after)
	}
}
