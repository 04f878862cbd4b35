package imports

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/importer"
)

// Lines owns what the loop has of each namespace.
type Lines struct {
	assignment.Assignment
	Batches  *batcher.Batcher
	CatchUp  catchUps
	ReliefAt time.Time // not before then another namespace is looked for to shed
}

// filing owns the stored imports whose receipt is not acknowledged.
type filing struct {
	Lines
	receipt receiptState
	Filed   chan *filed // stored imports whose receipt is acknowledged
}

// deadLetters owns the letters that the topic has not acknowledged.
type deadLetters struct {
	filing
	LetterQueue *letters.Queue
	letterError string       // why the last write failed, "" if it did not
	Acks        chan []error // what became of the letters of a write; has room for one
}

// Attempts makes imports and judges them.
type Attempts struct {
	deadLetters
	Results chan result // has room for every slot
}

// New returns the owners of imports, on top of each other. It starts nothing.
func New(g *assignment.Generation, batches *batcher.Batcher) Attempts {
	var s Attempts
	s.Assignment, s.Batches = assignment.New(g), batches
	s.LetterQueue = letters.NewQueue(g.Budget, g.Config.MaxBackoff)
	s.Acks, s.Filed = make(chan []error, 1), make(chan *filed, 64)
	s.Results = make(chan result, g.Config.UploadConcurrency)
	s.receipt.open = map[*filed]struct{}{}
	return s
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

// catchUps is what the loop knows of reads below the position: whom they are for,
// and the one that is under way.
type catchUps struct {
	Reader     *fetch.CatchUpReader
	Task       *CatchUpTask // under way, or nil
	Turn       int          // whose turn it was last: looks, dead letters, lines
	Namespaces []*Namespace // that catch up, in turn
	Refused    []*Refused   // whose records are not all dead letters yet
	Look       *CatchUpTask // that shows whether held records are still there, or nil
	RestUntil  time.Time
	Backoff    time.Duration
}

// CatchUpTask is a job of the reader, and whom it is for.
type CatchUpTask struct {
	*fetch.CatchUpJob
	Partition *assignment.Partition
	Refused   *Refused // its records become dead letters; nil: none do
}

// want lets a namespace catch up.
func (c *catchUps) want(n *Namespace) {
	if !slices.Contains(c.Namespaces, n) {
		c.Namespaces = append(c.Namespaces, n)
	}
}

// Rotate lets other refused batches go before one whose read has failed; nil is
// none.
func (c *catchUps) Rotate(r *Refused) {
	if i := slices.Index(c.Refused, r); i >= 0 {
		c.Refused = append(slices.Delete(c.Refused, i, i+1), r)
	}
}
