package ledger

import (
	"errors"
	"time"
)

// Kind is the kind of a piece of unfinished work.
type Kind uint8

// The kinds of node. Their names appear in /status as pinned_by.kind.
const (
	Batch      Kind = iota // lines in a batch that is open, waiting or uploading
	DeadLetter             // a record on its way to the dead-letter topic
	HeldRecord             // a record that a policy holds, or a range that has no room: it does not settle
	// Shed is the first line of a namespace that was dropped from memory. It
	// stands for all later lines too, but for those that were done before. At a
	// record that an earlier owner held, and that has become valid since, lines
	// of other such records may be sent again after a hand-over.
	Shed
	// Receipt is stored lines whose receipt is not acknowledged.
	Receipt
)

// String returns the name used in /status.
func (k Kind) String() string {
	switch k {
	case DeadLetter:
		return "dead_letter"
	case HeldRecord:
		return "held_record"
	case Shed:
		return "held_namespace"
	case Receipt:
		return "receipt"
	default:
		return "batch"
	}
}

var (
	// ErrSettled is returned when a node is settled twice. Nothing changes.
	ErrSettled = errors.New("node is already settled")
	// ErrBackward is returned when a call would move the watermark back.
	// Nothing changes.
	ErrBackward = errors.New("offset lies below the watermark")
)

// Node is one piece of unfinished work of a partition. The caller may read its
// fields; only the Partition changes them.
type Node struct {
	Kind      Kind
	Namespace string // of the lines; empty for held records and dead letters
	First     int64  // first offset it stands for, inclusive
	Last      int64  // last offset of its lines so far, inclusive
	// Single marks work on records that stand apart from their namespaces'
	// other lines: a held record or range, a dead letter, or a record that an
	// earlier owner held and that has become valid since.
	Single    bool
	Timestamp int64     // of the record at First, Unix milliseconds
	Since     time.Time // when it was tracked

	partition  *Partition // nil once settled
	lane       *lane      // of its namespace, nil for a single record
	prev, next *Node
}

// Partition returns the partition that the node is unfinished work of, nil
// once it is settled.
func (n *Node) Partition() *Partition { return n.partition }
