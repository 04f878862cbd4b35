package ledger

import "slices"

// What is done of a partition although something before it is not: by earlier owners, as
// their last commit says, and by this one.

// Done reports whether an earlier owner has already finished the line of
// namespace at offset.
func (p *Partition) Done(namespace string, offset int64) bool {
	return offset < p.inherited.Below && !p.inherited.owes(namespace, offset)
}

// Inheriting reports whether the position is still below what earlier owners have
// looked at.
func (p *Partition) Inheriting() bool { return p.position < p.inherited.Below }

// RecordDone reports whether an earlier owner has already finished the record at
// offset as a whole, as it does for records that become no line (skipped or
// dead-lettered). A record it held is not done.
func (p *Partition) RecordDone(offset int64) bool {
	return offset < p.inherited.Below && !p.inherited.holds(offset)
}

// RangeDone reports whether an earlier owner has already finished everything from
// first to last.
func (p *Partition) RangeDone(first, last int64) bool {
	for _, from := range p.inherited.Except {
		if from <= last {
			return false
		}
	}
	i, ok := find(p.inherited.Whole, first)
	return last < p.inherited.Below && !ok && (i == len(p.inherited.Whole) || p.inherited.Whole[i].First > last)
}

// Released reports whether an earlier owner left this single record unfinished:
// its lines belong in nodes of their own, tracked with TrackSingle. Those of a
// range that it left belong in its namespaces' ordinary nodes.
func (p *Partition) Released(offset int64) bool {
	if offset >= p.inherited.Below { // as nearly all are: each line is asked about
		return false
	}
	i, ok := find(p.inherited.Whole, offset)
	return ok && p.inherited.Whole[i].First == p.inherited.Whole[i].Last
}

// Overtaken reports whether the line of namespace at offset is done although an
// earlier line of the namespace is not.
func (p *Partition) Overtaken(namespace string, offset int64) bool {
	l := p.namespaces[namespace]
	return l != nil && within(l.ahead, offset)
}

func (f *Frontier) owes(namespace string, offset int64) bool {
	if first, ok := f.Except[namespace]; ok && offset >= first && !within(f.Ahead[namespace], offset) {
		return true
	}
	return f.holds(offset)
}

func (f *Frontier) holds(offset int64) bool { return within(f.Whole, offset) }

// doneBetween lists the runs of offsets from first up to end, exclusive, whose
// lines of namespace are done.
func (f *Frontier) doneBetween(namespace string, first, end int64) []Span {
	var spans []Span
	add := func(s Span) {
		s.First, s.Last = max(s.First, first), min(s.Last, end-1)
		at, _ := find(f.Whole, s.First)
		for ; at < len(f.Whole) && f.Whole[at].First <= s.Last; at++ {
			if s.First < f.Whole[at].First {
				spans = append(spans, Span{s.First, f.Whole[at].First - 1})
			}
			s.First = f.Whole[at].Last + 1
		}
		if s.First <= s.Last {
			spans = append(spans, s)
		}
	}
	end = min(end, f.Below)
	except, ok := f.Except[namespace]
	if !ok {
		except = end
	}
	add(Span{first, except - 1})
	for _, s := range f.Ahead[namespace] {
		add(s)
	}
	return spans
}

// Span is a run of offsets, both inclusive.
type Span struct {
	First, Last int64
}

func (s Span) overlaps(n *Node) bool { return n.First <= s.Last && n.Last >= s.First }

// find returns the span that holds the offset.
func find(spans []Span, offset int64) (at int, ok bool) {
	return slices.BinarySearchFunc(spans, offset, func(s Span, o int64) int {
		switch {
		case s.Last < o:
			return -1
		case s.First > o:
			return 1
		}
		return 0
	})
}

func within(spans []Span, offset int64) bool {
	_, ok := find(spans, offset)
	return ok
}

// firstOwed returns offset, or the one behind the span that holds it.
func firstOwed(ahead []Span, offset int64) int64 {
	if i, ok := find(ahead, offset); ok {
		return ahead[i].Last + 1
	}
	return offset
}
