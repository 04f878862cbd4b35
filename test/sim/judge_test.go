package sim

import (
	"strings"
	"time"
)

// judge looks at everything once more when all processes have ended.
func (w *world) judge() {
	for _, p := range w.processes {
		for _, line := range p.log.holds("ledger refused") {
			w.truth.blame("%s", line)
		}
	}
	for _, v := range w.api.Violations() {
		if (w.untold || w.settings.perNamespace > 1) && strings.HasPrefix(v, "early:") {
			continue
		}
		w.truth.blame("the API was misused: %s", v)
	}
	w.judgeEvaluations()
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	w.truth.judgeRepeats(w.graceful)
	if w.truth.orders && w.settings.perNamespace == 1 {
		w.truth.judgeOrder()
	}
}

// judgeEvaluations wants the store to have taken each body once, unless it could
// not be known that it has, and a process has said so.
func (w *world) judgeEvaluations() {
	told := ""
	for _, p := range w.processes {
		told += strings.Join(p.log.holds("a batch may be stored twice"), "\n")
	}
	for _, o := range w.api.Objects() {
		if o.Evaluations() > 1 && !w.oblivious && (!w.reticent || !strings.Contains(told, o.RequestID)) {
			w.truth.blame("the store took the body of %s in %s %d times: its repeat had no condition", o.RequestID, o.Namespace, o.Evaluations())
		}
	}
}

// judgeRepeats wants an excuse for every line that was stored again.
func (t *truth) judgeRepeats(graceful bool) {
	for _, r := range t.byUnique {
		for namespace, list := range r.stores {
			for i := 1; i < len(list); i++ {
				t.repeats++
				before := list[i-1].object
				if why := t.excused(before, list[i].object); why == "" || graceful {
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

// excused says why what is in an object may be stored again in another one, ""
// if nothing does.
func (t *truth) excused(o, again *object) string {
	if o.learned.IsZero() && (o.process != again.process || t.givenUp(o, again)) {
		return "nobody learned that it was stored"
	}
	if t.runs[o.process] != t.runs[again.process] { // one started while the settings changed
		return "their settings differ"
	}
	for _, e := range t.excuses {
		if (e.process == "" || e.process == o.process) && !later(o.at, o.learned).Before(e.from) && !o.at.After(e.to) {
			return e.why
		}
	}
	return ""
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
	for _, at := range t.joins[o.process] {
		if !at.Before(o.at) && !at.After(again.at) {
			return true
		}
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
