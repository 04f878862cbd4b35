// Package outbox writes receipts to their Kafka topic, for the life of the process.
//
// # What it owns
//
// The receipts that Kafka has not acknowledged yet, and when they are tried again.
// It does not know what a receipt says, nor what waits for it: whoever posts one is
// notified when it is acknowledged.
//
// # Who calls it
//
// The session posts a receipt for each stored import, and lets the offsets of its
// records wait for the acknowledgement. The follower posts the end of an import
// under the same key. A session may end while its receipts are on their way: they
// are written all the same, by [Outbox.Run], which outlives all sessions.
//
// # Concurrency
//
// One goroutine, Run's, writes, one batch after the other and in the order of
// posting, so that of two receipts of one key in one partition the later one stays. All methods are
// safe for concurrent use and wait for nothing but a mutex that is not held during
// a write.
package outbox
