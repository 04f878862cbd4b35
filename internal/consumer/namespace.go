package consumer

import (
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/ledger"
)

// namespaceState says whether imports of a namespace succeed.
type namespaceState uint8

const (
	ordinary namespaceState = iota
	retrying                // the last attempt failed and may succeed later
	held                    // refused for good; probed now and then
)

// namespace is what the loop knows of one namespace with work or trouble.
//
// Its lines go one of three ways. Ordinary: into the open batch, from there
// into uploads. Dropping: they leave memory, and per partition a node stays at
// the first dropped offset (shed). Catching up: a catch-up read takes them from
// there, until it has reached the position of the main read.
type namespace struct {
	name    string
	uploads []*upload // sealed batches in order, those under way included
	flying  int       // attempts under way, the probe included

	state    namespaceState
	failures int       // attempts in a row that did not store
	since    time.Time // when the trouble began
	wakeAt   time.Time // no attempt before; zero: at once
	wakeSlot int       // place in the wake heap, -1 if not in it
	queued   bool      // in a ready queue

	lastError  string
	holdReason string // label: operation and status of the refusal
	forbidden  bool   // answered 403 since the API has last taken the key for it

	dropping bool // new lines leave memory
	trial    bool // a probe succeeded; one batch is read back and tried
	tooSlow  bool // another import would not end before the drain does
	probe    Import
	shed     map[*partition]*ledger.Node
	lettered int // refused batches on their way to the dead-letter topic
	// refused is where the lines lie that were refused since the hold began: each
	// probe tries them again, but they are counted once.
	refused map[TopicPartition]span
}

// span is offsets first to last.
type span struct{ first, last int64 }

// toldRefused is 1 if the line was counted as refused in this hold, else 0.
func (n *namespace) toldRefused(p *partition, offset int64) int {
	if s, ok := n.refused[p.TopicPartition]; ok && offset >= s.first && offset <= s.last {
		return 1
	}
	return 0
}

// noteRefused remembers the lines of a batch for toldRefused.
func (n *namespace) noteRefused(pieces []piece) {
	if n.refused == nil {
		n.refused = map[TopicPartition]span{}
	}
	for _, pc := range pieces {
		tp, now := pc.partition.TopicPartition, span{pc.node.First, pc.node.Last}
		if s, ok := n.refused[tp]; ok {
			now = span{min(s.first, now.first), max(s.last, now.last)}
		}
		n.refused[tp] = now
	}
}

func (n *namespace) troubled() bool { return n.state != ordinary }

// idle says that the namespace has nothing to attempt or to catch up here. Its
// trouble is kept for as long as it rests: then a member that has lines of it
// finds out by its own attempt.
func (n *namespace) idle() bool {
	return len(n.uploads) == 0 && n.flying == 0 && len(n.shed) == 0 && n.lettered == 0 && !n.trial
}

// startable returns the next upload to attempt, nil if there is none. In trouble
// only the first one is tried, so that what overtakes it stays what was under
// way beside it: what the commit's metadata must say of that is bounded then.
func (n *namespace) startable(concurrency int) *upload {
	if n.flying >= concurrency || n.tooSlow {
		return nil
	}
	for _, u := range n.uploads {
		switch {
		case u.lettering:
		case !u.flying:
			return u
		case n.troubled():
			return nil
		}
	}
	return nil
}

// upload is one sealed batch until it is stored, dead-lettered or shed.
type upload struct {
	namespace *namespace
	batch     *batcher.Batch
	imp       Import
	pieces    []piece
	flying    bool
	mayRepeat bool // it was told that this batch may be stored twice
	began     time.Time

	// Refused under the policy dlq: its records are read again from Kafka, as
	// batches hold lines. The body has left memory.
	lettering bool
	refusal   Outcome
	reading   int   // index of the piece being read
	readFrom  int64 // in that piece
	awaited   int   // letters that are not acknowledged
}

// ambiguous says that the body may be stored although no answer said so: only
// its own URL can take it without a repeat.
func (u *upload) ambiguous() bool { return u.imp != nil && u.imp.Ambiguous() }

// pieceBytes is what a piece costs beside its lines: itself, its node in the
// ledger, and what the ledger keeps of the namespace. Many small pieces may cost
// more than their lines do. TestPiece_chargesWhatItCosts compares it with the heap.
const pieceBytes = 288

// piece is a batch's share of one partition.
type piece struct {
	partition *partition
	node      *ledger.Node
	lines     int
	told      int // of lines, those that were counted as refused before
}

// takenBack says that the lines are of a log that has been taken back since.
func (pc *piece) takenBack() bool { return pc.node.Partition() != pc.partition.ledger }

// manifest is the Tag of an open batch: its share of each partition.
type manifest struct {
	pieces []piece
	last   int // found last: lines come in runs
}

// piece returns the batch's share of p that goes on with later lines, or nil.
func (m *manifest) piece(p *partition) *piece {
	if m.last < len(m.pieces) && m.pieces[m.last].of(p) {
		return &m.pieces[m.last]
	}
	for i := range m.pieces {
		if m.pieces[i].of(p) {
			m.last = i
			return &m.pieces[i]
		}
	}
	return nil
}

// of says whether later lines of p belong to the piece: not to a single record's
// node, nor to one of the ledger that p had before it started over.
func (pc *piece) of(p *partition) bool {
	return pc.partition == p && !pc.node.Single && pc.node.Partition() == p.ledger
}
