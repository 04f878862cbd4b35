package committer

import (
	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/wire"
)

// RecollectionRoom is how many characters a recollection may take, where all of them
// together have room: it stays in memory, so that it leaves out less than a commit.
const RecollectionRoom = 64 << 10

// Remember keeps what the group does not know of the session's partitions.
// Everything that the session had under way has ended. What an earlier session knew of
// a partition that this one has not opened stays as true as it was; so does what was
// done in one that seems lost, should its topic prove to be the same, and where one
// starts of which nothing could be committed. Without an id nothing tells the topic of
// either from one that was created anew.
func (s *Committer) Remember() {
	for tp, p := range s.Partitions {
		s.Known = s.Known || p.Committed >= 0
		if !p.IsOpen() {
			continue
		}
		delete(s.Recollections, tp)
		if p.IsHeld() || (p.Committed < 0 || !p.Live()) && p.TopicID == (wire.UUID{}) {
			continue
		}
		text, _ := p.Ledger.Encode(s.MetadataOf(p), RecollectionRoom)
		if known := (ledger.CommitPoint{Offset: p.Ledger.Watermark(), Metadata: text}); known != p.Acked {
			s.Recollections[tp] = discovery.Recollection{TopicID: p.TopicID, Acked: p.Acked, Sent: p.Sent, Known: known, Epoch: s.Fetcher.EpochOf(p.Cursor), Session: s.Member.Generation}
		}
	}
	if n := s.Recollections.Bound(discovery.RecollectionsRoom); n > 0 {
		s.Metrics.Forgotten.Add(float64(n))
		s.Log.Warn("commits were refused, and not all of what this process has stored beyond them has room in memory: it may be imported again",
			"partitions_forgotten", n, "partitions_remembered", len(s.Recollections))
	}
}
