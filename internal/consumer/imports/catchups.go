package imports

import (
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
)

// catchUps is what the loop knows of reads below the position: whom they are for,
// and the one that is under way.
type catchUps struct {
	Reader     *fetch.CatchUpReader
	Task       *CatchUpTask // under way, or nil
	Turn       int          // whose turn it was last: looks, dead letters, lines
	Namespaces []*Namespace // that catch up, in turn
	Uploads    []*Upload    // refused ones, whose records are read for the dead-letter topic
	Look       *CatchUpTask // that shows whether held records are still there, or nil
	RestUntil  time.Time
	Backoff    time.Duration
}

// CatchUpTask is a job of the reader, and whom it is for.
type CatchUpTask struct {
	*fetch.CatchUpJob
	Partition *assignment.Partition
	Upload    *Upload // refused: its records become dead letters
}

// want lets a namespace catch up.
func (c *catchUps) want(n *Namespace) {
	if !slices.Contains(c.Namespaces, n) {
		c.Namespaces = append(c.Namespaces, n)
	}
}

// Rotate lets other refused batches go before one whose read has failed; nil is
// none.
func (c *catchUps) Rotate(u *Upload) {
	if i := slices.Index(c.Uploads, u); i >= 0 {
		c.Uploads = append(slices.Delete(c.Uploads, i, i+1), u)
	}
}
