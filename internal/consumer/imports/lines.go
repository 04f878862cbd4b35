package imports

import (
	"iter"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/pace"
)

// Add puts one line into the namespace's open batch and into the ledger. counted is
// 1 if the line was counted as refused before, else 0.
func (l *Lines) Add(name string, p *assignment.Partition, line *fetch.Line, counted int, now time.Time) {
	open, sealed, err := l.Batches.Add(name, line.Bytes, line.Time, now)
	if err != nil { // record.Worker bounds lines by the same limit
		l.assignment.HoldRecord(p, line.Offset, line.Time, err.Error(), now)
		return
	}
	if sealed != nil {
		l.Queue(sealed, now)
	}
	l.note(open, p, line, counted, now)
	if l.Batches.SealFull(open) {
		l.Queue(open, now)
	}
}

// note makes the ledger owe the line until its batch is stored.
func (l *Lines) note(open *batcher.Batch, p *assignment.Partition, line *fetch.Line, counted int, now time.Time) {
	m, ok := open.Tag.(*Manifest)
	if !ok {
		m = &Manifest{}
		m.Pieces = m.one[:0]
		open.Tag = m
	}
	track := p.Ledger.Track
	if p.Ledger.Released(line.Offset) {
		track = p.Ledger.TrackSingle
	} else if pc := m.piece(p); pc != nil {
		p.Ledger.Extend(pc.Node, line.Offset)
		pc.lines++
		pc.counted += counted
		return
	}
	if node := l.assignment.Tracked(track(ledger.Batch, open.Namespace, line.Offset, line.Time, now)); node != nil {
		m.Pieces = append(m.Pieces, piece{p, node, 1, counted})
		open.Charge(PieceBytes)
	}
}

// Queue makes a sealed batch wait for its import.
func (l *Lines) Queue(b *batcher.Batch, now time.Time) {
	n := l.Namespace(b.Namespace)
	m, _ := b.Tag.(*Manifest)
	u := &Upload{Namespace: n, Batch: b}
	if m != nil {
		u.Pieces = m.Pieces
	}
	l.Metrics.Flushed(b)
	n.Uploads = append(n.Uploads, u)
	l.changed(n, now)
}

// maxLettered is how many refused batches of a namespace may be on their way to
// the dead-letter topic before the next one fills up to the hard bounds: should
// the topic be away for days, they must not become ever more.
const maxLettered = 16

// changed follows every change of what a namespace has to do, and of its trouble. Age
// seals no open batch while as many imports of the namespace are unfinished as may be
// under way: it goes on filling.
func (l *Lines) changed(n *Namespace, now time.Time) {
	l.Batches.SetBusy(n.Name, len(n.Uploads)+max(0, len(n.refused)-maxLettered) >= l.Config.NamespaceConcurrency)
	l.Pacer.Changed(n.Namespace, now)
}

// Namespace returns the namespace and makes it known to the pacer.
func (l *Lines) Namespace(name string) *Namespace { return WorkOf(l.Pacer.Get(name)) }

// Lookup returns the namespace if the pacer knows it, else nil.
func (l *Lines) Lookup(name string) *Namespace {
	if n := l.Pacer.Lookup(name); n != nil {
		return WorkOf(n)
	}
	return nil
}

// Namespaces returns the namespaces that the pacer knows.
func (l *Lines) Namespaces() iter.Seq[*Namespace] {
	return func(yield func(*Namespace) bool) {
		for n := range l.Pacer.All() {
			if !yield(WorkOf(n)) {
				return
			}
		}
	}
}

// WorkOf returns the session's half of a namespace.
func WorkOf(n *pace.Namespace) *Namespace {
	if n.Work == nil {
		n.Work = &Namespace{Namespace: n}
	}
	return n.Work.(*Namespace)
}
