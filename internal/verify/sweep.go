package verify

import (
	"container/heap"
	"math"
	"slices"

	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/internal/scan"
)

// sweep goes over the records of one partition in the order of their offsets
// and counts what became of each. It is pure; memory grows with what is open at
// one offset only.
type sweep struct {
	out      *Partition
	from, to int64               // offsets that are swept: from included, to not
	carried  []cover             // of earlier passes: begin behind the last record that was read
	pending  []cover             // of this pass
	open     map[uint64]*cluster // by namespace
	ends     spanHeap
	letters  []cover // of the offset that is being swept
	free     []*span
}

// span is a receipt's piece whose range has been reached.
type span struct {
	last      int64
	records   int
	hits      int  // lines of its namespace that the source has in its range
	cut       bool // part of its range is not swept
	namespace uint64
}

// cluster is a row of spans of a namespace of which each overlaps the next.
type cluster struct {
	first   int64
	last    int64 // offset of its last line
	lines   int64 // of the source
	letters int64 // of them: dead-lettered
	stored  int64 // lines that its closed spans hold
	unsure  int64 // of them: those of spans that reach beyond what is swept, and may be there
	spans   []*span
	name    string
}

// spanHeap is ordered by the end of the spans.
type spanHeap []*span

func (h spanHeap) Len() int           { return len(h) }
func (h spanHeap) Less(i, j int) bool { return h[i].last < h[j].last }
func (h spanHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *spanHeap) Push(s any)        { *h = append(*h, s.(*span)) }
func (h *spanHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// delivery is a record's fate, with its namespaces' hashes.
type delivery struct {
	scan.Fate
	hashes []uint64 // of the namespaces
}

func newSweep(out *Partition, from, to int64) *sweep {
	return &sweep{out: out, from: from, to: to, open: map[uint64]*cluster{}}
}

// feed lends the covers of the next pass, sorted and none before those of earlier
// passes, until keep or finish.
func (s *sweep) feed(covers []cover) { s.pending = covers }

// keep copies what is left of the lent covers.
func (s *sweep) keep() {
	s.carried = append(s.carried, s.pending...)
	s.pending = nil
}

// begun returns the next cover that begins at an offset or before.
func (s *sweep) begun(offset int64) (c cover, ok bool) {
	for _, list := range []*[]cover{&s.carried, &s.pending} {
		if len(*list) > 0 {
			if c = (*list)[0]; c.first > offset {
				return c, false
			}
			*list = (*list)[1:]
			return c, true
		}
	}
	return c, false
}

// record counts one record.
func (s *sweep) record(offset int64, d *delivery) {
	s.reach(offset)
	s.out.Records++
	if d.Reason != "" {
		s.rejected(offset, d)
		return
	}
	for i, namespace := range d.hashes {
		s.out.Deliveries++
		letter := s.lettered(namespace)
		c := s.open[namespace]
		switch {
		case c != nil:
			c.lines++
			c.last, c.name = offset, d.Namespaces[i]
			for _, sp := range c.spans {
				sp.hits++
			}
			if letter {
				c.letters++
			}
		case letter:
			s.out.DeadLettered++
		default:
			s.out.miss(offset, offset, 1, d.Namespaces[i], "")
		}
	}
}

// rejected counts a record that becomes no line.
func (s *sweep) rejected(offset int64, d *delivery) {
	s.out.Deliveries++
	switch {
	case s.lettered(wholeRecord):
		s.out.DeadLettered++
	case d.Policy == record.DeadLetter:
		s.out.miss(offset, offset, 1, "", d.Reason)
	default:
		s.out.leftOut(d.Reason, 1, d.Policy == record.Hold)
	}
}

// lettered reports whether the record that was reached has a dead letter, of this
// namespace or as a whole.
func (s *sweep) lettered(namespace uint64) bool {
	return slices.ContainsFunc(s.letters, func(l cover) bool {
		return namespace == wholeRecord || l.namespace == namespace || l.namespace == wholeRecord
	})
}

// reach opens and closes what begins and ends before a record is counted.
func (s *sweep) reach(offset int64) {
	s.letters = s.letters[:0]
	for c, ok := s.begun(offset); ok; c, ok = s.begun(offset) {
		switch {
		case !c.isLetter():
			s.close(c.first)
			s.begin(c)
		case c.first == offset:
			s.letters = append(s.letters, c)
		}
	}
	s.close(offset)
}

// begin opens a span.
func (s *sweep) begin(c cover) {
	sp := &span{}
	if n := len(s.free); n > 0 {
		sp, s.free = s.free[n-1], s.free[:n-1]
	}
	*sp = span{last: c.last, records: int(c.records), cut: c.first < s.from || c.last >= s.to, namespace: c.namespace}
	heap.Push(&s.ends, sp)
	cl := s.open[c.namespace]
	if cl == nil {
		cl = &cluster{first: c.first}
		s.open[c.namespace] = cl
	}
	cl.spans = append(cl.spans, sp)
}

// close ends the spans that end before an offset.
func (s *sweep) close(before int64) {
	for len(s.ends) > 0 && s.ends[0].last < before {
		sp := heap.Pop(&s.ends).(*span)
		c := s.open[sp.namespace]
		held := int64(min(sp.records, sp.hits))
		c.stored += held
		if sp.cut {
			c.unsure += held
		}
		if gone := sp.records - sp.hits; gone > 0 && !sp.cut {
			s.out.Gone += int64(gone)
		}
		for i := range c.spans {
			if c.spans[i] == sp {
				c.spans[i] = c.spans[len(c.spans)-1]
				c.spans = c.spans[:len(c.spans)-1]
				break
			}
		}
		if len(c.spans) == 0 {
			delete(s.open, sp.namespace)
			s.account(c)
		}
		s.free = append(s.free, sp)
	}
}

// account counts the lines of a cluster.
func (s *sweep) account(c *cluster) {
	stored := min(c.stored, c.lines)
	dead := min(c.letters, c.lines-stored)
	s.out.Covered += stored
	s.out.DeadLettered += dead
	s.out.CoveredTwice += max(0, c.stored-stored+c.letters-dead-c.unsure)
	if missing := c.lines - stored - dead; missing > 0 {
		s.out.miss(c.first, c.last, missing, c.name, "")
	}
}

// finish counts what is still open at the end of the partition.
func (s *sweep) finish() {
	s.reach(s.to)
	s.close(math.MaxInt64)
}
