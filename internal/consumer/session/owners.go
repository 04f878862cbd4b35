package session

import (
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
)

// The session's state has owners, one on top of the other: each holds the one below
// and may call it and all below that; none knows one above. All of them belong to the
// loop, which is the only one to call them.
//
//	Session  the loop: events, turns, status, the drain
//	intake   what reading has brought: chunks and faults, from the position on or below it
//	memory   what fits the buffer budget, and who has to give
//
// and in rooms of their own
//
//	imports.Attempts        the lines of namespaces, on their way to the import API
//	assignment.Assignment   partitions and what is done in them
//	assignment.Committer     beside the others: what the group is told of them
//	assignment.Generation   the process, the member, and what ends with it

// memory owns the chunk that waits for room.
type memory struct {
	imports.Attempts
	pending      *fetch.Chunk
	pendingSince time.Time
	pendingCost  int64     // what it would be charged, as was last found
	pausedAt     time.Time // start of its wait that is not yet in the metric
}

// intake takes in what reading has brought, and makes the catch-up reads that imports
// want.
type intake struct {
	memory
	events
}

// stack puts the owners of a session on top of each other.
func stack(g *assignment.Generation, batches *batcher.Batcher) *Session {
	s := &Session{gone: make(chan struct{})}
	s.Attempts = imports.New(g, batches)
	s.commits = assignment.NewCommitter(&s.Assignment)
	s.events = events{
		chunks: make(chan *fetch.Chunk, 4),
		starts: make(chan []discovery.Start), found: make(chan discovery.Found), queries: make(chan func(time.Time)),
		timer: time.NewTimer(0),
	}
	return s
}
