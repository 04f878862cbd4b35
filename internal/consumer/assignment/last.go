package assignment

import (
	"context"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// LastCommit commits what has changed since the last acknowledged commit, and
// makes sure that a commit without an answer does not overtake it. It tries three times,
// and again as long as what has no room in one commit is taken by others. What rests, as
// it was denied, is tried too: nobody tries it later.
func (c *Committer) LastCommit() {
	for _, p := range c.assignment.Partitions {
		if p.Live() && p.Dirty && !p.Denied.Until().IsZero() {
			p.Denied = Denial{}
			p.Touch()
		}
	}
	for tries := 0; tries < 3; tries++ {
		if c.CommitPatience(time.Now()) <= 0 {
			return
		}
		if !c.Schedule.Touched() && !c.Schedule.unsure {
			return
		}
		c.Schedule.notBefore = time.Time{}
		taken, room := c.taken, c.Schedule.Room()
		c.Commit(time.Now())
		if c.Schedule.InFlight() {
			c.Answer(<-c.Done)
		}
		if c.Mode == Fenced {
			return
		}
		if (c.taken > taken || c.Schedule.Room() < room) && !c.Schedule.unsure {
			tries = -1
		}
		if c.Schedule.unsure && c.readBack() {
			c.Schedule.unsure = false // the group has what was acknowledged last
		}
	}
}

// readBack compares what the group has committed with what was acknowledged:
// a commit that timed out on one connection may be applied after a later one on
// another. What differs is committed again: also where only the metadata does, as
// behind something held all progress is in it.
func (c *Committer) readBack() bool {
	ctx, cancel := context.WithTimeout(context.Background(), c.CommitPatience(time.Now()))
	defer cancel()
	var partitions []kafka.TopicPartition
	for tp, p := range c.assignment.Partitions {
		if p.Live() && p.Committed >= 0 {
			partitions = append(partitions, tp)
		}
	}
	if len(partitions) == 0 {
		return true
	}
	offsets, err := c.Client.FetchOffsets(ctx, c.Config.Group, partitions)
	if err != nil {
		return false
	}
	same := true
	for tp, o := range offsets {
		if o.Err != nil {
			continue // of a topic that may not be described any more
		}
		if p := c.assignment.Partitions[tp]; p != nil && p.Acked != (ledger.CommitPoint{Offset: o.Offset, Metadata: o.Metadata}) {
			p.Touch()
			same = false
		}
	}
	return same
}

// OwesCommit reports whether something is done that the group does not know of. A
// start from which nothing was read need not be committed, unless the next owner of a
// new group could start elsewhere.
func (c *Committer) OwesCommit() bool {
	for _, p := range c.assignment.Partitions {
		if !p.Dirty || !p.Live() || p.IsHeld() || c.unproven(p) {
			continue
		}
		unread := p.Committed < 0 && p.Ledger.Position() <= p.Cursor.LogStart.Load() && !c.Config.OffsetReset.Skips()
		if text, _ := p.Ledger.Encode(c.MetadataOf(p), p.Metadata.Size()); !unread && p.Acked != (ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text}) {
			return true
		}
	}
	return false
}

// RecollectionRoom is how many characters a recollection may take, where all of them
// together have room: it stays in memory, so that it leaves out less than a commit.
const RecollectionRoom = 64 << 10

// Remember keeps what the group does not know of the session's partitions.
// Everything that the session had under way has ended. What an earlier session knew of
// a partition that this one has not opened stays as true as it was; so does what was
// done in one that seems lost, should its topic prove to be the same, and where one
// starts of which nothing could be committed. Without an id nothing tells the topic of
// either from one that was created anew.
func (c *Committer) Remember() {
	for tp, p := range c.assignment.Partitions {
		c.Known = c.Known || p.Committed >= 0
		if !p.IsOpen() {
			continue
		}
		delete(c.Recollections, tp)
		if p.IsHeld() || (p.Committed < 0 || !p.Live()) && p.TopicID == (wire.UUID{}) {
			continue
		}
		text, _ := p.Ledger.Encode(c.MetadataOf(p), RecollectionRoom)
		if known := (ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text}); known != p.Acked {
			c.Recollections[tp] = discovery.Recollection{TopicID: p.TopicID, Acked: p.Acked, Sent: p.Sent, Known: known, Epoch: c.Fetcher.EpochOf(p.Cursor), Session: c.Member.Generation}
		}
	}
	if n := c.Recollections.Bound(discovery.RecollectionsRoom); n > 0 {
		c.Metrics.Forgotten.Add(float64(n))
		c.Log.Warn("commits were refused, and not all of what this process has stored beyond them has room in memory: it may be imported again",
			"partitions_forgotten", n, "partitions_remembered", len(c.Recollections))
	}
}
