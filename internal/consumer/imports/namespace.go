package imports

import (
	"iter"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
)

// Namespace is what the loop knows of one namespace with work or trouble. Its
// trouble outlives the session in the pacer; the rest does not.
//
// Its lines go one of three ways. Into the open batch and from there into
// uploads. Back to Kafka, while the namespace is dropping: per partition a node
// stays at the first dropped offset (shed). From there, by a catch-up read, into
// batches again until the read has reached the position of the main read.
type Namespace struct {
	*pace.Namespace
	Uploads []*Upload // sealed batches in order, those under way included
	TooSlow bool      // another import would not end before the drain does
	// probe has failed, or has a URL for the next batch. It is nil while it is under way.
	probe   process.Import
	Shed    map[*assignment.Partition]*ledger.Node
	refused []*refusedBatch // whose records are on their way to the dead-letter topic
	stores  bool            // an import of it was stored by this session

	catchesUp bool // it is one of those that catchUps lists
}

// refusedSpans is the Memo of a namespace: where the lines lie that were refused
// since the hold began. Each probe tries them again, but they are counted once.
type refusedSpans map[kafka.TopicPartition]span

// span is offsets first to last.
type span struct{ first, last int64 }

// CountedRefused returns 1 if the line was counted as refused in this hold, else 0.
func (n *Namespace) CountedRefused(p *assignment.Partition, offset int64) int {
	refused, _ := n.Memo.(refusedSpans)
	if s, ok := refused[p.TopicPartition]; ok && offset >= s.first && offset <= s.last {
		return 1
	}
	return 0
}

// noteRefused remembers the lines of a batch for CountedRefused.
func (n *Namespace) noteRefused(pieces []piece) {
	refused, _ := n.Memo.(refusedSpans)
	if refused == nil {
		refused = refusedSpans{}
		n.Memo = refused
	}
	for _, pc := range pieces {
		tp, now := pc.Partition.TopicPartition, span{pc.Node.First, pc.Node.Last}
		if s, ok := refused[tp]; ok {
			now = span{min(s.first, now.first), max(s.last, now.last)}
		}
		refused[tp] = now
	}
}

// Idle reports whether the namespace has nothing to attempt or to catch up here.
// Its trouble is kept for as long as it rests: then a member that has lines of it
// finds out by its own attempt.
func (n *Namespace) Idle() bool {
	return len(n.Uploads) == 0 && len(n.Shed) == 0 && len(n.refused) == 0 && n.State() != pace.Trial
}

// Busy reports whether an import is under way or to be made, or dead letters instead.
func (n *Namespace) Busy() bool { return n.InFlight() > 0 || len(n.Uploads)+len(n.refused) > 0 }

// Sealed are the batches that are to be stored, and those that were refused and are to
// become dead letters.
func (n *Namespace) Sealed() iter.Seq[*batcher.Batch] {
	return func(yield func(*batcher.Batch) bool) {
		for _, u := range n.Uploads {
			if !yield(u.Batch) {
				return
			}
		}
		for _, r := range n.refused {
			if !yield(r.batch) {
				return
			}
		}
	}
}

// Dropped reports whether lines have left memory.
func (n *Namespace) Dropped() bool { return len(n.Shed) > 0 }

// ReadsBack reports whether more of the lines that have left memory may be read now: in
// a trial one batch must be stored before the next is read.
func (n *Namespace) ReadsBack() bool {
	return n.Dropped() && (!n.Dropping() || n.State() == pace.Trial && len(n.Uploads) == 0)
}

// Startable reports whether there is an upload to attempt.
func (n *Namespace) Startable() bool { return n.startable() != nil }

// startable returns the next upload to attempt, nil if there is none. In trouble
// only the first one is tried, so that what overtakes it stays what was under
// way beside it: what the commit's metadata must say of that is bounded then.
func (n *Namespace) startable() *Upload {
	if n.TooSlow {
		return nil
	}
	for _, u := range n.Uploads {
		switch {
		case u.Call == Preparing:
			return nil // no later one overtakes it
		case u.Call == NoCall:
			return u
		case n.Troubled():
			return nil
		}
	}
	return nil
}

// Call is what is in flight for a batch: its import is that goroutine's meanwhile.
type Call uint8

// The calls of an import.
const (
	NoCall     Call = iota
	Attempting      // to store it
	Asking          // what became of an attempt
	Preparing       // of its attempt: the call for its URL, while an earlier batch uploads
)

// Upload is one sealed batch until it is stored, refused or shed.
type Upload struct {
	Namespace *Namespace
	Batch     *batcher.Batch
	Import    process.Import
	Pieces    []piece
	Call      Call // in flight
	mayRepeat bool // it was reported that this batch may be stored twice
	Fate      Fate // of an ambiguous batch, as far as the API has said
	askAfter  time.Time
	began     time.Time
}

// Ambiguous says that the body may be stored although no answer said so: only
// its own URL can take it without a repeat. While an attempt is in flight nobody
// can say.
func (u *Upload) Ambiguous() bool { return u.Call == NoCall && u.Import != nil && u.Import.Ambiguous() }

// Drop gives up the URL of the batch's import, which counts one that was not used.
func (u *Upload) Drop() {
	if u.Import != nil {
		u.Import.Drop()
	}
}

// PieceBytes is what a piece costs beside its lines: itself, its node in the
// ledger, and what the ledger keeps of the namespace. Many small pieces may cost
// more than their lines do. TestPiece_chargesWhatItCosts compares it with the heap.
const PieceBytes = 288

// piece is a batch's share of one partition.
type piece struct {
	Partition *assignment.Partition
	Node      *ledger.Node
	lines     int
	counted   int // of lines, those that were counted as refused before
}

// takenBack says that the lines are of a log that has been taken back since.
func (pc *piece) takenBack() bool {
	return pc.Node == nil || pc.Node.Partition() != pc.Partition.Ledger
}

// Manifest is the Tag of an open batch: its share of each partition.
type Manifest struct {
	Pieces []piece
	last   int      // found last: lines come in runs
	one    [1]piece // room for the only one of a small batch
}

// piece returns the batch's share of p that goes on with later lines, or nil.
func (m *Manifest) piece(p *assignment.Partition) *piece {
	if m.last < len(m.Pieces) && m.Pieces[m.last].of(p) {
		return &m.Pieces[m.last]
	}
	for i := range m.Pieces {
		if m.Pieces[i].of(p) {
			m.last = i
			return &m.Pieces[i]
		}
	}
	return nil
}

// of says whether later lines of p belong to the piece: not to a single record's
// node, nor to one of the ledger that p had before it started over.
func (pc *piece) of(p *assignment.Partition) bool {
	return pc.Partition == p && !pc.Node.Single && pc.Node.Partition() == p.Ledger
}
