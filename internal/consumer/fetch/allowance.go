package fetch

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"
)

// errOverCeiling is returned for memory that the budget can never give.
var errOverCeiling = errors.New("larger than BRIDGE_BUFFER_MAX_BYTES has room for: raise it")

// Allowance is a share of the buffer budget that fetchers draw their buffers
// from. Requests are served in order; one that is larger than the capacity is
// served alone, up to the ceiling, and not before the owner of the allowance has
// made room for it elsewhere in the budget: see Grant. It keeps returned buffers
// for reuse. Safe for concurrent use.
type Allowance struct {
	capacity, Ceiling int64
	Asked             chan struct{}       // receives when something is Wanted, for the owner
	turns             *semaphore.Weighted // of the capacity, all of which a larger request takes

	mu      sync.Mutex
	used    int64
	free    [64][][]byte // by size class, used+idle <= capacity
	idle    int64
	wanted  int64         // of the owner, 0: nothing
	granted chan struct{} // closed by the grant of what is wanted
}

// NewAllowance returns an allowance of these many bytes. The caller is its owner, who
// has to grant what is larger than the capacity.
func NewAllowance(capacity, ceiling int64) *Allowance {
	return &Allowance{capacity: capacity, Ceiling: max(capacity, ceiling), Asked: make(chan struct{}, 1), turns: semaphore.NewWeighted(capacity)}
}

// Wanted is the size of the large request whose turn it is, while nothing else is lent;
// 0 if there is none.
func (a *Allowance) Wanted() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wanted
}

// Grant lends what is wanted, if that is at most n bytes.
func (a *Allowance) Grant(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wanted > 0 && a.wanted <= n {
		a.used, a.wanted = a.used+a.wanted, 0
		close(a.granted)
	}
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
	if err := a.turns.Acquire(ctx, min(size, a.capacity)); err != nil {
		return nil, err
	}
	large := size > a.capacity
	if large {
		if err := a.awaitGrant(ctx, size); err != nil {
			a.turns.Release(a.capacity)
			return nil, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !large {
		a.used += size
	}
	return a.take(size), nil
}

// awaitGrant asks the owner for the size, which is used once it returns nil.
func (a *Allowance) awaitGrant(ctx context.Context, size int64) error {
	granted := make(chan struct{})
	a.mu.Lock()
	a.wanted, a.granted = size, granted
	a.mu.Unlock()
	select {
	case a.Asked <- struct{}{}:
	default:
	}
	select {
	case <-granted:
		return nil
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wanted == 0 { // it has been granted just now
		a.used -= size
	}
	a.wanted = 0
	return ctx.Err()
}

// take returns a buffer of size bytes, which are counted as used. Call with mu held.
func (a *Allowance) take(size int64) *Buffer {
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
	a.turns.Release(min(l.size, a.capacity))
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

// Release gives up one reference. It panics if there is none left.
func (l *Buffer) Release() {
	switch n := l.refs.Add(-1); {
	case n == 0:
		l.from.giveBack(l)
	case n < 0:
		panic("lease released twice")
	}
}
