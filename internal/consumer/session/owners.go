package session

import (
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/committer"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/kafka"
)

// The session's state has owners, one on top of the other: each holds the one below
// and may call it and all below that; none knows one above. All of them belong to the
// loop, which is the only one to call them.
//
//	Session       the loop: events, turns, status, the drain
//	intake        what reading has brought: chunks and faults
//	catchUpReads  reads below the position
//	memory        what fits the buffer budget, and who has to give
//	attempts      imports: which is tried next, and what came of it
//	deadLetters   records on their way to the dead-letter topic
//	filing        stored imports whose receipt is not acknowledged
//	imports       the lines of namespaces: in open batches, in sealed ones, or shed
//
// and in rooms of their own
//
//	assignment.Assignment   partitions and what is done in them
//	committer.Committer     beside the others: what the group is told of them
//	assignment.Generation   the process, the member, and what ends with it

// imports owns what the loop has of each namespace.
type imports struct {
	assignment.Assignment
	batches  *batcher.Batcher
	catchUp  catchUps
	reliefAt time.Time // not before then another namespace is looked for to shed
}

// filing owns the stored imports whose receipt is not acknowledged.
type filing struct {
	imports
	receipt receiptState
	filed   chan *filed // stored imports whose receipt is acknowledged
}

// deadLetters owns the letters that the topic has not acknowledged.
type deadLetters struct {
	filing
	letter *letters.Queue
	acks   chan []*letters.Letter // letters that were written, or not; has room for one write
}

// attempts makes imports and judges them.
type attempts struct {
	deadLetters
	results chan result // has room for every slot
}

// memory owns the chunk that waits for room.
type memory struct {
	attempts
	pending *fetch.Chunk
	// pendingCost is what it would be charged, as it was last found.
	pendingCost int64
	pausedAt    time.Time // start of the wait for memory that is not yet in the metric
	full        time.Time // since when a chunk waits and none has been taken in, zero if none waits
}

// catchUpReads makes the reads that imports and deadLetters want.
type catchUpReads struct{ memory }

// intake takes in what reading has brought.
type intake struct {
	catchUpReads
	events
}

// stack puts the owners of a session on top of each other.
func stack(b *assignment.Generation, batches *batcher.Batcher) *Session {
	s := &Session{gone: make(chan struct{})}
	s.Generation, s.batches = b, batches
	s.Partitions = make(map[kafka.TopicPartition]*assignment.Partition, len(b.Member.Assigned))
	s.events = newEvents()
	s.letter = letters.NewQueue(b.Budget, b.Config.MaxBackoff)
	s.acks, s.filed, s.results = make(chan []*letters.Letter, 1), make(chan *filed, 64), make(chan result, b.Config.UploadConcurrency)
	s.receipt.open = map[*filed]struct{}{}
	s.commits = committer.New(&s.Assignment)
	return s
}
