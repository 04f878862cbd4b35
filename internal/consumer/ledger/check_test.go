package ledger

import "strings"

// check compares the partition with the model, and the watermark with what is
// stored.
func (w *world) check() {
	w.Helper()
	mark := w.p.Watermark()
	if want := w.m.watermark(); mark != want {
		w.failf("watermark %d, want %d", mark, want)
	}
	if mark < w.watermark {
		w.failf("watermark went back from %d to %d", w.watermark, mark)
	}
	w.watermark = mark
	w.checkNodes()
	for _, e := range w.log {
		if e.offset >= mark {
			break
		}
		for _, f := range e.facts() {
			if w.stored[f] == 0 {
				w.failf("watermark %d has passed %v", mark, f)
			}
		}
	}
}

func (w *world) checkNodes() {
	w.Helper()
	nodes, singles, held, last := 0, 0, 0, int64(-1)
	for n := range w.p.All {
		k := w.m.work[n]
		if k == nil || k.first != n.First || k.single != n.Single || n.Partition() != w.p || n.Last < n.First {
			w.failf("node %+v, want %+v", n, k)
		}
		if n.First < last {
			w.failf("node %+v after one that begins at %d", n, last)
		}
		if nodes == 0 && w.p.Oldest() != n {
			w.failf("the oldest node is %+v, want %+v", w.p.Oldest(), n)
		}
		nodes, last = nodes+1, n.First
		if n.Kind == HeldRecord {
			held++
		}
		if n.Single {
			singles++
		}
	}
	if nodes != len(w.m.work) || w.p.count() != nodes || w.p.Singles() != singles || w.p.Held() != held {
		w.failf("%d nodes, %d singles, %d held; counted %d, %d and %d; want %d", nodes, singles, held, w.p.count(), w.p.Singles(), w.p.Held(), len(w.m.work))
	}
	if nodes == 0 && w.p.Oldest() != nil {
		w.failf("an oldest node of none: %+v", w.p.Oldest())
	}
}

// commit encodes, checks what the next owner would make of it, and keeps it.
func (w *world) commit(limit int) {
	w.Helper()
	about := Metadata{TopicID: "MFGRp8zcQTiFZqkc8vRtgA.cluster1", Fingerprint: "0123456789abcdef", Born: 7}
	text, omitted := w.p.Encode(about, limit)
	offset, full := w.p.Watermark(), w.m.fullBelow()
	if len(text) > limit {
		w.failf("%d characters, limit %d: %q", len(text), limit, text)
	}
	c := commit{offset: offset}
	if text == "" {
		if limit > 128 || (omitted == 0) != (full == offset) {
			w.failf("no text at limit %d, %d omitted, below %d", limit, omitted, full)
		}
		c.heir = w.m.heir(offset)
	} else {
		m, err := Decode(text)
		if err != nil {
			w.failf("decode %q: %v", text, err)
		}
		if m.TopicID != about.TopicID || m.Fingerprint != about.Fingerprint || m.Born != about.Born || m.Committed != offset {
			w.failf("%q says %+v", text, m)
		}
		w.checkBelow(m.Frontier, text, limit, omitted)
		c.frontier, c.heir = m.Frontier, w.m.heir(m.Frontier.Below)
	}
	if offset < w.committed.offset {
		w.failf("commit went back from %d to %d", w.committed.offset, offset)
	}
	w.compare(New(c.offset, c.frontier), c.heir)
	w.committed = c
}

// checkBelow: everything is written, or as much as fits and the rest is told.
func (w *world) checkBelow(f Frontier, text string, limit, omitted int) {
	w.Helper()
	const item = len("n10-1:") + 14 // the longest there can be, with its comma
	full := w.m.fullBelow()
	switch {
	case omitted == 0 && f.Below != full:
		w.failf("below %d, want %d: %q", f.Below, full, text)
	case omitted > 0 && (f.Below > full || f.Below < w.m.watermark()):
		w.failf("below %d outside %d..%d: %q", f.Below, w.m.watermark(), full, text)
	case omitted > 0 && limit-len(text) > item+belowRoom:
		w.failf("omitted %d with room for more (limit %d): %q", omitted, limit, text)
	}
	if names := len(w.owing()); len(f.Except)+omitted < names || omitted > max(1, names) {
		w.failf("omitted %d of %d namespaces: %q", omitted, names, text)
	}
}

// owing counts the namespaces that a frontier would have to name.
func (w *world) owing() map[string]bool {
	names := map[string]bool{}
	for _, k := range w.m.work {
		if !k.single {
			names[k.namespace] = true
		}
	}
	if w.p.Position() < w.m.below {
		for ns := range w.p.inherited.Except {
			names[ns] = true
		}
	}
	return names
}

// compare asks an owner that has read nothing yet about every record, and lets
// want know what it has found no room for.
func (w *world) compare(p *Partition, want *model) {
	w.Helper()
	for _, e := range w.log {
		o := e.offset
		if o < p.Position() {
			continue
		}
		if got := p.Released(o); got != want.singles[o] {
			w.failf("released(%d) is %t, want %t", o, got, want.singles[o])
		}
		for _, f := range e.facts() {
			got := f.namespace == "" && p.RecordDone(o) || f.namespace != "" && p.Done(f.namespace, o)
			if got && !want.done[f] || !got && want.sure[f] {
				w.failf("done(%v) is %t, want %t", f, got, want.done[f])
			}
			if !got {
				delete(want.done, f)
			}
			if got && w.stored[f] == 0 {
				w.failf("%v would be lost", f)
			}
		}
	}
}

// finish lets everything end well, whatever has happened, and accounts for it.
func (w *world) finish() {
	w.Helper()
	for {
		w.settleAll()
		w.check()
		w.commit(1 << 20)
		if w.p.count() == 0 {
			break
		}
		w.release() // only held records are left
		w.begin()
	}
	text, omitted := w.p.Encode(Metadata{}, MaxMetadata)
	if !strings.HasSuffix(text, ";0;;;") || omitted != 0 || w.p.Watermark() != w.p.Position() {
		w.failf("something is owed at the end: %q, watermark %d, position %d", text, w.p.Watermark(), w.p.Position())
	}
	for _, e := range w.log {
		for _, f := range e.facts() {
			if n := w.stored[f]; n == 0 || w.strict && n > 1 {
				w.failf("%v was stored %d times", f, n)
			}
		}
	}
}

func (w *world) settleAll() {
	w.Helper()
	if len(w.log) > 0 {
		for w.p.Position() <= w.log[len(w.log)-1].offset {
			w.read(8, false)
		}
	}
	for len(w.letters) > 0 {
		w.answerLetter(false)
	}
	for ns, r := range w.routes {
		for w.storeAll(r); r.mark != nil; {
			w.catchUp(ns, 8)
		}
		w.storeAll(r)
	}
}

func (w *world) storeAll(r *route) {
	for w.seal(r); len(r.sealed) > 0; {
		w.store(r)
	}
}

// count returns how many nodes are unfinished.
func (p *Partition) count() (n int) {
	for range p.All {
		n++
	}
	return n
}
