package fetch

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"
)

// errOverCeiling is returned for memory that the budget can never give.
var errOverCeiling = errors.New("larger than BRIDGE_BUFFER_MAX_BYTES has room for: raise it")

// Allowance is a share of the buffer budget that fetchers draw their buffers
// from. Requests are served in order; one that is larger than the allowance is
// served alone, up to the ceiling, and if the allowance has an owner, not before
// the owner has made room for it elsewhere in the budget. It keeps returned
// buffers for reuse. Safe for concurrent use.
type Allowance struct {
	capacity, Ceiling int64
	Asked             chan struct{} // receives when Wanted has changed, for the owner; nil: no owner

	mu      sync.Mutex
	used    int64
	waiting []*allowanceWaiter // in order of arrival
	free    [64][][]byte       // by size class, used+idle <= capacity
	idle    int64
	granted int64 // what the owner has room for beyond the capacity
}

type allowanceWaiter struct {
	n     int64
	ready chan struct{}
}

func NewAllowance(capacity, ceiling int64) *Allowance {
	return &Allowance{capacity: capacity, Ceiling: max(capacity, ceiling)}
}

// Own makes the caller the allowance's owner, who has to grant what is larger
// than the capacity. Call it before anything is lent.
func (a *Allowance) Own() *Allowance {
	a.Asked = make(chan struct{}, 1)
	return a
}

// Wanted is the size of the large request whose turn it is, 0 if there is none.
func (a *Allowance) Wanted() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.Asked == nil || len(a.waiting) == 0 || a.waiting[0].n <= a.capacity {
		return 0
	}
	return a.waiting[0].n
}

// Grant lends up to n bytes to one request, once nothing else is lent.
func (a *Allowance) Grant(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.granted = n
	a.wake()
}

// Used is the number of bytes that are lent.
func (a *Allowance) Used() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.used
}

// Lend waits for n bytes of the allowance and returns them as a lease that one
// holder owns. It fails when ctx ends or n is beyond the ceiling.
func (a *Allowance) Lend(ctx context.Context, n int64) (*Buffer, error) {
	size := sizeClass(n)
	if size > a.Ceiling {
		if size = n; n > a.Ceiling {
			return nil, errOverCeiling
		}
	}
	a.mu.Lock()
	if len(a.waiting) == 0 && a.fits(size) {
		l := a.take(size)
		a.mu.Unlock()
		return l, nil
	}
	w := &allowanceWaiter{n: size, ready: make(chan struct{})}
	a.waiting = append(a.waiting, w)
	a.ask()
	a.mu.Unlock()
	select {
	case <-w.ready:
		a.mu.Lock()
		defer a.mu.Unlock()
		a.used -= size // wake reserved it; take counts it again
		return a.take(size), nil
	case <-ctx.Done():
		return nil, a.leave(w, ctx.Err())
	}
}

// leave takes a waiter that gives up out of the queue.
func (a *Allowance) leave(w *allowanceWaiter, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i, other := range a.waiting {
		if other == w {
			a.waiting = append(a.waiting[:i], a.waiting[i+1:]...)
			a.granted = 0
			a.wake()
			return err
		}
	}
	a.used -= w.n // it had been served just now
	a.wake()
	return err
}

func (a *Allowance) fits(n int64) bool {
	if n > a.capacity && a.Asked != nil && n > a.granted {
		return false
	}
	return a.used == 0 || a.used+n <= a.capacity
}

// ask notifies the owner of a large request at the head, unless it has granted
// it already. Call with mu held.
func (a *Allowance) ask() {
	if a.Asked == nil || len(a.waiting) == 0 || a.waiting[0].n <= max(a.capacity, a.granted) {
		return
	}
	select {
	case a.Asked <- struct{}{}:
	default:
	}
}

// take lends a buffer of size bytes. Call with mu held.
func (a *Allowance) take(size int64) *Buffer {
	a.used += size
	l := &Buffer{from: a, size: size}
	l.refs.Store(1)
	class := bits.Len64(uint64(size - 1))
	if n := len(a.free[class]); n > 0 && int64(cap(a.free[class][n-1])) >= size {
		l.Bytes = a.free[class][n-1]
		a.free[class] = a.free[class][:n-1]
		a.idle -= int64(cap(l.Bytes))
	} else {
		a.evict()
		l.Bytes = make([]byte, size)
	}
	return l
}

// evict drops idle buffers until what is lent and idle fits the allowance.
func (a *Allowance) evict() {
	for c := range a.free {
		for len(a.free[c]) > 0 && a.used+a.idle > a.capacity {
			n := len(a.free[c]) - 1
			a.idle -= int64(cap(a.free[c][n]))
			a.free[c][n] = nil
			a.free[c] = a.free[c][:n]
		}
	}
}

func (a *Allowance) giveBack(l *Buffer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.used -= l.size
	if a.used+a.idle+l.size <= a.capacity {
		class := bits.Len64(uint64(l.size - 1))
		a.free[class] = append(a.free[class], l.Bytes)
		a.idle += l.size
	}
	l.Bytes = nil
	a.wake()
}

// wake serves waiters in order. Call with mu held.
func (a *Allowance) wake() {
	for len(a.waiting) > 0 && a.fits(a.waiting[0].n) {
		w := a.waiting[0]
		a.waiting = a.waiting[1:]
		a.used += w.n
		if w.n > a.capacity {
			a.granted = 0
		}
		close(w.ready)
	}
	a.ask()
}

// sizeClass rounds up to a power of two, at least 4 KiB, so that buffers find
// another use.
func sizeClass(n int64) int64 {
	if n <= 4<<10 {
		return 4 << 10
	}
	return 1 << bits.Len64(uint64(n-1))
}

// Buffer is a buffer out of an allowance. Whoever keeps a slice of it holds a
// reference; the last release gives the buffer back, after which nobody may
// touch it.
type Buffer struct {
	from  *Allowance
	size  int64
	Bytes []byte
	refs  atomic.Int32
}

func (l *Buffer) retain() *Buffer {
	l.refs.Add(1)
	return l
}

func (l *Buffer) Release() {
	switch n := l.refs.Add(-1); {
	case n == 0:
		l.from.giveBack(l)
	case n < 0:
		panic("lease released twice")
	}
}
