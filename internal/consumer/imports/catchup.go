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
	if !n.catchesUp {
		n.catchesUp = true
		c.Namespaces = append(c.Namespaces, n)
	}
}

// Next returns the namespace whose turn it is to catch up. Its next turn is after those
// of the others. There has to be one.
func (c *catchUps) Next() *Namespace {
	n := c.Namespaces[0]
	c.Namespaces = append(c.Namespaces[1:], n)
	return n
}

// Leave ends the catching up of the namespace that Next has returned.
func (c *catchUps) Leave() {
	last := len(c.Namespaces) - 1
	c.Namespaces[last].catchesUp = false
	c.Namespaces = c.Namespaces[:last]
}

// Rotate lets other refused batches go before one whose read has failed; nil is
// none.
func (c *catchUps) Rotate(r *Refused) {
	if i := slices.Index(c.Refused, r); i >= 0 {
		c.Refused = append(slices.Delete(c.Refused, i, i+1), r)
	}
}
