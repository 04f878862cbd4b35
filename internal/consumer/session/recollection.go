package session

import (
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// recollectionRoom is how many characters a recollection may take: it stays in
// memory, so that it need not leave anything out.
const recollectionRoom = 64 << 10

// mark is a commit: the offset and what was written beside it.
type mark struct {
	offset   int64
	metadata string
}

// recollection is what a session has done with a partition beyond what it could
// tell the group: after an outage of the brokers, or once it was put out of the
// group, commits are refused though batches have been stored. The next session
// of this process that gets the partition goes on from here, provided that the
// group still has one of our own commits, the last that was acknowledged or the
// last that was sent. Whoever owned the partition in between and stored
// anything of it has written another one.
type recollection struct {
	topicID wire.UUID
	acked   mark
	sent    mark // it may have been applied without our hearing of it
	known   mark
	epoch   int32 // leader epoch of what was read last
}

// remember keeps what the group does not know of the session's partitions.
// Everything that the session had under way has ended.
func (s *Session) remember() {
	for tp, p := range s.partitions {
		delete(s.recollections, tp)
		s.known = s.known || p.committed >= 0
		if !p.open() || p.lost || p.heldOut || p.committed < 0 {
			continue
		}
		text, _ := p.ledger.Encode(s.metadataOf(p), recollectionRoom)
		if known := (mark{p.ledger.Watermark(), text}); known != p.acked {
			s.recollections[tp] = recollection{p.topicID, p.acked, p.sent, known, s.fetcher.EpochOf(p.cursor)}
		}
	}
}

// recall returns what is known of a partition whose commit is c, and whether
// that is more than c says.
func (s *Session) recall(tp kafka.TopicPartition, c kafka.Committed) (kafka.Committed, bool) {
	r, ok := s.recollections[tp]
	group := mark{c.Offset, c.Metadata}
	if !ok || r.topicID != s.member.IDs[tp.Topic] || group != r.acked && group != r.sent || r.known == group {
		return c, false
	}
	return kafka.Committed{Offset: r.known.offset, LeaderEpoch: r.epoch, Metadata: r.known.metadata}, true
}

// metadataOf is what every commit of the partition carries beside the frontier.
func (s *Session) metadataOf(p *partition) ledger.Metadata {
	return ledger.Metadata{TopicID: ledger.Identity(p.topicID, s.member.Cluster), Fingerprint: s.fingerprint, Born: p.born}
}
