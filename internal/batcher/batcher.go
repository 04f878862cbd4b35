package batcher

import (
	"errors"
	"strings"
	"time"
)

// ErrTooLarge is returned by Add for a line that no batch can hold.
var ErrTooLarge = errors.New("line with its newline is larger than a batch may be")

// minLine is the length of the shortest line that the import API takes, with its
// newline: {"id":"a"}. A batch with less room than that is full.
const minLine = 11

// Limits bound a batch. All must be positive.
type Limits struct {
	// MaxBytes is the hard bound of a body, newlines included. A small one
	// makes many imports, a large one many bytes to send again after a crash.
	MaxBytes int64

	// MaxRecords is the hard bound of the lines in a batch.
	MaxRecords int

	// MaxAge is how long after its first record a batch is due. It costs at
	// most this much delay when traffic is low.
	MaxAge time.Duration
}

// Batcher holds one open batch per namespace that has lines. See the package
// comment for its rules. It keeps nothing of a namespace that has neither an open
// batch nor an unfinished import.
type Batcher struct {
	limits Limits
	pool   *Pool

	open    map[string]*Batch
	last    *Batch              // the open batch that was added to last; nil after it left
	busy    map[string]struct{} // namespaces with an unfinished import, with or without an open batch
	shelves shelves             // open batches of namespaces that are not busy

	oldest, newest *Batch // ends of the list of all open batches in the order of opening
	opened         uint64 // batches opened ever; gives each its seq
}

// New returns a Batcher without batches. Memory is charged to the pool, which
// outlives it.
func New(limits Limits, pool *Pool) *Batcher {
	return &Batcher{
		limits: limits,
		pool:   pool,
		open:   make(map[string]*Batch),
		busy:   make(map[string]struct{}),
	}
}

// Add copies the line, which holds no newline, and a newline after it to the open
// batch of the namespace. It returns that batch, and the one that had to be
// sealed first because the line would have passed a bound, if any. The caller
// should then seal the returned open batch if it is full (SealFull); otherwise
// the next Add does.
//
// The timestamp is the record's in milliseconds. now must not go back, as the
// monotonic clock does not. The only error is ErrTooLarge, and then nothing has
// changed.
func (b *Batcher) Add(namespace string, line []byte, timestamp int64, now time.Time) (open, sealed *Batch, err error) {
	n := int64(len(line)) + 1
	if n > b.limits.MaxBytes {
		return nil, nil, ErrTooLarge
	}
	open = b.lookup(namespace)
	if open != nil {
		if reason := b.bound(open, n); reason != 0 {
			sealed = b.seal(open, reason)
			open = nil
		}
	}
	if open == nil {
		open = b.start(namespace, timestamp, now)
	}
	b.last = open
	before := open.memory
	open.append(line)
	open.OldestTimestamp = min(open.OldestTimestamp, timestamp)
	if open.memory != before {
		b.shelve(open)
	}
	return open, sealed, nil
}

// SealFull seals the batch if it is open and has reached a bound: MaxRecords, or
// so close to MaxBytes that no line fits any more. It reports whether it did; the
// batch, with its Reason, is then the caller's.
func (b *Batcher) SealFull(open *Batch) bool {
	if open.owner != b {
		return false
	}
	reason := b.bound(open, minLine)
	if reason == 0 {
		return false
	}
	b.seal(open, reason)
	return true
}

// bound returns the bound that one more line of n bytes would pass, or 0.
func (b *Batcher) bound(open *Batch, n int64) Reason {
	switch {
	case open.Records >= b.limits.MaxRecords:
		return ReasonRecords
	case open.Bytes+n > b.limits.MaxBytes:
		return ReasonBytes
	default:
		return 0
	}
}

// lookup returns the open batch of the namespace or nil. Runs of one namespace
// are spared the map.
func (b *Batcher) lookup(namespace string) *Batch {
	if b.last != nil && b.last.Namespace == namespace {
		return b.last
	}
	return b.open[namespace]
}

// start opens a batch for a namespace that has none. It is not shelved yet.
func (b *Batcher) start(namespace string, timestamp int64, now time.Time) *Batch {
	b.opened++
	_, busy := b.busy[namespace]
	batch := &Batch{
		Namespace:       strings.Clone(namespace),
		Opened:          now,
		OldestTimestamp: timestamp,
		chain:           chain{pool: b.pool},
		owner:           b,
		place:           place{seq: b.opened, prev: b.newest, slot: -1, busy: busy},
	}
	batch.blocks = batch.first[:0]
	batch.charge(batchOverhead + int64(len(namespace)))
	b.open[batch.Namespace] = batch
	if b.newest == nil {
		b.oldest = batch
	} else {
		b.newest.next = batch
	}
	b.newest = batch
	return batch
}

// shelve puts an open batch where its memory and its namespace's import want it.
func (b *Batcher) shelve(batch *Batch) {
	on := batch.slot >= 0
	if on && !batch.busy && shelfOf(batch.memory) == batch.shelf {
		return
	}
	if on {
		b.shelves.take(batch)
	}
	if !batch.busy {
		b.shelves.put(batch)
	}
}

// Open returns the open batch of the namespace, which stays the Batcher's.
func (b *Batcher) Open(namespace string) (*Batch, bool) {
	batch := b.lookup(namespace)
	return batch, batch != nil
}

// Len returns the number of open batches.
func (b *Batcher) Len() int {
	return len(b.open)
}

// All calls yield with each open batch, the one opened first first, until it
// returns false: for batch := range b.All. Nothing may be added or sealed
// meanwhile.
func (b *Batcher) All(yield func(*Batch) bool) {
	for batch := b.oldest; batch != nil; batch = batch.next {
		if !yield(batch) {
			return
		}
	}
}

// Oldest returns when the oldest open batch was opened, busy or not.
func (b *Batcher) Oldest() (time.Time, bool) {
	if b.oldest == nil {
		return time.Time{}, false
	}
	return b.oldest.Opened, true
}
