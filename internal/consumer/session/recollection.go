package session

import (
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
)

// recollectionRoom is how many characters a recollection may take: it stays in
// memory, so that it need not leave anything out.
const recollectionRoom = 64 << 10

// remember keeps what the group does not know of the session's partitions.
// Everything that the session had under way has ended.
func (s *committer) remember() {
	for tp, p := range s.partitions {
		delete(s.recollections, tp)
		s.known = s.known || p.committed >= 0
		if !p.open() || p.lost || p.heldOut || p.committed < 0 {
			continue
		}
		text, _ := p.ledger.Encode(s.metadataOf(p), recollectionRoom)
		if known := (ledger.CommitPoint{Offset: p.ledger.Watermark(), Metadata: text}); known != p.acked {
			s.recollections[tp] = discovery.Recollection{TopicID: p.topicID, Acked: p.acked, Sent: p.sent, Known: known, Epoch: s.fetcher.EpochOf(p.cursor)}
		}
	}
}

// metadataOf is what every commit of the partition carries beside the frontier.
func (s *base) metadataOf(p *partition) ledger.Metadata {
	return ledger.Metadata{TopicID: ledger.Identity(p.topicID, s.member.Cluster), Fingerprint: s.fingerprint, Born: p.born}
}
