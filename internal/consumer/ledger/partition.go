package ledger

import (
	"fmt"
	"slices"
	"time"
)

// Partition is the ledger of one partition for one assignment. Create it with
// New.
type Partition struct {
	position   int64
	floor      int64 // largest watermark seen; invariant: floor <= every node's First
	root       Node  // sentinel of the ring of nodes, ordered by First
	finger     *Node // where the last one was linked that did not belong at the end
	singles    int
	held       int
	ranges     []*Node          // held ones, ordered by First
	released   []*Node          // of lines of records that an earlier owner held, see Released
	namespaces map[string]*lane // of those with nodes that are not single
	inherited  Frontier
	owed       []debt // what was inherited, in the order of offsets
	encoder    encoder
}

// New returns the ledger of a partition whose reading starts at start, with
// the frontier that came with the committed offset (zero for none).
func New(start int64, inherited Frontier) *Partition {
	p := &Partition{position: start, floor: start, namespaces: map[string]*lane{}, inherited: inherited, owed: inherited.owed()}
	p.root.prev, p.root.next, p.finger = &p.root, &p.root, &p.root
	return p
}

// Position is the offset of the next record to look at.
func (p *Partition) Position() int64 { return p.position }

// Watermark is the offset that may be committed: every line below it is done.
// It never goes back.
func (p *Partition) Watermark() int64 {
	p.floor = p.position
	if n := p.Oldest(); n != nil {
		p.floor = min(p.floor, n.First)
	}
	return p.floor
}

// Oldest returns the node that pins the watermark, or nil.
func (p *Partition) Oldest() *Node {
	if n := p.root.next; n != &p.root {
		return n
	}
	return nil
}

// Singles counts the unfinished nodes that stand apart from the namespaces'.
func (p *Partition) Singles() int { return p.singles }

// Held counts the unfinished nodes of records and ranges that a policy holds.
func (p *Partition) Held() int { return p.held }

// OwedRecords lists the single records from the position up to below, exclusive,
// that an earlier owner left unfinished.
func (p *Partition) OwedRecords(below int64) (offsets []int64) {
	if !p.Inheriting() {
		return nil
	}
	at, _ := find(p.inherited.Whole, p.position)
	for _, s := range p.inherited.Whole[at:] {
		if s.First >= min(below, p.inherited.Below) {
			break
		}
		if s.First == s.Last {
			offsets = append(offsets, s.First)
		}
	}
	return offsets
}

// Advance moves the position to next: every line of the records below it has a
// node or is done. An offset below the position changes nothing.
func (p *Partition) Advance(next int64) { p.position = max(p.position, next) }

// Track adds a node for lines of namespace from first on.
func (p *Partition) Track(kind Kind, namespace string, first, timestamp int64, now time.Time) (*Node, error) {
	n, err := p.insert(kind, first, timestamp, now)
	if err != nil {
		return nil, err
	}
	n.Namespace = namespace
	p.enter(n)
	return n, nil
}

// TrackSingle adds a node for the one record at offset.
func (p *Partition) TrackSingle(kind Kind, namespace string, offset, timestamp int64, now time.Time) (*Node, error) {
	n, err := p.insert(kind, offset, timestamp, now)
	if err != nil {
		return nil, err
	}
	n.Namespace, n.Single = namespace, true
	p.singles++
	if namespace != "" {
		p.released = append(p.released, n)
	}
	return n, nil
}

// HoldRange adds a node for the records from first to last, none of which can be
// read, but for those that other ranges stand for. It returns nil if none is left.
func (p *Partition) HoldRange(first, last, timestamp int64, now time.Time) (*Node, error) {
	for _, n := range p.ranges {
		if n.First <= first {
			first = max(first, n.Last+1)
		} else {
			last = min(last, n.First-1)
		}
	}
	if first > last {
		return nil, nil
	}
	n, err := p.TrackSingle(HeldRecord, "", first, timestamp, now)
	if err != nil {
		return nil, err
	}
	n.Last = last
	i, _ := slices.BinarySearchFunc(p.ranges, first, byFirst)
	p.ranges = slices.Insert(p.ranges, i, n)
	return n, nil
}

// Unread reports whether the record lies in a range that HoldRange has added and
// that is not settled.
func (p *Partition) Unread(offset int64) bool {
	i, ok := slices.BinarySearchFunc(p.ranges, offset, byFirst)
	return ok || i > 0 && p.ranges[i-1].Last >= offset
}

// Extend notes that the node's lines now reach to last.
func (p *Partition) Extend(n *Node, last int64) { n.Last = max(n.Last, last) }

// Shift moves the start of an unfinished node forward to first: the lines
// before it are tracked by other nodes, or gone.
func (p *Partition) Shift(n *Node, first, timestamp int64) error {
	if n.partition != p {
		return ErrSettled
	}
	if first < n.First {
		return fmt.Errorf("shift node from %d to %d: %w", n.First, first, ErrBackward)
	}
	if n.lane != nil {
		n.lane.remove(n)
	}
	n.First, n.Last, n.Timestamp = first, max(n.Last, first), timestamp
	p.unlink(n)
	p.link(n)
	if n.lane != nil {
		n.lane.insert(n)
		n.lane.trim()
	}
	return nil
}

// SettleTo moves the start of an unfinished node forward to first: its lines before that
// are stored, dead-lettered or skipped.
func (p *Partition) SettleTo(n *Node, first, timestamp int64) error {
	done := Span{n.First, first - 1}
	if err := p.Shift(n, first, timestamp); err != nil {
		return err
	}
	if n.lane == nil {
		return nil
	}
	if i := slices.Index(n.lane.nodes, n); i > 0 && done.First <= done.Last {
		n.lane.finished(i, done, p.position)
	}
	return nil
}

// Settle ends a node: its lines are stored, dead-lettered or skipped. Settling
// twice is an error and changes nothing.
func (p *Partition) Settle(n *Node) error { return p.end(n, true) }

// Drop ends a node whose lines other nodes stand for. Dropping one that is
// settled is an error and changes nothing.
func (p *Partition) Drop(n *Node) error { return p.end(n, false) }

func (p *Partition) end(n *Node, done bool) error {
	if n.partition != p {
		return ErrSettled
	}
	p.unlink(n)
	n.partition = nil
	p.counts(n.Kind, -1)
	if !n.Single {
		p.exit(n, done)
		return nil
	}
	p.singles--
	for _, list := range []*[]*Node{&p.ranges, &p.released} {
		if i := slices.Index(*list, n); i >= 0 {
			*list = slices.Delete(*list, i, i+1)
		}
	}
	if l := p.namespaces[n.Namespace]; done && l != nil && l.nodes[0].First < n.First {
		i, _ := slices.BinarySearchFunc(l.nodes, n.First, byFirst)
		l.finished(i, Span{n.First, n.First}, p.position)
	}
	return nil
}

// All calls yield for each unfinished node in the order of first offsets. yield
// may settle the node that it is called with, and no other.
func (p *Partition) All(yield func(*Node) bool) {
	for n := p.root.next; n != &p.root; {
		next := n.next
		if !yield(n) {
			return
		}
		n = next
	}
}

func (p *Partition) insert(kind Kind, first, timestamp int64, now time.Time) (*Node, error) {
	if first < p.floor {
		return nil, fmt.Errorf("track %s at %d: %w %d", kind, first, ErrBackward, p.floor)
	}
	n := &Node{Kind: kind, First: first, Last: first, Timestamp: timestamp, Since: now, partition: p}
	p.link(n)
	p.counts(kind, 1)
	return n, nil
}

// link inserts n behind every node that begins before it. New work nearly always
// belongs at the end; else, in a catch-up read, near the last one linked elsewhere, so
// that a node costs the same however many there are.
func (p *Partition) link(n *Node) {
	at := p.root.prev
	if at != &p.root && at.First > n.First {
		at, p.finger = p.finger, n
	}
	for at != &p.root && at.First > n.First {
		at = at.prev
	}
	for at.next != &p.root && at.next.First < n.First {
		at = at.next
	}
	n.prev, n.next = at, at.next
	at.next.prev, at.next = n, n
}

func (p *Partition) unlink(n *Node) {
	if p.finger == n {
		p.finger = n.prev
	}
	n.prev.next, n.next.prev = n.next, n.prev
	n.prev, n.next = nil, nil
}

// Become changes what an unfinished node is, as when its batch leaves memory.
func (p *Partition) Become(n *Node, kind Kind) {
	if n.partition == p {
		p.counts(n.Kind, -1)
		p.counts(kind, 1)
		n.Kind = kind
	}
}

// counts adds change to how many nodes are held, for one of this kind.
func (p *Partition) counts(kind Kind, change int) {
	if kind == HeldRecord {
		p.held += change
	}
}
