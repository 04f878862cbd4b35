package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"kafka-import-bridge/internal/record"
)

// Liveness: what nothing touches is done within a bound of virtual time, in every seed.
// A line is stored, or its dead letter written, so long after its production, and an offset
// is committed so long after the last of what it passes is known to be done. What touches it
// meanwhile, or has not been over for long, puts that off until its end, and no further.

// liveness is what is known of it. The mutex of the truth that it is a part of guards it.
type liveness struct {
	touches   []touch
	passed    map[place][]passing // how the committed offsets have moved on
	forgotten time.Time           // when the group's offsets were deleted
	flooded   int64               // bytes of namespaces in lasting trouble that have more than memory holds
	judged    int                 // waits, and how many of them nothing has touched
	strict    int
	tooLate   []wait
}

// passing is a committed offset from when it was first seen.
type passing struct {
	at     time.Time
	offset int64
}

// due is when something has to be done that may be done since a moment and takes so long
// where nothing touches it, and what has put that off last. The touches are in the order of
// their begins.
func due(touches []touch, since time.Time, within time.Duration, touched func(*touch) bool) (at time.Time, why string) {
	at, why = since.Add(within), "nothing"
	for i := range touches {
		c := &touches[i]
		if c.from.After(at) {
			break
		}
		if next := c.to.Add(c.rest + within); next.After(at) && touched(c) {
			at, why = next, c.why
		}
	}
	return at, why
}

// soon is how long a line that nothing touches may take beyond its batch's age, and a
// commit once all is done.
const soon = 10 * time.Second

// judgeLateness wants each line to be stored, each dead letter to be written and each
// offset to be committed in its time. Call with mu held.
func (t *truth) judgeLateness() {
	slices.SortStableFunc(t.touches, func(a, b touch) int { return a.from.Compare(b.from) })
	for at, log := range t.logs {
		done, commits := epoch, t.passed[at] // since when everything so far is done, and what is left of how it was committed
		judged := true                       // whether commits still are
		again := false                       // whether what is done may have been read again
		for _, r := range log {
			if r.old || r.removed && len(r.stores)+len(r.letters) == 0 {
				// What retention has removed may be in somebody's memory, who still tries.
				judged = judged && (r.old || r.leftOut || r.key != "")
				continue
			}
			for len(commits) > 0 && commits[0].offset <= r.offset {
				commits = commits[1:]
			}
			before := forever
			if len(commits) > 0 {
				before = commits[0].at
			}
			since, ok := t.judgeLines(r, before)
			again = again || t.mayBeReadAgain(r)
			done, judged = later(done, since), judged && ok && len(commits) > 0
			if !judged {
				continue
			}
			t.judgeWait(done, before, t.used[0].within()+t.tasting(t.used[0]), fmt.Sprintf("commit of %v behind %d", at, r.offset), func(c *touch) bool {
				where := c.scope
				if again {
					where.namespace = "" // and its trouble is the commit's
				}
				return where.holds(r, "") && c.only != lettersOnly
			})
		}
	}
	slices.SortFunc(t.tooLate, func(a, b wait) int { return cmp.Compare(b.by, a.by) })
	for _, w := range t.tooLate[:min(3, len(t.tooLate))] {
		t.fault("%s", w.text)
	}
}

// mayBeReadAgain says whether a line of the record may have been stored again by who did
// not know that it was: its trouble then holds the commit.
func (t *truth) mayBeReadAgain(r *produced) bool {
	for _, list := range r.stores {
		if len(list) > 1 || slices.ContainsFunc(t.excuses, func(e excuse) bool { return e.covers(list[0].object) }) {
			return true
		}
	}
	return false
}

// judgeLines wants what becomes of a record to become of it in time, and returns since when
// it is known to be done, as far as that was before a moment. It reports false if it is not:
// it is held, say, or was under other settings.
func (t *truth) judgeLines(r *produced, before time.Time) (done time.Time, ok bool) {
	var fates []string
	for _, s := range t.used {
		names, policy, ok := s.fate(r)
		fates = append(fates, fmt.Sprint(names, policy, ok))
	}
	if slices.ContainsFunc(fates, func(f string) bool { return f != fates[0] }) {
		return time.Time{}, false
	}
	if r.refused { // the letter: it is held until a restart
		return time.Time{}, false
	}
	s := t.used[0]
	names, policy, line := s.fate(r)
	switch {
	case !line && policy == record.Skip:
		return r.at, true
	case !line && policy == record.Hold:
		return time.Time{}, false
	case !line:
		names = []string{""}
	}
	done, ok = r.at, true
	for _, namespace := range names {
		at, lettered := r.written[namespace]
		known := at
		for _, s := range r.stores[namespace] {
			if l := s.object.learned; l.After(known) && !l.After(before) {
				known = l
			}
		}
		if before.After(t.forgotten) && !known.After(t.forgotten) {
			known = time.Time{}
		}
		if list := r.stores[namespace]; len(list) > 0 && (!lettered || list[0].object.at.Before(at)) {
			at, lettered = list[0].object.at, false
		}
		ok = ok && !known.IsZero()
		done = later(done, known)
		if at.IsZero() || r.removed {
			continue
		}
		t.judgeWait(r.at, at, s.within()+t.tasting(s), fmt.Sprintf("%s: %s", namespace, r), func(c *touch) bool {
			return c.holds(r, namespace) && (c.only == "" || c.only == lettersOnly && lettered)
		})
	}
	return done, ok
}

// within is how long something that nothing touches takes at most. Where receipts take
// their time, imports wait until those before them have theirs.
func (s *settings) within() time.Duration { return s.batchAge + soon + 2*s.receiptTakes }

// tasting is how long what lies behind a flood waits while nothing can be stored: a buffer
// is read in each hold interval.
func (t *truth) tasting(s *settings) time.Duration {
	if t.flooded == 0 {
		return 0
	}
	return time.Duration(t.flooded/s.buffer+2) * s.probe
}

// wait is something that was done after its time.
type wait struct {
	by   time.Duration
	text string
}

// judgeWait notes what was done later than it may be.
func (t *truth) judgeWait(since, at time.Time, within time.Duration, what string, touched func(*touch) bool) {
	by, why := due(t.touches, since, within, touched)
	t.judged++
	if why == "nothing" {
		t.strict++
	}
	if late := at.Sub(by); late > 0 {
		t.tooLate = append(t.tooLate, wait{late, fmt.Sprintf("%s late, at %s, may be since %s and was due at %s (touched by %s): %s", late, stamp(at), stamp(since), stamp(by), why, what)})
	}
}
