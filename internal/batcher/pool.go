package batcher

// Blocks come in these sizes. Each is an exact size class, or a whole number of
// pages, of Go's allocator, so that a block costs what it is charged.
const (
	minBlock = 1 << 10
	maxBlock = 256 << 10

	blockClasses = 5 // 1, 4, 16, 64 and 256 KiB
)

// maxIdleBytes bounds the free blocks that a Pool keeps; what is returned
// beyond it is left to the garbage collector. It covers the bodies of four
// batches of the default size.
const maxIdleBytes = 32 << 20

// Pool hands out the blocks of batches and counts what live batches are charged.
// It may outlive a Batcher and serve several, one after the other or in turn, but
// not concurrently.
type Pool struct {
	inUse int64 // charged by batches not yet released: blocks and bookkeeping
	idle  int64 // capacity of the free blocks; at most maxIdleBytes
	free  [blockClasses][][]byte
}

// NewPool returns an empty pool.
func NewPool() *Pool {
	return &Pool{}
}

// InUse returns the bytes charged by all batches that are not released, open or
// sealed: the capacity of their blocks and their bookkeeping. It is exact: when
// every batch is released it is 0.
func (p *Pool) InUse() int64 {
	return p.inUse
}

// Idle returns the bytes of free blocks kept for reuse, at most 32 MiB. They are
// resident but not part of InUse.
func (p *Pool) Idle() int64 {
	return p.idle
}

// Trim leaves all free blocks to the garbage collector.
func (p *Pool) Trim() {
	p.free = [blockClasses][][]byte{}
	p.idle = 0
}

// get returns an empty block of the given capacity, one of the block sizes.
func (p *Pool) get(size int) []byte {
	free := &p.free[blockClass(size)]
	n := len(*free)
	if n == 0 {
		return make([]byte, 0, size)
	}
	block := (*free)[n-1]
	(*free)[n-1] = nil
	*free = (*free)[:n-1]
	p.idle -= int64(size)
	return block
}

// put takes back a block that came from get.
func (p *Pool) put(block []byte) {
	size := cap(block)
	if p.idle+int64(size) > maxIdleBytes {
		return
	}
	free := &p.free[blockClass(size)]
	*free = append(*free, block[:0])
	p.idle += int64(size)
}

// blockClass returns the index of a block size.
func blockClass(size int) int {
	class := 0
	for size > minBlock {
		size >>= 2
		class++
	}
	return class
}

// nextBlock returns the size of the block to add to a chain that is full at
// capacity bytes and has need more to take: the largest that is no larger than
// either. So a chain holds at least half of its capacity, but for its first block.
func nextBlock(capacity, need int64) int {
	size := int64(minBlock)
	for size < maxBlock && size<<2 <= max(capacity, need) {
		size <<= 2
	}
	return int(size)
}
