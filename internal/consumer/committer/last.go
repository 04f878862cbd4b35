package committer

import (
	"context"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/ledger"
)

// LastCommit commits what has changed since the last acknowledged commit, and
// makes sure that a commit without an answer does not overtake it.
func (s *Committer) LastCommit() {
	for range 3 {
		if s.CommitPatience(time.Now()) <= 0 {
			return
		}
		if !s.Touched() && !s.Unsure() {
			return
		}
		s.Hurry()
		s.Commit(time.Now())
		if s.InFlight() {
			s.Answer(<-s.Done)
		}
		if s.Mode == assignment.Fenced {
			return
		}
		if s.Unsure() && s.readBack() {
			s.Certain()
		}
	}
}

// readBack compares what the group has committed with what was acknowledged:
// a commit that timed out on one connection may be applied after a later one on
// another. What differs is committed again: also where only the metadata does, as
// behind something held all progress is in it.
func (s *Committer) readBack() bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.CommitPatience(time.Now()))
	defer cancel()
	topics := map[string][]int32{}
	for tp, p := range s.Partitions {
		if p.Live() && p.Committed >= 0 {
			topics[tp.Topic] = append(topics[tp.Topic], tp.Partition)
		}
	}
	if len(topics) == 0 {
		return true
	}
	offsets, err := s.Client.FetchOffsets(ctx, s.Config.Group, topics)
	if err != nil {
		return false
	}
	same := true
	for tp, o := range offsets {
		if o.Err != nil {
			continue // of a topic that may not be described any more
		}
		if p := s.Partitions[tp]; p != nil && p.Acked != (ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}) {
			p.Touch()
			same = false
		}
	}
	return same
}

// OwesCommit reports whether something is done that the group does not know of. A
// start from which nothing was read need not be committed, unless the next owner of a
// new group could start elsewhere.
func (s *Committer) OwesCommit() bool {
	for _, p := range s.Partitions {
		if !p.Live() || p.IsHeld() {
			continue
		}
		unread := p.Committed < 0 && p.Ledger.Position() <= p.Cursor.LogStart.Load() && !s.Config.OffsetReset.Skips()
		if text, _ := p.Ledger.Encode(s.MetadataOf(p), p.Metadata.Size()); !unread && p.Acked != (ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text}) {
			return true
		}
	}
	return false
}
