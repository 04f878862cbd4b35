package discovery

import (
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// Recollection is what a session has done with a partition beyond what it could
// tell the group: after an outage of the brokers, or once it was put out of the
// group, commits are refused though batches have been stored. The next session
// of this process that gets the partition goes on from here, provided that the
// group still has one of our own commits, the last that was acknowledged or the
// last that was sent. Whoever owned the partition in between and stored
// anything of it has written another one.
type Recollection struct {
	TopicID wire.UUID
	Acked   ledger.CommitPoint
	Sent    ledger.CommitPoint // it may have been applied without our hearing of it
	Known   ledger.CommitPoint
	Epoch   int32 // leader epoch of what was read last
}

// Recollections are those of all partitions.
type Recollections map[kafka.TopicPartition]Recollection

// Recall returns what is known of a partition whose commit is c, and whether that
// is more than c says.
func (r Recollections) Recall(tp kafka.TopicPartition, id wire.UUID, c kafka.Committed) (kafka.Committed, bool) {
	known, ok := r[tp]
	group := ledger.CommitPoint{Offset: c.Offset, Metadata: c.Metadata}
	if !ok || known.TopicID != id || group != known.Acked && group != known.Sent || known.Known == group {
		return c, false
	}
	return kafka.Committed{Offset: known.Known.Offset, LeaderEpoch: known.Epoch, Metadata: known.Known.Metadata}, true
}
