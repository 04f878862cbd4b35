package ledger

import "slices"

// shed drops a namespace's lines from memory.
func (w *world) shed(ns string) {
	r := w.route(ns)
	w.seal(r)
	if w.strict && slices.ContainsFunc(r.sealed, func(b *batch) bool { return len(b.nodes) > 1 || b.main == nil }) {
		return
	}
	r.dropping = true
	for _, b := range slices.Backward(r.sealed) {
		for _, n := range b.nodes {
			w.shedNode(r, ns, n)
		}
	}
	r.sealed = nil
}

func (w *world) shedNode(r *route, ns string, n *Node) {
	if r.mark == nil && !n.Single {
		w.p.Become(n, Shed)
		r.mark, w.m.work[n].facts = n, nil
		return
	}
	if old := r.mark; old == nil || n.First < old.First {
		w.mark(r, ns, n.First)
		if old != nil {
			w.end(old)
			w.m.drop(old)
		}
	}
	w.end(n)
	w.m.drop(n)
}

// catchUp reads up to n records again from a namespace's mark on.
func (w *world) catchUp(ns string, n int) {
	r := w.route(ns)
	r.dropping = false
	if r.mark == nil {
		return
	}
	entries, next := w.chunk(r.mark.First, n, false)
	for _, e := range entries {
		if slices.Contains(e.lines, ns) && e.offset < w.p.Position() && !w.p.Done(ns, e.offset) {
			w.add(r, ns, e.offset)
		}
	}
	if len(entries) > 0 && next < w.p.Position() {
		if err := w.p.Shift(r.mark, next, 0); err != nil {
			w.failf("%v", err)
		}
		w.m.work[r.mark].first = next
		return
	}
	w.end(r.mark)
	w.m.drop(r.mark)
	r.mark = nil
}
