package batcher

// CostRun returns an upper bound of what adding a run of lines to the namespace
// would newly charge, whatever their sizes, and of how many batches they go to;
// bytes counts their newlines. While no limit of a batch is passed, cost is too much
// by about the last block, which is never larger than what the batch then holds.
func (b *Batcher) CostRun(namespace string, lines int, bytes int64) (cost, batches int64) {
	if lines == 0 {
		return 0, 0
	}
	if open := b.lookup(namespace); open != nil {
		room := b.limits.MaxBytes - open.Bytes
		cost = growthBound(open.capacity, open.Bytes, min(bytes, room))
		// With less than minLine left, SealFull may be called between two lines.
		if bytes+minLine <= room && open.Records+lines <= b.limits.MaxRecords {
			return cost, 1
		}
		batches = 1
	}
	opened := b.batchesBound(lines, bytes)
	return cost + opened*(batchOverhead+int64(len(namespace))) + chainsBound(opened, bytes), batches + opened
}

// batchesBound returns how many batches a run of lines may open at most. Each that
// is sealed by records holds MaxRecords; each that is sealed by bytes holds, with
// the first line of the next, nearly MaxBytes; one is left open.
func (b *Batcher) batchesBound(lines int, bytes int64) int64 {
	full := max(1, b.limits.MaxBytes-minLine)
	byRecords := int64(lines / max(1, b.limits.MaxRecords))
	return min(int64(lines), 1+byRecords+2*bytes/full)
}

// growthBound returns an upper bound of what a chain that holds held bytes charges
// to take n more in lines of any sizes.
func growthBound(capacity, held, n int64) int64 {
	if held+n <= capacity {
		return 0
	}
	added := held + n + min(max(held+n, minBlock), maxBlock) - capacity
	return added + blocksBound(1, added)*blockOverhead
}

// chainsBound returns an upper bound of what new chains charge to hold bytes
// between them.
func chainsBound(chains, bytes int64) int64 {
	capacity := bytes + min(bytes+chains*minBlock, chains*maxBlock)
	return capacity + blocksBound(chains, capacity)*blockOverhead
}

// blocksBound returns how many blocks the given capacity consists of at most: a
// chain has fewer than 16 blocks below the largest size.
func blocksBound(chains, capacity int64) int64 {
	return min(capacity/minBlock, 16*chains+capacity/maxBlock) + 1
}
