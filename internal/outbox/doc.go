// Package outbox writes records to a Kafka topic, in order, until the topic has them.
//
// # What it owns
//
// A [Queue] has the records of one topic that Kafka has not acknowledged yet, and
// decides which are written next and when they are tried again. The session has one
// for its dead letters. An [Outbox] is a queue of receipts with a goroutine that
// writes them, for the life of the process. It does not know what a receipt says, nor
// what waits for it: whoever posts one is notified when it is acknowledged.
//
// # Who calls an Outbox
//
// The session posts a receipt for each stored import, and lets the offsets of its
// records wait for the acknowledgement. The follower posts the end of an import
// under the same key. A session may end while its receipts are on their way: they
// are written all the same, by [Outbox.Run], which outlives all sessions.
//
// # Concurrency
//
// A Queue has one owner, and no goroutine or clock of its own. Of an Outbox one
// goroutine, Run's, writes, one batch after the other and in the order of posting, so
// that of two receipts of one key in one partition the later one stays. All its
// methods are safe for concurrent use and wait for nothing but a mutex that is not
// held during a write.
package outbox
