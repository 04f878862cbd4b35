package batcher

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// load adds lines the way a session does: sealed batches are released at once.
type load struct {
	b     *Batcher
	line  []byte
	now   time.Time
	names []string
	picks []int // indices of names, in the order of adding
	next  int
}

func newLoad(namespaces int, skewed bool) *load {
	l := &load{b: New(wide(), NewPool()), line: bytes.Repeat([]byte("x"), 1023), now: time.UnixMilli(0)}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range namespaces {
		l.names = append(l.names, fmt.Sprintf("namespace-%d", i))
	}
	zipf := rand.NewZipf(rnd, 1.2, 1, uint64(namespaces-1))
	for range 1 << 17 {
		if skewed {
			l.picks = append(l.picks, int(zipf.Uint64()))
		} else {
			l.picks = append(l.picks, rnd.IntN(namespaces))
		}
	}
	return l
}

func (l *load) add() {
	open, sealed, err := l.b.Add(l.names[l.picks[l.next%len(l.picks)]], l.line, 0, l.now)
	l.next++
	if err != nil {
		panic(err)
	}
	if sealed != nil {
		sealed.Release()
	}
	if l.b.SealFull(open) {
		open.Release()
	}
}

// addWithin is add with a memory budget of 256 MiB, as the session keeps it.
func (l *load) addWithin() {
	if l.b.pool.InUse() > 256<<20 {
		if largest, ok := l.b.SealLargest(); ok {
			largest.Release()
		}
	}
	l.add()
}

func TestBatcher_addDoesNotAllocate(t *testing.T) {
	l := newLoad(20, true)
	for range 300_000 { // until the pool holds the blocks that batches take in turn
		l.add()
	}
	// A batch of 8 MiB costs a few allocations, its 8,000 lines none.
	if allocs := testing.AllocsPerRun(50_000, l.add); allocs != 0 {
		t.Errorf("Add allocates %v times, want 0", allocs)
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, bc := range []struct {
		name       string
		namespaces int
		skewed     bool
	}{
		{"20 skewed namespaces", 20, true},
		{"100000 namespaces", 100_000, false},
	} {
		b.Run(bc.name, func(b *testing.B) {
			l := newLoad(bc.namespaces, bc.skewed)
			for range len(l.picks) {
				l.addWithin()
			}
			b.SetBytes(int64(len(l.line) + 1))
			b.ReportAllocs()
			for b.Loop() {
				l.addWithin()
			}
		})
	}
}
