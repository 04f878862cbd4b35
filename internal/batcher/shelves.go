package batcher

import "math/bits"

// shelves order the open batches that may be sealed by age or for memory. A shelf
// holds the batches whose memory lies within one power of two, as a binary heap
// by order of opening. The oldest of all is the oldest first of any shelf, the
// largest within a factor of two the first of the highest shelf.
//
// Age alone would be a list, since all batches have the same MaxAge. But a batch
// that stops being busy comes back among younger ones, and must find its place
// without a walk over 100,000 of them.
type shelves struct {
	used  uint64 // bit i is set while heaps[i] is not empty
	heaps [64][]shelved
}

type shelved struct {
	seq   uint64 // of the batch; here so that a comparison touches the heap alone
	batch *Batch
}

// shelfOf returns the shelf for batches that are charged memory bytes.
func shelfOf(memory int64) int {
	return bits.Len64(uint64(memory)) - 1
}

// put adds a batch to the shelf that suits its memory.
func (s *shelves) put(b *Batch) {
	b.shelf = shelfOf(b.memory)
	heap := append(s.heaps[b.shelf], shelved{b.seq, b})
	s.heaps[b.shelf] = heap
	s.used |= 1 << b.shelf
	siftUp(heap, len(heap)-1)
}

// take removes a batch that is on its shelf.
func (s *shelves) take(b *Batch) {
	heap := s.heaps[b.shelf]
	hole, last := b.slot, len(heap)-1
	moved := heap[last]
	heap[last] = shelved{}
	heap = heap[:last]
	s.heaps[b.shelf] = heap
	b.slot = -1
	switch {
	case last == 0:
		s.used &^= 1 << b.shelf
	case hole < last:
		heap[hole] = moved
		siftUp(heap, siftDown(heap, hole))
	}
}

// oldest returns the batch opened first, nil if there is none.
func (s *shelves) oldest() *Batch {
	var first shelved
	for used := s.used; used != 0; used &= used - 1 {
		top := s.heaps[bits.TrailingZeros64(used)][0]
		if first.batch == nil || top.seq < first.seq {
			first = top
		}
	}
	return first.batch
}

// largest returns the oldest batch of the highest shelf in use, nil if there is
// none. No other batch is charged twice as much.
func (s *shelves) largest() *Batch {
	if s.used == 0 {
		return nil
	}
	return s.heaps[bits.Len64(s.used)-1][0].batch
}

// siftUp moves the entry at i up to its place and notes every changed slot.
func siftUp(heap []shelved, i int) {
	entry := heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if heap[parent].seq < entry.seq {
			break
		}
		heap[i] = heap[parent]
		heap[i].batch.slot = i
		i = parent
	}
	heap[i] = entry
	entry.batch.slot = i
}

// siftDown moves the entry at i down to its place, notes every changed slot but
// its own, and returns where it came to lie.
func siftDown(heap []shelved, i int) int {
	entry := heap[i]
	for {
		child := 2*i + 1
		if child >= len(heap) {
			break
		}
		if child+1 < len(heap) && heap[child+1].seq < heap[child].seq {
			child++
		}
		if entry.seq < heap[child].seq {
			break
		}
		heap[i] = heap[child]
		heap[i].batch.slot = i
		i = child
	}
	heap[i] = entry
	return i
}
