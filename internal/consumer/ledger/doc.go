// Package ledger knows exactly what is done in one Kafka partition: which
// offset may be committed, and which lines below the position are still owed.
//
// It owns three things per partition: the position (every record below it has
// been looked at), the nodes (pieces of unfinished work, ordered by their first
// offset), and the frontier inherited from the commit that the partition was
// assigned with. From these it derives the watermark, the one offset that is
// safe to commit, and the frontier that goes along as commit metadata, so that
// the next owner sends nothing again that was already stored.
//
// The package is pure: no goroutine, clock, log or Kafka type. A Partition is
// not safe for concurrent use; the session loop is its only caller.
//
// Offsets: First and Last of a node are inclusive. Position, watermark and the
// frontier's Below are exclusive: one past the last record they speak of.
package ledger
