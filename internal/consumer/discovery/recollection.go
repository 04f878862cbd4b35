package discovery

import (
	"cmp"
	"maps"
	"slices"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Recollection is what a session has done with a partition beyond what it could
// commit: after an outage of the brokers, or once it was put out of the
// group, commits are refused though batches have been stored. The next session
// of this process that gets the partition goes on from here, provided that the
// group still has one of our own commits, the last that was acknowledged or one that
// was sent since. Whoever owned the partition in between and stored
// anything of it has written another one.
type Recollection struct {
	TopicID wire.UUID
	Acked   ledger.CommitPoint
	Sent    []ledger.CommitPoint // any of them may have been applied without our hearing of it
	Known   ledger.CommitPoint
	Epoch   int32 // leader epoch of what was read last
	Session int32 // generation of the session that has remembered it
}

// RecollectionsRoom is how many bytes the recollections of a process may take. They
// are part of what it needs beside the buffer.
const RecollectionsRoom = 4 << 20

// recollectionBytes is the memory of a recollection beside its texts and the name of
// its topic.
const recollectionBytes = 320

// commitPointBytes is the memory of a commit that was sent, beside its text.
const commitPointBytes = 24

// Recollections are what a process remembers of its partitions.
type Recollections map[kafka.TopicPartition]Recollection

// Bound forgets recollections until the others take no more bytes than room, and
// returns how many. Those of the oldest session go first, since its partitions may
// never come back, and of one session the largest, so that few do. What is forgotten
// may be stored again, if this process gets the partition before anybody else
// commits.
func (r Recollections) Bound(room int64) (forgotten int) {
	taken := int64(0)
	for tp := range r {
		taken += r.bytes(tp)
	}
	if taken <= room {
		return 0
	}
	order := slices.SortedFunc(maps.Keys(r), func(a, b kafka.TopicPartition) int {
		return cmp.Or(cmp.Compare(r[a].Session, r[b].Session), cmp.Compare(r.bytes(b), r.bytes(a)), a.Compare(b))
	})
	for _, tp := range order {
		if taken <= room {
			break
		}
		taken -= r.bytes(tp)
		delete(r, tp)
		forgotten++
	}
	return forgotten
}

// bytes returns the memory of a partition's recollection.
func (r Recollections) bytes(tp kafka.TopicPartition) int64 {
	known := r[tp]
	n := len(tp.Topic) + len(known.Acked.Metadata) + len(known.Known.Metadata)
	for _, sent := range known.Sent {
		n += commitPointBytes + len(sent.Metadata)
	}
	return recollectionBytes + int64(n)
}

// Recall returns what is known of a partition whose commit is c, and whether that
// is more than c says.
func (r Recollections) Recall(tp kafka.TopicPartition, id wire.UUID, c kafka.Committed) (kafka.Committed, bool) {
	known, ok := r[tp]
	group := ledger.CommitPoint{Offset: c.Offset, Metadata: c.Metadata}
	if !ok || known.TopicID.Differs(id) || group != known.Acked && !slices.Contains(known.Sent, group) || known.Known == group {
		return c, false
	}
	return kafka.Committed{Offset: known.Known.Offset, LeaderEpoch: known.Epoch, Metadata: known.Known.Metadata}, true
}
