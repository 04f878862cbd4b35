package ledger

import "slices"

// shed drops a namespace's lines from memory, but for some sealed batches, as
// those are whose attempt is under way.
func (w *world) shed(ns string) {
	r := w.route(ns)
	w.seal(r)
	r.dropping = true
	var flying []*batch
	for _, b := range slices.Backward(r.sealed) {
		if w.in.n(3) == 0 || w.strict && (len(b.nodes) > 1 || b.main == nil) {
			flying = append(flying, b)
			continue
		}
		for _, n := range b.nodes {
			w.shedNode(r, ns, n)
		}
	}
	slices.Reverse(flying)
	r.sealed = flying
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
			w.drop(old)
		}
	}
	w.drop(n)
}

// drop ends a node whose facts others stand for.
func (w *world) drop(n *Node) {
	w.Helper()
	if err := w.p.Drop(n); err != nil {
		w.failf("drop %+v: %v", n, err)
	}
	w.settled = n
	w.m.drop(n)
}

// catchUp reads up to n records again from a namespace's mark on, unless a batch
// behind it is unfinished.
func (w *world) catchUp(ns string, n int) {
	r := w.route(ns)
	r.dropping = false
	if r.mark == nil || !w.p.Last(r.mark) {
		return
	}
	entries, next := w.chunk(r.mark.First, n, false)
	for _, e := range entries {
		if slices.Contains(e.lines, ns) && e.offset < w.p.Position() && !w.p.Done(ns, e.offset) && !w.p.Overtaken(ns, e.offset) && !w.p.Unread(e.offset) {
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
	w.drop(r.mark)
	r.mark = nil
}
