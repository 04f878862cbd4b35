package ledger

import (
	"maps"
	"math"
	"slices"
)

// fact is a line, or, without a namespace, a record that becomes no line.
type fact struct {
	namespace string
	offset    int64
}

// model does what a Partition promises by remembering every line.
type model struct {
	position int64
	below    int64          // of the inherited frontier
	done     map[fact]bool  // what this owner knows to be done
	sure     map[fact]bool  // of that, what no lack of room may have cost
	singles  map[int64]bool // inherited: records left unfinished
	ranges   []Span         // inherited: ranges left unread
	work     map[*Node]*work
}

// work is what a node stands for: its facts or, once its lines have left
// memory, every line of its namespace from first on.
type work struct {
	namespace string
	first     int64
	last      int64 // of a range, else first
	single    bool
	facts     []fact
}

func newModel(start, below int64) *model {
	return &model{position: start, below: below, done: map[fact]bool{}, singles: map[int64]bool{}, work: map[*Node]*work{}}
}

func (m *model) track(n *Node, single bool, facts ...fact) {
	m.work[n] = &work{namespace: n.Namespace, first: n.First, last: n.Last, single: single, facts: facts}
	for _, f := range facts {
		delete(m.done, f) // a repeat is owed as the first time was
	}
}

func (m *model) extend(n *Node, f fact) {
	m.work[n].facts = append(m.work[n].facts, f)
	delete(m.done, f)
}

func (m *model) settle(n *Node) (facts []fact) {
	facts = m.work[n].facts
	for _, f := range facts {
		m.done[f] = true
	}
	m.drop(n)
	return facts
}

// drop forgets a node whose lines another one stands for.
func (m *model) drop(n *Node) { delete(m.work, n) }

func (m *model) watermark() int64 {
	w := m.position
	for _, k := range m.work {
		w = min(w, k.first)
	}
	return w
}

// fullBelow is the Below of a text in which everything fits.
func (m *model) fullBelow() int64 { return max(m.position, m.below) }

// heir is what the next owner may know, given a text that reaches to below: more
// would be loss. What it must know is sure: of a namespace everything before the
// first unfinished line, as later ones that are done may find no room; of a
// single record not which of its lines are done.
func (m *model) heir(below int64) *model {
	h := newModel(m.watermark(), below)
	maps.Copy(h.done, m.done)
	starts := map[string]int64{}
	for _, k := range m.work {
		if k.single {
			h.owe(Span{k.first, k.last})
		} else if first, ok := starts[k.namespace]; !ok || k.first < first {
			starts[k.namespace] = k.first
		}
	}
	for o := range m.singles {
		if o >= m.position {
			h.singles[o] = true
		}
	}
	for _, s := range m.ranges {
		h.owe(Span{max(s.First, m.position), s.Last})
	}
	// The text has a range whole, also where it reaches to the middle of it only.
	h.ranges = slices.DeleteFunc(h.ranges, func(s Span) bool { return s.First >= below })
	h.sure = map[fact]bool{}
	for f := range h.done {
		first, behind := starts[f.namespace]
		switch {
		case f.offset >= below || h.singles[f.offset]:
			delete(h.done, f)
		case f.offset >= m.position && !m.sure[f]: // inherited ahead
		case !behind || f.namespace == "" || f.offset < first:
			h.sure[f] = true
		}
	}
	for o := range h.singles {
		if o >= below {
			delete(h.singles, o)
		}
	}
	return h
}

// owe notes records that are owed as a whole.
func (m *model) owe(s Span) {
	if s.First == s.Last {
		m.singles[s.First] = true
	} else if s.First < s.Last {
		m.ranges = append(m.ranges, s)
	}
}

// cut forgets the ranges from below on.
func (m *model) cut(below int64) {
	ranges := m.ranges
	m.ranges = nil
	for _, s := range ranges {
		m.owe(Span{s.First, min(s.Last, below-1)})
	}
}

func (m *model) inRange(offset int64) bool {
	return offset < m.below && slices.ContainsFunc(m.ranges, func(s Span) bool { return s.First <= offset && offset <= s.Last })
}

// rerouted is the heir's knowledge after the settings have changed: below the
// first exception, records are done as a whole.
func (m *model) rerouted(below int64, log, renamed []entry) *model {
	h := newModel(m.position, below)
	for i, e := range log {
		if e.offset >= below {
			break
		}
		if m.singles[e.offset] {
			h.singles[e.offset] = true
			continue
		}
		if m.inRange(e.offset) {
			continue
		}
		for _, f := range renamed[i].facts() {
			h.done[f] = true
		}
	}
	h.sure = maps.Clone(h.done)
	h.ranges = m.ranges
	h.cut(below)
	return h
}

// firstException is where the frontier's first exception begins.
func firstException(f Frontier) int64 {
	first := int64(math.MaxInt64)
	for _, o := range f.Except {
		first = min(first, o)
	}
	return first
}
