package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/commits"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// maxSingles is how many records of one partition may be held or on their way
// to the dead-letter topic before reading it pauses: as many as commit metadata has
// room for while they are less than 36^6 offsets apart, so that a restart sends
// nothing again.
const maxSingles = 500

// partition is what the loop knows of one assigned partition.
type partition struct {
	kafka.TopicPartition
	topicID wire.UUID
	cursor  *fetch.Cursor // nil until its start is resolved
	ledger  *ledger.Partition

	committed   int64              // last acknowledged, -1 none
	acked, sent ledger.CommitPoint // the commits last acknowledged and last sent
	dirty       bool               // there is something new to commit: see touch
	commits     *commits.Schedule
	born        int32          // the generation, if its start was resolved in this session
	metadata    commits.Limit  // for what is written beside the committed offset
	omitted     int            // namespaces that did not fit
	denied      commits.Denial // of its commits, as long as its topic is denied

	lost   bool    // deleted or created anew: never committed again
	paused bool    // not read: too many single records, or what it awaits
	awaits awaited // what has to become free before it is read on
	failed
	held
	progress
}

// failed says why a partition is not read.
type failed struct {
	failure error // nil if it is
	failing time.Time
	backoff time.Duration
	corrupt bool                // the failure lies in what the log holds, and stays
	heldOut bool                // its offset is out of range and the policy holds it
	asFound *kafka.CommitOffset // held out from the start: what is committed and stays
}

// held says what a partition's committed offset waits for until a person decides.
type held struct {
	heldCount int // records
	firstHeld heldRecord
	ranges    map[int64]string // why ranges are held, by their last offsets
	lookAt    time.Time        // when it is looked whether held records are still in the log, zero if none is
	lookFrom  int64            // from which offset on
}

// progress says how far reading has come in time.
type progress struct {
	lastSeen int64     // time of the last record, Unix milliseconds
	caughtUp time.Time // when there was last nothing to read
}

// awaited is what a partition waits for before it is read on. What was read of it
// is dropped meanwhile, so that it keeps no other partition waiting.
type awaited uint8

const (
	awaitsNothing awaited = iota
	awaitsLetters         // the dead letters under way leave no room for its own
	awaitsMarks           // no memory is left to remember where dropped lines begin
)

// heldRecord remembers why the first held record of a partition is held: the
// one that its committed offset waits for. Its zero value is none.
type heldRecord struct {
	offset int64
	reason string
}

// note keeps the record if it is the first one.
func (h *heldRecord) note(offset int64, reason string) {
	if h.reason == "" || offset < h.offset {
		*h = heldRecord{offset, reason}
	}
}

// heldFor returns why the record or the range of the node is held, or "".
func (p *partition) heldFor(n *ledger.Node) string {
	switch why, ok := p.ranges[n.Last]; {
	case n.Kind != ledger.HeldRecord:
		return ""
	case ok:
		return why
	case p.firstHeld.reason == "" || n.First != p.firstHeld.offset:
		return "why is in the log of when it was read; bridge check -sample reads it again"
	}
	return p.firstHeld.reason
}

// touch makes the next commit include the partition.
func (p *partition) touch() {
	p.dirty = true
	p.commits.Touch()
}

// open says whether the partition's start is known.
func (p *partition) open() bool { return p.cursor != nil }

// behindSince estimates the timestamp of the oldest record that is not
// committed, zero if there is none.
func (p *partition) behindSince() time.Time {
	if !p.open() {
		return time.Time{}
	}
	if n := p.ledger.Oldest(); n != nil {
		return time.UnixMilli(n.Timestamp)
	}
	if p.ledger.Position() >= p.cursor.StableOffset.Load() {
		return time.Time{}
	}
	// Unread: not before the last record read, nor before the time when all
	// had been read.
	at := time.UnixMilli(p.lastSeen)
	if p.caughtUp.After(at) {
		at = p.caughtUp
	}
	return at
}
