// Package kafka makes the calls to the brokers: it owns the connections, and turns
// a call into bytes and an answer back into types.
//
// Client makes one call at a time to one broker, each with a deadline and none
// repeated: what a failure means is the caller's to judge. Fetch, Metadata and
// ListOffsets are exchanges of raw bytes in the formats of package wire, so that
// the memory of a fetched answer can be lent before any of it is read; the calls of a
// member of the group go the same way. Commits and the offsets of a group go through
// the library's own messages. Producer writes the records of one topic: dead letters,
// or receipts.
//
// A broker's refusal is a Code; every other error means that no broker has judged
// the call. Selection says which topics are meant, TopicPartition and Range are the
// words that the other rooms share.
//
// The session, the fetchers, the membership, the outbox and the commands that read
// outside of the group call it, each from goroutines of their own: Client and Producer
// are safe for concurrent use. The package starts no goroutine that outlives a call, but
// for those of the library's connections, which Close ends.
//
// It knows no session, no record's contents and no policy. It and its subpackages
// are the only ones that import github.com/segmentio/kafka-go.
package kafka
