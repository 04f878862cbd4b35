package batcher

import "time"

// The charges of a batch beside its blocks; TestBatch_chargesWhatItCosts compares them
// with the heap.
const (
	batchOverhead = 384 // the Batch, its entries in the map and on a shelf
	blockOverhead = 48  // the block's entry in the chain, with slack for its growth
)

// Batch is the set of lines of one namespace that is imported as one object.
// The exported fields but Tag are written by the Batcher alone, and not once the
// batch is sealed.
type Batch struct {
	Namespace       string    // a copy: it shares no memory with the caller's
	Records         int       // lines held, at most Limits.MaxRecords
	Bytes           int64     // bytes of the body with newlines, at most Limits.MaxBytes
	Opened          time.Time // when the first line was added
	OldestTimestamp int64     // the smallest of the lines' timestamps, in milliseconds
	Reason          Reason    // why it was sealed; 0 while open, or when dropped

	// Tag is for the caller's bookkeeping. The Batcher never looks at it;
	// Release clears it.
	Tag any

	chain
	owner *Batcher // nil unless open
	place
}

// chain is the memory that a batch holds: its body in blocks.
type chain struct {
	pool     *Pool
	blocks   [][]byte // len is what is filled; only the last has room
	first    [1][]byte
	capacity int64 // of the blocks
	memory   int64 // charged to the pool
}

// place is where the Batcher finds an open batch.
type place struct {
	seq        uint64 // position in the order of opening; grows with Opened
	prev, next *Batch // neighbours in that order among the open batches
	shelf      int    // index of the shelf it belongs to by its memory
	slot       int    // place on that shelf; -1 while busy or not open
	busy       bool
}

// Body returns the lines, each with its newline, as a chain of blocks to be sent
// in order. The blocks belong to the batch: they may be read by several
// goroutines once the batch is sealed, must not be written, and are reused after
// Release. Joined they are Bytes long.
func (b *Batch) Body() [][]byte {
	return b.blocks
}

// Memory returns the bytes charged to the pool for this batch: the capacity of
// its blocks, its bookkeeping, its name and what Charge has added. It is 0 once
// released.
func (b *Batch) Memory() int64 {
	return b.memory
}

// Charge adds n bytes that the caller keeps beside an open batch, for as long as
// the batch is not released, to what it is charged.
func (b *Batch) Charge(n int64) {
	b.charge(n)
	b.owner.shelve(b)
}

// Release returns the blocks to the pool and ends the charge. Call it once
// nobody reads the body any more: the transport has closed it, on every attempt.
// A second call does nothing. Releasing a batch that is still open panics, as
// later lines of its namespace would be lost; Drop it first.
func (b *Batch) Release() {
	if b.owner != nil {
		panic("batcher: release of the open batch of " + b.Namespace)
	}
	for i, block := range b.blocks {
		b.pool.put(block)
		b.blocks[i] = nil
	}
	b.pool.inUse -= b.memory
	b.blocks, b.first[0], b.Tag = nil, nil, nil
	b.capacity, b.memory = 0, 0
}

// append adds the line and its newline, taking blocks as needed.
func (b *Batch) append(line []byte) {
	n := len(line) + 1
	b.Records++
	b.Bytes += int64(n)
	if len(b.blocks) > 0 {
		last := &b.blocks[len(b.blocks)-1]
		if cap(*last)-len(*last) >= n {
			*last = append(append(*last, line...), '\n')
			return
		}
	}
	b.write(line, 1)
	b.write([]byte{'\n'}, 0)
}

// write appends data, taking blocks as needed for it and for more bytes after it.
func (b *Batch) write(data []byte, more int) {
	for len(data) > 0 {
		if b.room() == 0 {
			b.grow(len(data) + more)
		}
		last := &b.blocks[len(b.blocks)-1]
		n := min(b.room(), len(data))
		*last = append(*last, data[:n]...)
		data = data[n:]
	}
}

// room returns the free bytes of the last block.
func (b *Batch) room() int {
	if len(b.blocks) == 0 {
		return 0
	}
	last := b.blocks[len(b.blocks)-1]
	return cap(last) - len(last)
}

// grow adds a block to a full chain that has need more bytes to take.
func (b *Batch) grow(need int) {
	size := nextBlock(b.capacity, int64(need))
	b.blocks = append(b.blocks, b.pool.get(size))
	b.capacity += int64(size)
	b.charge(int64(size) + blockOverhead)
}

// charge adds n bytes to the batch's memory.
func (b *Batch) charge(n int64) {
	b.memory += n
	b.pool.inUse += n
}
