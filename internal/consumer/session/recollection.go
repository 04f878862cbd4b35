package session

import (
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/wire"
)

// recollectionRoom is how many characters a recollection may take, where all of them
// together have room: it stays in memory, so that it leaves out less than a commit.
const recollectionRoom = 64 << 10

// remember keeps what the group does not know of the session's partitions.
// Everything that the session had under way has ended. What an earlier session knew of
// a partition that this one has not opened stays as true as it was; so does what was
// done in one that seems lost, should its topic prove to be the same.
func (s *committer) remember() {
	for tp, p := range s.partitions {
		s.Known = s.Known || p.committed >= 0
		if !p.open() {
			continue
		}
		delete(s.Recollections, tp)
		if p.heldOut || p.committed < 0 || p.lost && p.topicID == (wire.UUID{}) {
			continue
		}
		text, _ := p.ledger.Encode(s.metadataOf(p), recollectionRoom)
		if known := (ledger.CommitPoint{Offset: p.ledger.Watermark(), Metadata: text}); known != p.acked {
			s.Recollections[tp] = discovery.Recollection{TopicID: p.topicID, Acked: p.acked, Sent: p.sent, Known: known, Epoch: s.fetcher.EpochOf(p.cursor), Session: s.member.Generation}
		}
	}
	if n := s.Recollections.Bound(discovery.RecollectionsRoom); n > 0 {
		s.Metrics.Forgotten(n)
		s.Log.Warn("commits were refused, and not all of what this process has stored beyond them has room in memory: it may be imported again",
			"partitions_forgotten", n, "partitions_remembered", len(s.Recollections))
	}
}

// metadataOf is what every commit of the partition carries beside the frontier.
func (s *base) metadataOf(p *partition) ledger.Metadata {
	return ledger.Metadata{TopicID: ledger.Identity(p.topicID, s.member.Cluster), Fingerprint: s.Fingerprint, Born: p.born}
}
