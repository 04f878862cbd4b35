// Package batcher groups lines into one open batch per namespace and seals
// them by bytes, records, age or memory. It owns the open batches and the
// accounting of the memory that they and the sealed ones hold.
//
// # Usage
//
// The caller adds lines, seals what has become full, arms one timer from
// NextDeadline, and hands sealed batches to an upload:
//
//	open, sealed, err := b.Add(namespace, line, timestamp, now)
//	// note the line's offset against open, then
//	// upload sealed, if it is not nil, and
//	if b.SealFull(open) {
//		// upload open
//	}
//
// Every batch leaves the Batcher exactly once, by whichever call returned it,
// and batches of one namespace leave in the order in which their lines were
// added. Whoever received one calls Release when nobody reads its body any more.
//
// # Bounds
//
// Limits.MaxBytes and Limits.MaxRecords are hard: a batch is sealed before it
// would pass one. Age makes a batch due; a namespace with an unfinished import
// is busy (SetBusy), and its batch goes on filling up to the hard bounds. The
// memory budget is not enforced here: the caller compares Pool.InUse with it,
// asks CostRun before adding, and calls SealLargest when it runs short.
//
// # Memory
//
// A body is a chain of blocks that starts with 1 KiB and grows up to blocks of
// 256 KiB; lines may span blocks and are never moved again. A batch is charged
// for whole blocks and its bookkeeping, at most twice what it holds plus about
// 1.5 KiB. Blocks are reused by way of the Pool; Batch values are not, so that a
// stale pointer to a released batch can never reach the lines of another one.
//
// # Concurrency
//
// Nothing here has a goroutine, a lock or a clock: methods take now. Nothing is
// safe for concurrent use, except that the body of a sealed batch may be read by
// any number of goroutines until it is released. The consumer's loop is the only
// caller of everything else. The package imports nothing of ours.
package batcher
