package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

const (
	testCapacity = 64 << 10
	testCeiling  = 100 << 10
)

// borrower is one call of lend and what has come of it.
type borrower struct {
	id     int
	size   int64
	cancel context.CancelFunc
	lease  *Buffer
	err    error
	over   bool // lend has returned
}

// generous returns an allowance whose owner has room for everything.
func generous(t *testing.T, capacity, ceiling int64) *Allowance {
	a := NewAllowance(capacity, ceiling)
	ctx := t.Context()
	go func() {
		for {
			select {
			case <-a.Asked:
				a.Grant(a.Wanted())
			case <-ctx.Done():
				return
			}
		}
	}()
	return a
}

// allowancePlay drives an allowance and a naive model of it with the same
// operations, one at a time.
type allowancePlay struct {
	t         *testing.T
	a         *Allowance
	used      int64       // of the model
	waiting   []*borrower // of the model, in order of arrival
	lent      []*borrower // of the model
	borrowers []*borrower
	story     []string
}

func (p *allowancePlay) tell(format string, args ...any) {
	p.story = append(p.story, fmt.Sprintf(format, args...))
}

func (p *allowancePlay) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\nafter: %s", fmt.Sprintf(format, args...), strings.Join(p.story, "; "))
}

// fits is the rule: one that is larger than the capacity goes alone.
func (p *allowancePlay) fits(n int64) bool { return p.used == 0 || p.used+n <= testCapacity }

func (p *allowancePlay) grant(b *borrower) {
	p.used += b.size
	p.lent = append(p.lent, b)
}

func (p *allowancePlay) wake() {
	for len(p.waiting) > 0 && p.fits(p.waiting[0].size) {
		b := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.grant(b)
	}
}

func (p *allowancePlay) lend(size int64) {
	ctx, cancel := context.WithCancel(p.t.Context())
	b := &borrower{id: len(p.borrowers), size: size, cancel: cancel}
	p.borrowers = append(p.borrowers, b)
	p.tell("%d wants %d", b.id, size)
	go func() {
		b.lease, b.err = p.a.Lend(ctx, size)
		b.over = true
	}()
	synctest.Wait()
	switch {
	case size > testCeiling:
		if !errors.Is(b.err, errOverCeiling) {
			p.fatalf("%d bytes: %v, want %v", size, b.err, errOverCeiling)
		}
	case len(p.waiting) == 0 && p.fits(size):
		p.grant(b)
	default:
		p.waiting = append(p.waiting, b)
	}
}

func (p *allowancePlay) release(i int) {
	b := p.lent[i]
	p.lent = append(p.lent[:i:i], p.lent[i+1:]...)
	p.tell("%d gives back", b.id)
	for _, at := range []int{0, len(b.lease.Bytes) - 1} {
		if b.lease.Bytes[at] != byte(b.id) {
			p.fatalf("somebody else has written into the buffer of %d", b.id)
		}
	}
	b.lease.Release()
	p.used -= b.size
	p.wake()
}

func (p *allowancePlay) giveUp(i int) {
	b := p.waiting[i]
	p.waiting = append(p.waiting[:i:i], p.waiting[i+1:]...)
	p.tell("%d gives up", b.id)
	b.cancel()
	p.wake()
}

// compare checks everything that can be seen against the model.
func (p *allowancePlay) compare() {
	p.t.Helper()
	synctest.Wait()
	if got := p.a.Used(); got != p.used {
		p.fatalf("%d bytes are lent, want %d", got, p.used)
	}
	lent := map[int]bool{}
	for _, b := range p.lent {
		lent[b.id] = true
		if !b.over || b.err != nil {
			p.fatalf("%d is not served (error %v)", b.id, b.err)
		}
		if int64(len(b.lease.Bytes)) < b.size {
			p.fatalf("%d has %d bytes, wanted %d", b.id, len(b.lease.Bytes), b.size)
		}
		b.lease.Bytes[0], b.lease.Bytes[len(b.lease.Bytes)-1] = byte(b.id), byte(b.id)
	}
	for _, b := range p.waiting {
		if b.over {
			p.fatalf("%d is served before its turn", b.id)
		}
	}
}

// TestAllowance_model plays random calls: service in the order of arrival,
// never more than the capacity but for one alone, nothing lost by those who
// give up.
func TestAllowance_model(t *testing.T) {
	sizes := []int64{4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10, 70 << 10, testCeiling, testCeiling + 1}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				p := &allowancePlay{t: t, a: generous(t, testCapacity, testCeiling)}
				for range 200 {
					switch r := rng.IntN(10); {
					case r < 5:
						p.lend(sizes[rng.IntN(len(sizes))])
					case r < 9 && len(p.lent) > 0:
						p.release(rng.IntN(len(p.lent)))
					case len(p.waiting) > 0:
						p.giveUp(rng.IntN(len(p.waiting)))
					}
					p.compare()
				}
				for len(p.lent)+len(p.waiting) > 0 {
					if len(p.lent) > 0 {
						p.release(0)
					}
					p.compare()
				}
				if p.a.Used() != 0 {
					p.fatalf("%d bytes are lent at the end", p.a.Used())
				}
				for _, b := range p.borrowers {
					b.cancel()
				}
			})
		})
	}
}

func TestAllowance_servesASmallOneOnlyAfterALargeOneBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &allowancePlay{t: t, a: generous(t, testCapacity, testCeiling)}
		p.lend(32 << 10)
		p.lend(64 << 10) // waits for all
		p.lend(4 << 10)  // would fit, but must not overtake
		p.compare()
		if len(p.waiting) != 2 {
			t.Fatalf("%d wait, want 2", len(p.waiting))
		}
		p.release(0)
		p.compare()
		p.release(0)
		p.compare()
		p.release(0)
		p.compare()
	})
}

func TestAllowance_givesALargeOneThatIsNotAPowerOfTwo(t *testing.T) {
	a := generous(t, testCapacity, testCeiling)
	for range 3 { // also out of what came back
		l, err := a.Lend(t.Context(), testCeiling-7)
		if err != nil || len(l.Bytes) < testCeiling-7 || a.Used() > testCeiling {
			t.Fatalf("%d bytes, %d used, %v", len(l.Bytes), a.Used(), err)
		}
		l.Release()
		small, err := a.Lend(t.Context(), 33<<10) // of the same class of size
		if err != nil || len(small.Bytes) < 33<<10 {
			t.Fatalf("%d bytes, %v", len(small.Bytes), err)
		}
		small.Release()
	}
	if a.Used() != 0 {
		t.Errorf("%d bytes are lent at the end", a.Used())
	}
}

func TestAllowance_reusesBuffers(t *testing.T) {
	a := generous(t, testCapacity, testCeiling)
	l, err := a.Lend(t.Context(), 10<<10)
	if err != nil {
		t.Fatal(err)
	}
	before := &l.Bytes[0]
	l.Release()
	if l, err = a.Lend(t.Context(), 12<<10); err != nil {
		t.Fatal(err)
	}
	if &l.Bytes[0] != before {
		t.Error("a buffer of the same class of size was not used again")
	}
	l.Release()
}

func TestLease_isGivenBackByTheLastHolder(t *testing.T) {
	a := generous(t, testCapacity, testCeiling)
	l, err := a.Lend(t.Context(), 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	if l.retain() != l {
		t.Error("retain gives another lease")
	}
	if l.Release(); a.Used() != 4<<10 {
		t.Errorf("%d bytes are lent while one holder is left", a.Used())
	}
	if l.Release(); a.Used() != 0 {
		t.Errorf("%d bytes are lent after the last release", a.Used())
	}
	defer func() {
		if recover() == nil {
			t.Error("releasing once too often goes unnoticed")
		}
	}()
	l.Release()
}

// TestAllowance_concurrent is for the race detector: lending, giving back and
// giving up at once, with the cancellation often just when the turn has come.
func TestAllowance_concurrent(t *testing.T) {
	a := generous(t, testCapacity, testCeiling)
	var wg sync.WaitGroup
	for id := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(id), 2))
			for range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if rng.IntN(3) == 0 {
					go cancel()
				}
				l, err := a.Lend(ctx, 1+rng.Int64N(testCeiling))
				if err == nil {
					for i := 0; i < len(l.Bytes); i += 512 {
						l.Bytes[i] = byte(id)
					}
					for i := 0; i < len(l.Bytes); i += 512 {
						if l.Bytes[i] != byte(id) {
							t.Error("a buffer is lent twice at once")
							break
						}
					}
					l.Release()
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if a.Used() != 0 {
		t.Errorf("%d bytes are lent at the end", a.Used())
	}
}

func TestAllowance_largeOnesWaitForTheirOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAllowance(testCapacity, testCeiling)
		small, err := a.Lend(t.Context(), 4<<10)
		if err != nil || a.Wanted() != 0 {
			t.Fatalf("small request: %v, %d wanted", err, a.Wanted())
		}
		var large *Buffer
		go func() { large, _ = a.Lend(t.Context(), 70<<10) }()
		if synctest.Wait(); a.Wanted() != 0 {
			t.Fatalf("%d wanted before its turn", a.Wanted())
		}
		small.Release()
		<-a.Asked
		if a.Wanted() != 70<<10 {
			t.Fatalf("%d wanted, want %d", a.Wanted(), 70<<10)
		}
		if a.Grant(a.Wanted() - 1); a.Wanted() != 70<<10 {
			t.Fatal("a grant of less was taken")
		}
		if synctest.Wait(); large != nil {
			t.Fatal("served before it was granted")
		}
		a.Grant(a.Wanted())
		if synctest.Wait(); large == nil || a.Wanted() != 0 {
			t.Fatalf("granted, but not served (%d wanted)", a.Wanted())
		}
		large.Release()

		ctx, giveUp := context.WithCancel(t.Context())
		go func() { large, _ = a.Lend(ctx, 80<<10) }()
		<-a.Asked
		giveUp()
		synctest.Wait()
		if a.Wanted() != 0 || a.Used() != 0 {
			t.Errorf("after giving up %d are wanted, %d used", a.Wanted(), a.Used())
		}
	})
}

// A grant is for one request: the next large one needs its own, since the owner
// made room once.
func TestAllowance_aGrantServesOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAllowance(testCapacity, testCeiling)
		served := make(chan *Buffer, 2)
		for range 2 {
			go func() {
				l, err := a.Lend(t.Context(), 70<<10)
				if err != nil {
					t.Error(err)
				}
				served <- l
			}()
		}
		synctest.Wait()
		a.Grant(a.Wanted())
		(<-served).Release()
		if synctest.Wait(); len(served) != 0 || a.Wanted() != 70<<10 {
			t.Errorf("%d more are served, %d wanted", len(served), a.Wanted())
		}
		a.Grant(a.Wanted())
		(<-served).Release()
	})
}

// What is lent and what is kept for reuse together stay within the capacity.
func TestAllowance_keepsNoMoreThanItMayLend(t *testing.T) {
	a := generous(t, testCapacity, testCeiling)
	var small []*Buffer
	for range testCapacity / (4 << 10) {
		l, err := a.Lend(t.Context(), 4<<10)
		if err != nil {
			t.Fatal(err)
		}
		small = append(small, l)
	}
	for _, l := range small {
		l.Release()
	}
	l, err := a.Lend(t.Context(), 32<<10)
	if err != nil {
		t.Fatal(err)
	}
	if a.used+a.idle > a.capacity {
		t.Errorf("%d bytes are lent and %d kept, the capacity is %d", a.used, a.idle, a.capacity)
	}
	l.Release()
}

// Who gives up just when it is granted gives back what was counted for it.
func TestAllowance_givingUpTooLateTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewAllowance(testCapacity, testCeiling)
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if l, err := a.Lend(ctx, 70<<10); err == nil {
					l.Release()
				}
			}()
			<-a.Asked
			synctest.Wait()
			cancel()
			a.Grant(a.Wanted())
			l, err := a.Lend(t.Context(), testCapacity)
			if err != nil || a.Used() != testCapacity || a.Wanted() != 0 {
				t.Fatalf("%v, %d bytes are lent, %d wanted", err, a.Used(), a.Wanted())
			}
			l.Release()
		}
	})
}
