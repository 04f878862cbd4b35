package assignment

import (
	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
	"slices"
	"time"
)

// MaxSingles is how many records of one partition may be held or on their way
// to the dead-letter topic before reading it pauses: as many as commit metadata has
// room for while they are less than 36^6 offsets apart, so that a restart sends
// nothing again.
const MaxSingles = 500

// Partition is what the loop knows of one assigned partition.
type Partition struct {
	kafka.TopicPartition
	TopicID wire.UUID
	Cursor  *fetch.Cursor // nil until its start is resolved
	Ledger  *ledger.Partition

	Committed   int64              // last acknowledged, -1 none
	Acked, Sent ledger.CommitPoint // the commits last acknowledged and last sent
	Dirty       bool               // there is something new to commit: see touch
	Commits     *commits.Schedule
	Born        int32          // the generation, if its start was resolved in this session
	Metadata    commits.Limit  // for what is written beside the committed offset
	Omitted     int            // namespaces that did not fit
	Denied      commits.Denial // of its commits, as long as its topic is denied

	Lost   bool    // deleted or created anew: never committed again
	Paused bool    // not read: too many single records, or what it awaits
	Awaits awaited // what has to become free before it is read on
	failed
	held
	progress
}

// failed says why a partition is not read.
type failed struct {
	Failure error // nil if it is
	Failing time.Time
	Backoff time.Duration
	Corrupt bool                // the failure lies in what the log holds, and stays
	HeldOut bool                // its offset is out of range and the policy holds it
	AsFound *kafka.CommitOffset // held out from the start: what is committed and stays
}

// held says what a partition's committed offset waits for until a person decides.
type held struct {
	HeldCount int // records
	FirstHeld heldRecord
	Ranges    map[int64]string // why ranges are held, by their last offsets
	LookAt    time.Time        // when it is looked whether held records are still in the log, zero if none is
	LookFrom  int64            // from which offset on
}

// progress says how far reading has come in time.
type progress struct {
	LastSeen int64     // time of the last record, Unix milliseconds
	CaughtUp time.Time // when there was last nothing to read
}

// awaited is what a partition waits for before it is read on. What was read of it
// is dropped meanwhile, so that it keeps no other partition waiting.
type awaited uint8

const (
	awaitsNothing awaited = iota
	AwaitsLetters         // the dead letters under way leave no room for its own
	AwaitsMarks           // no memory is left to remember where dropped lines begin
)

// heldRecord remembers why the first held record of a partition is held: the
// one that its committed offset waits for. Its zero value is none.
type heldRecord struct {
	offset int64
	reason string
}

// Note keeps the record if it is the first one.
func (h *heldRecord) Note(offset int64, reason string) {
	if h.reason == "" || offset < h.offset {
		*h = heldRecord{offset, reason}
	}
}

// heldFor returns why the record or the range of the node is held, or "".
func (p *Partition) heldFor(n *ledger.Node) string {
	switch why, ok := p.Ranges[n.Last]; {
	case n.Kind != ledger.HeldRecord:
		return ""
	case ok:
		return why
	case p.FirstHeld.reason == "" || n.First != p.FirstHeld.offset:
		return "why is in the log of when it was read; bridge check -sample reads it again"
	}
	return p.FirstHeld.reason
}

// Touch makes the next commit include the partition.
func (p *Partition) Touch() {
	p.Dirty = true
	p.Commits.Touch()
}

// IsOpen says whether the partition's start is known.
func (p *Partition) IsOpen() bool { return p.Cursor != nil }

// behindSince estimates the timestamp of the oldest record that is not
// committed, zero if there is none.
func (p *Partition) behindSince() time.Time {
	if !p.IsOpen() {
		return time.Time{}
	}
	if n := p.Ledger.Oldest(); n != nil {
		return time.UnixMilli(n.Timestamp)
	}
	if p.Ledger.Position() >= p.Cursor.StableOffset.Load() {
		return time.Time{}
	}
	// Unread: not before the last record read, nor before the time when all
	// had been read.
	at := time.UnixMilli(p.LastSeen)
	if p.CaughtUp.After(at) {
		at = p.CaughtUp
	}
	return at
}

// Recovered clears a failure once data flows again.
func (p *Partition) Recovered() {
	if !p.HeldOut {
		p.Failure, p.Corrupt, p.Backoff = nil, false, 0
	}
}

func Sorted(m map[kafka.TopicPartition]*Partition) []*Partition {
	out := make([]*Partition, 0, len(m))
	for _, p := range m {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Partition) int { return a.Compare(b.TopicPartition) })
	return out
}

// NextHeld returns the first held record that has not been looked for in this round,
// nil if there are ranges only. What a range holds cannot be read.
func (p *Partition) NextHeld() (next *ledger.Node) {
	for node := range p.Ledger.All {
		if node.Kind != ledger.HeldRecord || node.Last > node.First {
			continue
		}
		if next == nil || node.First >= p.LookFrom {
			next = node
		}
		if node.First >= p.LookFrom {
			break
		}
	}
	return next
}
