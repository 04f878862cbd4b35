package ledger

import (
	"cmp"
	"math"
	"slices"
)

// maxSpans bounds what is remembered of one namespace in one partition. What
// does not fit is stored again after a hand-over.
const maxSpans = 128

// lane holds the nodes of one namespace and their shared state.
type lane struct {
	nodes []*Node // unfinished ones, ordered by First
	// ahead are the lines that were finished before the first node was: of
	// batches that overtook it, and those that an earlier owner had finished.
	// Ordered; all of them end behind the first node's First.
	ahead []Span
	round uint64   // of the encoder that last wrote the namespace
	one   [1]*Node // room for the usual number of nodes
}

func byFirst(n *Node, first int64) int { return cmp.Compare(n.First, first) }

func (l *lane) insert(n *Node) {
	i, _ := slices.BinarySearchFunc(l.nodes, n.First, byFirst)
	l.nodes = slices.Insert(l.nodes, i, n)
}

// remove takes a node out and returns where it was.
func (l *lane) remove(n *Node) int {
	i, _ := slices.BinarySearchFunc(l.nodes, n.First, byFirst)
	for l.nodes[i] != n {
		i++ // others begin at the same offset
	}
	l.nodes = slices.Delete(l.nodes, i, i+1)
	return i
}

// finished notes lines that are done ahead of the first i nodes. below is the
// partition's position.
func (l *lane) finished(i int, s Span, below int64) {
	if slices.ContainsFunc(l.nodes, s.overlaps) {
		return // not known exactly: better stored again than lost
	}
	// Every line below the position is in a node or done, but for those that a
	// shed node stands for: else spans without a node between them are one.
	after, before := int64(-1), below
	for _, n := range l.nodes[:i] {
		if after = max(after, n.Last); n.Kind == Shed {
			after = math.MaxInt64
		}
	}
	if i < len(l.nodes) {
		before = min(before, l.nodes[i].First)
	}
	joins := func(o Span) bool {
		return o.First <= s.Last && o.Last >= s.First || o.First > after && o.Last < before
	}
	from := slices.IndexFunc(l.ahead, joins)
	to := from
	for ; from >= 0 && to < len(l.ahead) && joins(l.ahead[to]); to++ {
		s = Span{min(s.First, l.ahead[to].First), max(s.Last, l.ahead[to].Last)}
	}
	if from < 0 {
		from = slices.IndexFunc(l.ahead, func(o Span) bool { return o.First > s.First })
		if from < 0 {
			from = len(l.ahead)
		}
		to = from
	}
	l.ahead = slices.Replace(l.ahead, from, to, s)
	l.trim()
}

// trim forgets runs that no unfinished node precedes any more, and those beyond the
// bound.
func (l *lane) trim() {
	gone := 0
	for gone < len(l.ahead) && l.ahead[gone].Last < l.nodes[0].First {
		gone++
	}
	l.ahead = slices.Delete(l.ahead, 0, gone)
	l.ahead = l.ahead[:min(len(l.ahead), maxSpans)]
}

// enter puts a node into its namespace's lane. What earlier owners have done
// behind a node that is the first one now must not be forgotten.
func (p *Partition) enter(n *Node) {
	l := p.namespaces[n.Namespace]
	if l == nil {
		l = &lane{}
		l.nodes = l.one[:0]
		p.namespaces[n.Namespace] = l
	}
	n.lane = l
	if end := p.inherited.Below; n.First < end && (len(l.nodes) == 0 || n.First < l.nodes[0].First) {
		if len(l.nodes) > 0 {
			end = min(end, l.nodes[0].First)
		}
		if len(l.ahead) > 0 {
			end = min(end, l.ahead[0].First)
		}
		l.ahead = slices.Insert(l.ahead, 0, p.inherited.doneBetween(n.Namespace, n.First+1, end)...)
	}
	l.insert(n)
}

// exit takes a node out of its lane; done says that its lines are finished.
func (p *Partition) exit(n *Node, done bool) {
	l := n.lane
	i := l.remove(n)
	if len(l.nodes) == 0 {
		delete(p.namespaces, n.Namespace)
		return
	}
	if done && i > 0 {
		l.finished(i, Span{n.First, n.Last}, p.position)
		return
	}
	l.trim()
}

// Last reports whether n is the last unfinished node of its namespace: nothing
// behind it is in memory, nor a record that an earlier owner held.
func (p *Partition) Last(n *Node) bool {
	return n.partition == p && n.lane != nil && n.lane.nodes[len(n.lane.nodes)-1] == n &&
		!slices.ContainsFunc(p.released, func(r *Node) bool { return r.Namespace == n.Namespace && r.First >= n.First })
}
