package batcher

import (
	"strings"
	"time"
)

// SetBusy notes that an import of the namespace is unfinished, or that none is
// any more. The open batch of a busy namespace, now or later, is sealed by the
// hard bounds or by name only, not by ExpireOldest or SealLargest. One that is overdue
// when its namespace stops being busy is due at once.
func (b *Batcher) SetBusy(namespace string, busy bool) {
	batch := b.lookup(namespace)
	if !busy {
		delete(b.busy, namespace)
	} else if _, known := b.busy[namespace]; !known {
		b.busy[strings.Clone(namespace)] = struct{}{}
	}
	if batch != nil && batch.busy != busy {
		batch.busy = busy
		b.shelve(batch)
	}
}

// NextDeadline returns when the next batch is due by age, busy namespaces left
// out; a batch that is overdue gives a time that has passed.
func (b *Batcher) NextDeadline() (time.Time, bool) {
	batch := b.shelves.oldest()
	if batch == nil {
		return time.Time{}, false
	}
	return b.deadline(batch), true
}

// ExpireOldest seals the oldest batch that is not busy, if it is due by age. It
// reports false if none is due. A caller that cannot import the batch yet should
// leave it open: it goes on filling.
func (b *Batcher) ExpireOldest(now time.Time) (*Batch, bool) {
	batch := b.shelves.oldest()
	if batch == nil || b.deadline(batch).After(now) {
		return nil, false
	}
	return b.seal(batch, ReasonAge), true
}

// SealLargest seals, for memory, the largest batch that is not busy, where sizes
// within one power of two of Memory count as equal and the oldest of equals
// goes first. It reports false if every open batch is busy.
func (b *Batcher) SealLargest() (*Batch, bool) {
	batch := b.shelves.largest()
	if batch == nil {
		return nil, false
	}
	return b.seal(batch, ReasonMemory), true
}

// SealNamespace seals the open batch of the namespace, busy or not, if it has one.
func (b *Batcher) SealNamespace(namespace string, reason Reason) (*Batch, bool) {
	batch := b.lookup(namespace)
	if batch == nil {
		return nil, false
	}
	return b.seal(batch, reason), true
}

// SealAll seals every open batch, busy or not, oldest first.
func (b *Batcher) SealAll(reason Reason) []*Batch {
	all := make([]*Batch, 0, len(b.open))
	for b.oldest != nil {
		all = append(all, b.seal(b.oldest, reason))
	}
	return all
}

// Drop removes the open batch of the namespace without a reason: the caller sheds
// its lines, to read them again later, and releases it.
func (b *Batcher) Drop(namespace string) (*Batch, bool) {
	return b.SealNamespace(namespace, 0)
}

// deadline returns when the batch is due.
func (b *Batcher) deadline(batch *Batch) time.Time {
	return batch.Opened.Add(b.limits.MaxAge)
}

// seal takes an open batch out of every structure. From here on it is the
// caller's, who must release it.
func (b *Batcher) seal(batch *Batch, reason Reason) *Batch {
	if batch.slot >= 0 {
		b.shelves.take(batch)
	}
	if batch.prev == nil {
		b.oldest = batch.next
	} else {
		batch.prev.next = batch.next
	}
	if batch.next == nil {
		b.newest = batch.prev
	} else {
		batch.next.prev = batch.prev
	}
	delete(b.open, batch.Namespace)
	if b.last == batch {
		b.last = nil
	}
	batch.prev, batch.next, batch.owner = nil, nil, nil
	batch.Reason = reason
	return batch
}
