package session

import (
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
)

// The session's state has owners, each with a field of the Session. One may call those
// that it holds, which all stand below it here; none knows one above. All of them belong
// to the loop, which is the only one to call them.
//
//	Session      the loop: events, turns, the drain
//	view         what the others hold, for /status
//	intake       what reading has brought: chunks and faults, from the position on or below it
//	memory       what fits the buffer budget, and who has to give
//	attempts     imports: which is tried next, and what came of it
//	deadLetters  records on their way to the dead-letter topic
//	filing       stored imports whose receipt is not acknowledged
//	lines        the lines of namespaces: in open batches, in sealed ones, or shed
//	commits      what the group is told of the partitions
//	assignment   partitions and what is done in them
//
// Each embeds the Generation: the process, the member, and what ends with it.

// memory owns the chunk that waits for room.
type memory struct {
	*assignment.Generation
	lines        *imports.Lines
	attempts     *imports.Attempts
	pending      *fetch.Chunk
	pendingSince time.Time
	pendingCost  int64     // what it would be charged, as was last found
	pausedAt     time.Time // start of its wait that is not yet in the metric
}

// intake takes in what reading has brought, and makes the catch-up reads that imports
// want.
type intake struct {
	*assignment.Generation
	assignment  *assignment.Assignment
	lines       *imports.Lines
	deadLetters *imports.DeadLetters
	memory      *memory
	queries     chan<- func(time.Time) // to the loop
}

// newSession makes the owners of a session. It starts nothing.
func newSession(g *assignment.Generation, batches *batcher.Batcher) *Session {
	assigned := assignment.New(g)
	owners := imports.New(assigned, batches)
	s := &Session{
		Generation: g, assignment: assigned, commits: assignment.NewCommitter(assigned),
		lines: owners.Lines, filing: owners.Filing, deadLetters: owners.DeadLetters, attempts: owners.Attempts,
		memory: &memory{Generation: g, lines: owners.Lines, attempts: owners.Attempts},
		events: events{
			chunks: make(chan *fetch.Chunk, 4),
			starts: make(chan []discovery.Start), found: make(chan discovery.Found), queries: make(chan func(time.Time)),
			timer: time.NewTimer(0),
		},
		gone: make(chan struct{}),
	}
	s.intake = &intake{Generation: g, assignment: assigned, lines: s.lines, deadLetters: s.deadLetters, memory: s.memory, queries: s.queries}
	s.view = &view{Generation: g, assignment: assigned, commits: s.commits, lines: s.lines, deadLetters: s.deadLetters, memory: s.memory}
	return s
}
