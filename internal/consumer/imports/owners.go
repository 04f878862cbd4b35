package imports

import (
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/importer"
)

// Lines owns what the loop has of each namespace.
type Lines struct {
	*assignment.Generation
	Batches  *batcher.Batcher
	CatchUp  catchUps
	ReliefAt time.Time // not before then another namespace is looked for to shed

	assignment *assignment.Assignment
}

// Filing owns the stored imports whose receipt is not acknowledged.
type Filing struct {
	*assignment.Generation
	Filed chan *filed // stored imports whose receipt is acknowledged

	lines   *Lines
	receipt receiptState
}

// DeadLetters owns the letters that the topic has not acknowledged.
type DeadLetters struct {
	*assignment.Generation
	Queue *letters.Queue
	Acks  chan []error // what became of the letters of a write; has room for one

	assignment  *assignment.Assignment
	lines       *Lines
	letterError string // why the last write failed, "" if it did not
}

// Attempts makes imports and judges them.
type Attempts struct {
	*assignment.Generation
	Results chan result // has room for every slot

	lines       *Lines
	filing      *Filing
	deadLetters *DeadLetters
}

// Owners are the owners of imports, on top of each other.
type Owners struct {
	Lines       *Lines
	Filing      *Filing
	DeadLetters *DeadLetters
	Attempts    *Attempts
}

// New returns the owners of imports. It starts nothing.
func New(a *assignment.Assignment, batches *batcher.Batcher) Owners {
	g := a.Generation
	lines := &Lines{Generation: g, Batches: batches, assignment: a}
	filing := &Filing{Generation: g, Filed: make(chan *filed, 64), lines: lines, receipt: receiptState{open: map[*filed]struct{}{}}}
	dead := &DeadLetters{
		Generation: g, Queue: letters.NewQueue(g.Budget, g.Config.MaxBackoff), Acks: make(chan []error, 1),
		assignment: a, lines: lines,
	}
	attempts := &Attempts{Generation: g, Results: make(chan result, g.Config.UploadConcurrency), lines: lines, filing: filing, deadLetters: dead}
	return Owners{lines, filing, dead, attempts}
}

// result is what an attempt has come to.
type result struct {
	namespace *Namespace
	upload    *Upload        // nil for a probe
	probe     process.Import // nil for anything else
	outcome   importer.Outcome
	troubled  bool
	began     time.Time
}
