// Package fetch reads partitions: from a cursor to chunks of lines that the session
// only has to take.
//
//	lanes --work--> decoders --chunk--> session loop
//
// A Fetcher asks each leader through two lanes, a goroutine each, for partitions of
// their own; a replica that a leader has named for a partition takes its place. The
// answers lie in memory that an Allowance lends, a fixed share of the buffer budget; a
// lane waits there before it reads the answer. Decoders, a goroutine each and one
// per core, eight at most, check, inflate and map the records: a partition always comes
// to the same one, which keeps its order. What comes out is a Chunk, which holds on to
// the memory that its lines point into until it is recycled.
//
// A CatchUpReader, one more goroutine, reads below the position what the loop asks
// for by a job: lines that have left memory, or the records of a refused batch.
//
// The session opens, pauses and resets cursors from its loop; that, and the lending,
// is all that is locked here. Trouble that the loop has to decide about travels as a
// fault in the order of the chunks. Batches that have no room in the budget are not
// read: the chunk says which offsets they have.
//
// The package knows brokers by package kafka, bytes by wire and lines by record. It
// knows no session, no policy but which rejected records to keep, and no metric.
package fetch
