package session

import (
	"context"
	"sync"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
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
//	assigned      partitions and what is done in them        committer, beside them
//	base          the process, the generation, and what ends with it

// base is what every owner knows of the generation.
type base struct {
	*process.Process
	events
	member  Member
	fetcher *fetch.Fetcher

	mode     mode
	fencedBy error // why the partitions were taken from this member, nil if they were not
	drain    drainState
	away     bool     // no coordinator could judge the last commit
	unclear  []string // topics of which the brokers say nothing

	ctx       context.Context // of everything but reading; ends with the session
	cancel    context.CancelFunc
	probes    context.Context // of probes; ends when the session drains
	endProbes context.CancelFunc
	wg        sync.WaitGroup
}

// assigned owns the partitions, and says what becomes of their nodes.
type assigned struct {
	*base
	partitions map[kafka.TopicPartition]*partition
	// Partitions that pauseHeld has paused, and until when that is counted.
	pausedPartitions int
	pausesCounted    time.Time
}

// imports owns what the loop has of each namespace.
type imports struct {
	assigned
	batches  *batcher.Batcher
	catchUp  catchUps
	reliefAt time.Time // not before then another namespace is looked for to shed
}

// filing owns the stored imports whose receipt is not acknowledged.
type filing struct {
	imports
	receipt receiptState
}

// deadLetters owns the letters that the topic has not acknowledged.
type deadLetters struct {
	filing
	letter *letters.Queue
}

// attempts makes imports and judges them.
type attempts struct{ deadLetters }

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
type intake struct{ catchUpReads }

// stack puts the owners of a session on top of each other.
func stack(b *base, batches *batcher.Batcher) *Session {
	s := &Session{gone: make(chan struct{})}
	s.base, s.batches = b, batches
	s.partitions = make(map[kafka.TopicPartition]*partition, len(b.member.Assigned))
	s.letter = letters.NewQueue(b.Budget, b.Config.MaxBackoff)
	s.receipt.open = map[*filed]struct{}{}
	s.commits = newCommitter(&s.assigned)
	return s
}

// enter makes the contexts of what the session starts; cancel ends all of them.
func (s *base) enter(ctx context.Context) {
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.probes, s.endProbes = context.WithCancel(s.ctx)
}
