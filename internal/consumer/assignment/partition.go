package assignment

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/report"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
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
	Ledger  *ledger.Partition
	Backoff time.Duration // before it is read again after its next failure
	condition
	commitment
	held
	progress
}

// commitment is what the group was told of a partition, and what it is to be told.
type commitment struct {
	Committed int64              // last acknowledged, -1 none
	Acked     ledger.CommitPoint // the commit last acknowledged
	// Sent are commits that were sent since, without an acknowledgement: the group may have
	// any of them.
	Sent     []ledger.CommitPoint
	Dirty    bool                // there is something new to commit: see Touch
	Born     int32               // the generation, if its start was resolved in this session
	Metadata Limit               // for what is written beside the committed offset
	Omitted  int                 // namespaces that did not fit
	Denied   Denial              // of its commits, as long as its topic is denied
	AsFound  *kafka.CommitOffset // held from the start: what is committed and stays

	schedule *Schedule
}

// NewPartition returns a partition whose start is not known. What changes in it is
// committed by the schedule.
func NewPartition(tp kafka.TopicPartition, id wire.UUID, s *Schedule) *Partition {
	return &Partition{
		TopicPartition: tp, TopicID: id,
		commitment: commitment{Committed: -1, Metadata: NewLimit(ledger.MaxMetadata), schedule: s},
	}
}

// held says what a partition's committed offset waits for until a person decides.
type held struct {
	FirstHeld heldRecord
	Ranges    map[int64]string // why ranges are held, by their last offsets
	LookAt    time.Time        // when it is looked whether held records are still in the log, zero if none is
	LookFrom  int64            // from which offset on
}

// progress says how far reading has come in time.
type progress struct {
	LastSeen int64     // time of the last record, Unix milliseconds
	CaughtUp time.Time // when there was last nothing to read
	open     openTransaction
}

// openTransaction is where a producer's open transaction keeps a partition from being
// read on, and since when; the zero time if none does.
type openTransaction struct {
	offset int64
	since  time.Time
}

// NoteTransaction notices whether the partition waits at an open transaction: all that
// is committed has been read, and the log goes on. It is called every few seconds.
func (p *Partition) NoteTransaction(now time.Time) {
	switch {
	case !p.Live() || p.Ledger.Position() < p.Cursor.StableOffset.Load() || p.Cursor.StableOffset.Load() >= p.Cursor.HighWatermark.Load():
		p.open = openTransaction{}
	case p.open.since.IsZero() || p.open.offset != p.Cursor.StableOffset.Load():
		p.open = openTransaction{p.Cursor.StableOffset.Load(), now}
	}
}

// OpenTransaction returns the offset of the open transaction at which the partition
// waits, and for how long it has waited: 0 if there is none.
func (p *Partition) OpenTransaction(now time.Time) (offset int64, waits time.Duration) {
	if p.open.since.IsZero() {
		return 0, 0
	}
	return p.open.offset, now.Sub(p.open.since)
}

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

// StartOver gives the partition another ledger, of another history, from the offset on:
// what the old one held means nothing there.
func (p *Partition) StartOver(l *ledger.Partition, offset int64) {
	p.Ledger, p.Committed, p.held = l, offset, held{}
}

// Touch makes the next commit include the partition.
func (p *Partition) Touch() {
	p.Dirty = true
	p.schedule.Touch()
}

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

// Sorted returns the partitions by topic and number.
func Sorted(m map[kafka.TopicPartition]*Partition) []*Partition {
	return slices.SortedFunc(maps.Values(m), func(a, b *Partition) int { return a.Compare(b.TopicPartition) })
}

// NextHeld returns the first held record that has not been looked for in this round,
// nil if there are ranges only. What a range holds cannot be read.
func (p *Partition) NextHeld() (first *ledger.Node) {
	for node := range p.Ledger.All {
		switch {
		case node.Kind != ledger.HeldRecord || node.Last > node.First:
		case node.First >= p.LookFrom:
			return node
		case first == nil:
			first = node
		}
	}
	return first
}

// PauseReason says why reading of a paused partition pauses.
func (p *Partition) PauseReason() string {
	switch p.pause {
	case AwaitsLetters:
		return "reading pauses until the dead-letter topic has taken more of what waits for it"
	case AwaitsMarks:
		return "reading pauses until fewer namespaces are held or failing: no memory is left to remember where their records begin; raise BRIDGE_BUFFER_MAX_BYTES, or see the namespaces' last errors"
	}
	return fmt.Sprintf("reading pauses until fewer records are held or on their way to the dead-letter topic; now %d are", p.Ledger.Singles())
}

// Status is what /status shows of the partition.
func (p *Partition) Status(now time.Time) report.PartitionStatus {
	out := report.PartitionStatus{Topic: p.Topic, Partition: p.Partition, CommittedOffset: p.Committed, NextOffset: -1, HighWatermark: -1, LogStartOffset: -1, State: "paused"}
	err := p.Err()
	if err != nil {
		text := err.Error()
		out.Error, out.State = &text, "failed"
	}
	if err == nil && !p.Denied.Until().IsZero() {
		text := "what is stored of it cannot be committed: this user needs READ on the topic; it is tried again"
		out.Error = &text
	}
	out.Corrupt = p.Corrupt()
	if !p.IsOpen() {
		return out
	}
	out.NextOffset, out.HighWatermark, out.LogStartOffset = p.Ledger.Position(), p.Cursor.HighWatermark.Load(), p.Cursor.LogStart.Load()
	out.LagRecords = max(0, out.HighWatermark-max(out.CommittedOffset, 0))
	if out.CommittedOffset < 0 {
		out.LagRecords = max(0, out.HighWatermark-out.NextOffset)
	}
	out.Unread = max(0, p.Cursor.StableOffset.Load()-out.NextOffset)
	out.Omitted = p.Omitted
	if at := p.behindSince(); !at.IsZero() {
		out.LagSeconds = max(0, now.Sub(at).Seconds())
	}
	n := p.Ledger.Oldest()
	if n != nil {
		out.PinnedBy = &report.PinStatus{Kind: n.Kind.String(), Namespace: n.Namespace, Offset: n.First, Since: n.Since, Reason: p.heldFor(n)}
	}
	if p.State() == Paused && out.Error == nil {
		text := p.PauseReason()
		out.Error = &text
	}
	switch {
	case p.IsHeld() || p.Ledger.Held() > 0 || n != nil && n.Kind == ledger.Shed:
		out.State = "held"
	case err == nil:
		out.State = p.State().String()
	}
	return out
}
