package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The world is a partition's log, what has become of its records, and one
// owner after the other that reads it as the session loop does. A script
// decides everything.

type verdict uint8

const (
	valid  verdict = iota
	hold           // rejected, the policy holds it
	letter         // rejected, the policy sends it to the dead-letter topic
	skip           // rejected, the policy leaves it out
)

type entry struct {
	offset  int64
	verdict verdict
	lines   []string // namespaces, if valid
	large   int64    // the last offset of its Kafka batch, if that is a large one
}

func (e entry) facts() []fact {
	if e.verdict != valid {
		return []fact{{"", e.offset}}
	}
	var facts []fact
	for _, ns := range e.lines {
		facts = append(facts, fact{ns, e.offset})
	}
	return facts
}

// batch holds lines of one namespace: one node, and one for each single record.
type batch struct {
	main  *Node
	nodes []*Node
}

// route is what an owner knows of a namespace.
type route struct {
	open     *batch
	sealed   []*batch
	dropping bool
	mark     *Node // where its dropped lines begin
}

// commit is what the group's coordinator keeps.
type commit struct {
	offset   int64
	frontier Frontier
	heir     *model
}

type world struct {
	*testing.T
	name string
	in   *script
	// strict worlds have no crash, room for all metadata, no line beside a
	// released one in its record, drop no released one, and never less room than
	// before: every line is stored exactly once.
	strict bool
	// roomy owners can read large Kafka batches; others hold them as a range.
	roomy  bool
	log    []entry
	stored map[fact]int // or acknowledged, or skipped
	epoch  int          // of the routing settings

	p         *Partition
	m         *model
	routes    map[string]*route
	letters   []*Node
	settled   *Node
	watermark int64
	committed commit
}

func (w *world) failf(format string, args ...any) {
	w.Helper()
	w.Fatalf("%s, step %d: %s", w.name, w.in.at, fmt.Sprintf(format, args...))
}

// begin makes a new owner of what was committed last.
func (w *world) begin() {
	c := w.committed
	w.p, w.m = New(c.offset, c.frontier), c.heir.heir(c.heir.below)
	w.routes, w.letters, w.settled, w.watermark = map[string]*route{}, nil, nil, c.offset
}

func (w *world) route(ns string) *route {
	r := w.routes[ns]
	if r == nil {
		r = &route{}
		w.routes[ns] = r
	}
	return r
}

// produce appends one record to the log, or a large batch of some.
func (w *world) produce() {
	w.record()
	if w.in.n(12) != 1 {
		return
	}
	first := len(w.log) - 1
	for range w.in.n(6) {
		w.record()
	}
	for i := first; i < len(w.log); i++ {
		e := &w.log[i]
		if e.large = w.log[len(w.log)-1].offset; w.strict && e.verdict == valid {
			e.lines = e.lines[:1]
		}
	}
}

// record appends one record, behind a hole at times.
func (w *world) record() {
	e := entry{offset: int64(w.in.n(4) / 3), large: -1}
	if n := len(w.log); n > 0 {
		e.offset += w.log[n-1].offset + 1
	}
	if v := w.in.n(10); v < 3 {
		e.verdict = hold + verdict(v)
	} else {
		e.lines = w.pickRoutes()
	}
	w.log = append(w.log, e)
}

func (w *world) pickRoutes() []string {
	first, count := w.in.n(9), 1+max(0, w.in.n(6)-3)
	var names []string
	for i := range count {
		names = append(names, fmt.Sprintf("n%d-%d", w.epoch, (first+i)%9))
	}
	return names
}

// chunk returns up to n records from an offset on, those produced already or,
// if may, new ones.
func (w *world) chunk(from int64, n int, may bool) (entries []entry, next int64) {
	i, _ := slices.BinarySearchFunc(w.log, from, func(e entry, o int64) int { return int(e.offset - o) })
	for len(w.log) < i+n && may {
		w.produce()
	}
	entries = w.log[i:min(i+n, len(w.log))]
	if len(entries) == 0 {
		return nil, from
	}
	return entries, entries[len(entries)-1].offset + 1
}

// read absorbs one chunk: rejects first, then the lines by namespace.
func (w *world) read(n int, may bool) {
	entries, next := w.chunk(w.p.Position(), n, may)
	if !w.roomy {
		if i := slices.IndexFunc(entries, func(e entry) bool { return e.large >= 0 }); i == 0 {
			w.holdRange(entries[0].large)
			return
		} else if i > 0 {
			entries = entries[:i]
			next = entries[i-1].offset + 1
		}
	}
	names, groups := []string(nil), map[string][]int64{}
	for _, e := range entries {
		if e.verdict != valid {
			w.reject(e)
		}
		for _, ns := range e.lines {
			if groups[ns] == nil {
				names = append(names, ns)
			}
			groups[ns] = append(groups[ns], e.offset)
		}
	}
	for _, ns := range names {
		w.absorb(ns, groups[ns])
	}
	w.p.Advance(next)
	w.m.position = max(w.m.position, next)
}

// holdRange passes the large batch at the position.
func (w *world) holdRange(last int64) {
	first := w.p.Position()
	var facts []fact
	for _, e := range w.log {
		if e.offset >= first && e.offset <= last {
			facts = append(facts, e.facts()...)
		}
	}
	n := w.tracked(w.p.HoldRange(first, last, 0, time.Time{}))
	w.m.track(n, true, facts...)
	w.p.Advance(last + 1)
	w.m.position = max(w.m.position, last+1)
}

func (w *world) reject(e entry) {
	f := fact{"", e.offset}
	switch {
	case w.p.RecordDone(e.offset):
		w.mustBeStored(f)
	case e.verdict == skip:
		w.stored[f]++
		w.m.done[f] = true
	case e.verdict == hold:
		w.m.track(w.tracked(w.p.TrackSingle(HeldRecord, "", e.offset, 0, time.Time{})), true, f)
	default:
		n := w.tracked(w.p.TrackSingle(DeadLetter, "", e.offset, 0, time.Time{}))
		w.m.track(n, true, f)
		w.letters = append(w.letters, n)
	}
}

func (w *world) absorb(ns string, offsets []int64) {
	r := w.route(ns)
	for _, o := range offsets {
		if w.p.Done(ns, o) {
			w.mustBeStored(fact{ns, o})
			continue
		}
		if r.mark != nil || r.dropping && (!w.strict || !w.p.Released(o)) {
			if r.mark == nil {
				w.mark(r, ns, o)
			}
			for _, o := range offsets { // dropped
				if o >= r.mark.First && !w.p.Done(ns, o) {
					delete(w.m.done, fact{ns, o})
				}
			}
			return
		}
		w.add(r, ns, o)
	}
}

func (w *world) mustBeStored(f fact) {
	w.Helper()
	if w.stored[f] == 0 {
		w.failf("%v is lost: it counts as done", f)
	}
}

func (w *world) tracked(n *Node, err error) *Node {
	w.Helper()
	if err != nil {
		w.failf("%v", err)
	}
	return n
}

func (w *world) add(r *route, ns string, o int64) {
	if r.open == nil {
		r.open = &batch{}
	}
	b, f := r.open, fact{ns, o}
	switch {
	case w.p.Released(o):
		n := w.tracked(w.p.TrackSingle(Batch, ns, o, 0, time.Time{}))
		w.m.track(n, true, f)
		b.nodes = append(b.nodes, n)
	case b.main != nil:
		w.p.Extend(b.main, o)
		w.m.extend(b.main, f)
	default:
		b.main = w.tracked(w.p.Track(Batch, ns, o, 0, time.Time{}))
		w.m.track(b.main, false, f)
		b.nodes = append(b.nodes, b.main)
	}
}

// mark notes where a namespace's dropped lines begin.
func (w *world) mark(r *route, ns string, o int64) {
	r.mark = w.tracked(w.p.Track(Shed, ns, o, 0, time.Time{}))
	w.m.track(r.mark, false)
}

func (w *world) seal(r *route) {
	if r.open != nil {
		r.sealed = append(r.sealed, r.open)
		r.open = nil
	}
}

// store settles one sealed batch, in any order.
func (w *world) store(r *route) {
	if len(r.sealed) == 0 {
		return
	}
	i := w.in.n(len(r.sealed))
	b := r.sealed[i]
	r.sealed = slices.Delete(r.sealed, i, i+1)
	for _, n := range b.nodes {
		w.settle(n)
	}
}

// storePart settles the beginning of a sealed batch, as the dead letters of a refused one
// are acknowledged.
func (w *world) storePart(r *route) {
	w.Helper()
	if len(r.sealed) == 0 {
		return
	}
	n := r.sealed[w.in.n(len(r.sealed))].main
	if n == nil || len(w.m.work[n].facts) < 2 {
		return
	}
	k := w.m.work[n]
	done := 1 + w.in.n(len(k.facts)-1)
	if err := w.p.SettleTo(n, k.facts[done].offset, 0); err != nil {
		w.failf("settle %+v in part: %v", n, err)
	}
	for _, f := range k.facts[:done] {
		w.m.done[f] = true
		w.stored[f]++
	}
	k.first, k.facts = k.facts[done].offset, k.facts[done:]
}

// settle ends a node whose facts are stored.
func (w *world) settle(n *Node) {
	w.end(n)
	for _, f := range w.m.settle(n) {
		w.stored[f]++
	}
}

func (w *world) end(n *Node) {
	w.Helper()
	if err := w.p.Settle(n); err != nil {
		w.failf("settle %+v: %v", n, err)
	}
	w.settled = n
}

// inRange says whether the record is in a range that is held or owed.
func (w *world) inRange(offset int64) bool { return w.p.Unread(offset) || w.m.inRange(offset) }
