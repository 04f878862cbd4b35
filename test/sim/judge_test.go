package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// judge looks at everything once more when all processes have ended.
func (w *world) judge() {
	for _, p := range w.processes {
		for _, line := range p.log.holds(refusedLine) {
			w.truth.blame("%s", line)
		}
	}
	for _, v := range w.api.Violations() {
		if (w.untold || w.settings.Load().perNamespace > 1) && strings.HasPrefix(v, "early:") {
			continue
		}
		w.truth.blame("the API was misused: %s", v)
	}
	w.judgeEvaluations()
	w.judgeCounts()
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	w.truth.judgeRepeats(w.graceful, w.cutByDeadlines())
	if w.drawn { // else nothing says what a fault touches
		w.truth.judgeLateness()
	}
	if w.truth.orders && w.settings.Load().perNamespace == 1 {
		w.truth.judgeOrder()
	}
}

// judgeCounts wants each process to count what it says may be repeated.
func (w *world) judgeCounts() {
	for _, p := range w.processes {
		said, counted := len(p.log.holds(repeatLine)), -1.0
		families, err := p.metrics.Gather()
		if err != nil {
			w.truth.blame("%s cannot be measured: %v", p.name, err)
		}
		for _, f := range families {
			if f.GetName() == "bridge_import_possible_repeats_total" {
				counted = f.Metric[0].GetCounter().GetValue()
			}
		}
		if counted != float64(said) {
			w.truth.blame("%s has logged %d possible repeats, and counted %v", p.name, said, counted)
		}
	}
}

// judgeEvaluations wants the store to have taken each body once, unless it could
// not be known that it has, and a process has said so.
func (w *world) judgeEvaluations() {
	told := map[batch]bool{}
	for _, p := range w.processes {
		for _, line := range p.log.holds(repeatLine) {
			told[batchIn(p.name, line)] = true
		}
	}
	for _, o := range w.api.Objects() {
		if o.Evaluations() > 1 && !w.oblivious && (!w.reticent || !told[w.truth.batchOf(o.Namespace, o.RequestID)]) {
			w.truth.blame("the store took the body of %s in %s %d times: its repeat had no condition", o.RequestID, o.Namespace, o.Evaluations())
		}
	}
}

// batch names a batch as a process does that tells of it, once and for all its URLs: by
// its namespace and its offsets.
type batch struct{ process, namespace, offsets string }

// batchIn is the batch that a line of a process's journal is about.
func batchIn(process, line string) batch {
	_, namespace, _ := strings.Cut(line, " namespace=")
	namespace, _, _ = strings.Cut(namespace, " ")
	_, offsets, _ := strings.Cut(line, " offsets=")
	pieces := strings.Fields(strings.Trim(offsets, `"`))
	slices.Sort(pieces)
	return batch{process, namespace, strings.Join(pieces, " ")}
}

// batchOf is the batch that was stored in an object.
func (t *truth) batchOf(namespace, id string) batch {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.objects[id]
	var pieces []string
	for at, log := range t.logs {
		var in []*produced
		for _, r := range log {
			if slices.ContainsFunc(r.stores[namespace], func(s storing) bool { return s.object == o }) {
				in = append(in, r)
			}
		}
		if len(in) > 0 {
			pieces = append(pieces, fmt.Sprintf("%s/%d@%d-%d", at.topic, at.partition, in[0].offset, in[len(in)-1].offset))
		}
	}
	slices.Sort(pieces)
	return batch{o.process, namespace, strings.Join(pieces, " ")}
}

// cutByDeadlines returns the request ids of the imports whose PUT was cut because a
// drain had no time left, as the processes have told: the one repeat that no graceful
// schedule rules out.
func (w *world) cutByDeadlines() map[string]bool {
	cut := map[string]bool{}
	for _, p := range w.processes {
		ends := map[string]bool{}
		for _, line := range p.log.holds(unfinishedLine) {
			ends[line[:stampLength]] = true
		}
		for _, line := range p.log.holds(repeatLine) {
			if _, id, ok := strings.Cut(line, " request_id="); ok && ends[line[:stampLength]] {
				id, _, _ = strings.Cut(id, " ")
				cut[id] = true
			}
		}
	}
	return cut
}

// judgeRepeats wants an excuse for every line that was stored again, and in graceful
// schedules that its first import is among those cut.
func (t *truth) judgeRepeats(graceful bool, cut map[string]bool) {
	for _, r := range t.byUnique {
		for namespace, list := range r.stores {
			for i := 1; i < len(list); i++ {
				t.repeats++
				before, again := list[i-1].object, list[i].object
				if cut[again.id] && again.learned.IsZero() {
					continue // it was on the wire when its process ended, and the store took it after the next owner's
				}
				if why := t.excused(r, before, again); why == "" || graceful && !cut[before.id] {
					t.fault("line of %s was stored again without need (excuse %q): %s", namespace, why, r)
				}
			}
		}
		for namespace, n := range r.letters {
			if n > 1 && len(t.excuses) == 0 {
				t.fault("%d dead letters for %q of %s", n, namespace, r)
			}
		}
	}
}

// excused says why a record's line that is in an object may be stored again in another
// one, "" if nothing does.
func (t *truth) excused(r *produced, o, again *object) string {
	if r.refused && t.handedOver(o, again) {
		return "its record is held as a whole, since a letter of another line is refused"
	}
	if o.learned.IsZero() && (o.process != again.process || t.givenUp(o, again)) {
		return "nobody learned that it was stored"
	}
	if t.runs[o.process] != t.runs[again.process] { // one started while the settings changed
		return "their settings differ"
	}
	for _, e := range t.excuses {
		if e.covers(o) {
			return e.why
		}
	}
	return ""
}

// covers says whether what is in the object may be stored again because of it.
func (e *excuse) covers(o *object) bool {
	return (e.process == "" || e.process == o.process) && !later(o.at, o.learned).Before(e.from) && !o.at.After(e.to)
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// putsBeforeNewURL is how many PUTs in a row go without an answer before a URL
// is given up although it may have taken the body.
const putsBeforeNewURL = 8

// givenUp says whether a process had a reason to store its own object again
// under another URL: a generation has ended meanwhile, the store has refused
// the first URL, or gave no answer for long.
func (t *truth) givenUp(o, again *object) bool {
	if t.handedOver(o, again) {
		return true
	}
	unanswered := 0
	for _, status := range t.puts[o.id] {
		if status >= 400 && status < 500 && status != 408 && status != 429 {
			return true
		}
		if status == 0 {
			unanswered++
		}
	}
	return unanswered >= putsBeforeNewURL
}

// handedOver says whether another process, or generation, has stored the second object
// than the one that began to store the first: the store may take a body after the
// generation whose PUT brought it.
func (t *truth) handedOver(o, again *object) bool {
	return o.process != again.process || slices.ContainsFunc(t.joins[o.process], func(at time.Time) bool {
		return !at.Before(o.began) && !at.After(again.at)
	})
}

// judgeOrder wants the lines of a namespace from one partition to have been
// stored in their order, the first time.
func (t *truth) judgeOrder() {
	for at, log := range t.logs {
		latest := map[string]*produced{}
		for _, r := range log {
			for namespace, list := range r.stores {
				if before := latest[namespace]; before != nil && before.stores[namespace][0].order > list[0].order {
					t.fault("order in %s of %v: %s was stored before %s", namespace, at, r, before)
				}
				latest[namespace] = r
			}
		}
	}
}
