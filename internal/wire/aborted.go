package wire

import (
	"cmp"
	"slices"
)

// AbortedFilter finds the batches of one partition that must not be delivered: control
// batches, and after a Reset those of aborted transactions, which only a read_committed
// consumer leaves out.
type AbortedFilter struct {
	pending []AbortedTransaction // not yet reached, by first offset
	open    []int64              // producers inside an aborted transaction
}

// Reset begins with another response. It sorts aborted in place and keeps it
// until the next Reset: brokers list transactions in the order of their end.
func (f *AbortedFilter) Reset(aborted []AbortedTransaction) {
	slices.SortFunc(aborted, func(a, b AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	f.pending, f.open = aborted, f.open[:0]
}

// Skip takes every batch of the response in order and reports whether its records are
// not to be delivered: they belong to an aborted transaction, or they are markers.
func (f *AbortedFilter) Skip(b *Batch) bool {
	for len(f.pending) > 0 && f.pending[0].FirstOffset <= b.LastOffset {
		if id := f.pending[0].ProducerID; !slices.Contains(f.open, id) {
			f.open = append(f.open, id)
		}
		f.pending = f.pending[1:]
	}
	if b.Control {
		if b.Aborts {
			f.open = slices.DeleteFunc(f.open, func(id int64) bool { return id == b.ProducerID })
		}
		return true
	}
	return b.Transactional && slices.Contains(f.open, b.ProducerID)
}
