package truth

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Kind is a way to break a promise.
type Kind string

const (
	Lost               Kind = "lost"                 // never stored nor dead-lettered
	Repeated           Kind = "repeated"             // stored again without need
	RepeatedAfterCrash Kind = "repeated after crash" // stored again, and a crash explains it
	DeadLetterRepeated Kind = "dead letter repeated"
	Unexpected         Kind = "unexpected" // altered, or must not be there
	Reordered          Kind = "reordered"  // stored before a predecessor
	Stale              Kind = "stale"      // the latest storing is older than a successor's
	Oversize           Kind = "oversize"   // an object beyond the bounds
	CommitAhead        Kind = "commit ahead"
	CommitBack         Kind = "commit back"
	Harness            Kind = "harness" // the test itself is wrong
)

// Fault is a broken promise, with the first case as an example.
type Fault struct {
	Kind    Kind
	Count   int
	Example string
}

func (f Fault) String() string {
	return fmt.Sprintf("%s: %d times, such as %s", f.Kind, f.Count, f.Example)
}

// tally collects faults by kind.
type tally map[Kind]*Fault

func (t tally) add(k Kind, format string, args ...any) {
	if t[k] == nil {
		t[k] = &Fault{Kind: k, Example: fmt.Sprintf(format, args...)}
	}
	t[k].Count++
}

// Faults judges all that was told so far, sorted by kind. Kinds that the test
// tolerates are left out.
func (t *Truth) Faults(tolerated ...Kind) []Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	found := tally{}
	for k, f := range t.observed {
		found[k] = &Fault{f.Kind, f.Count, f.Example}
	}
	byPartition := t.byPartition(found)
	for p, entries := range byPartition {
		judgeOrder(entries, found)
		judgeCommits(p, entries, t.commits[p], found)
	}
	var out []Fault
	for _, k := range slices.Sorted(maps.Keys(found)) {
		if !slices.Contains(tolerated, k) {
			out = append(out, *found[k])
		}
	}
	return out
}

// byPartition lists the acknowledged records by offset, and notes the lost ones.
func (t *Truth) byPartition(found tally) map[partition][]*entry {
	all := map[partition][]*entry{}
	for i := range t.entries {
		e := &t.entries[i]
		if e.offset < 0 {
			found.add(Harness, "record %d of %s/%d was never acknowledged", i, e.topic, e.index)
			continue
		}
		all[e.partition] = append(all[e.partition], e)
		if e.fate == Stored && !e.storedEverywhere() || e.fate == DeadLettered && e.letters == 0 {
			found.add(Lost, "%s/%d@%d should be %s", e.topic, e.index, e.offset, e.fate)
		}
	}
	for _, entries := range all {
		slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.offset, b.offset) })
	}
	return all
}

// judgeOrder goes through a partition backwards: in each namespace a record must
// have been stored before every successor, the first time and the last time. One
// that was held comes late by definition.
func judgeOrder(entries []*entry, found tally) {
	type earliest struct{ first, last int }
	next := map[string]earliest{}
	for _, e := range slices.Backward(entries) {
		for i, s := range e.copies {
			if s.first == 0 || e.released {
				continue
			}
			later, ok := next[e.names[i]]
			if ok && s.first > later.first {
				found.add(Reordered, "%s/%d@%d in namespace %s", e.topic, e.index, e.offset, e.names[i])
			}
			if ok && s.last > later.last {
				found.add(Stale, "%s/%d@%d in namespace %s", e.topic, e.index, e.offset, e.names[i])
			}
			if !ok {
				later = earliest{s.first, s.last}
			}
			next[e.names[i]] = earliest{min(s.first, later.first), min(s.last, later.last)}
		}
	}
}

// judgeCommits finds commits that passed a record before it was done.
func judgeCommits(p partition, entries []*entry, commits []commit, found tally) {
	sorted := slices.SortedStableFunc(slices.Values(commits), func(a, b commit) int { return cmp.Compare(a.offset, b.offset) })
	var latest time.Time // when the last of the records passed so far was done
	pinned := false      // one of them never was
	var culprit int64
	for _, c := range sorted {
		for len(entries) > 0 && entries[0].offset < c.offset {
			e := entries[0]
			entries = entries[1:]
			switch {
			case !e.passable():
				pinned, culprit = true, e.offset
			case !pinned && e.done.After(latest):
				latest, culprit = e.done, e.offset
			}
		}
		if pinned || latest.After(c.at) {
			found.add(CommitAhead, "%s/%d: %d was committed while %d was not done", p.topic, p.index, c.offset, culprit)
		}
	}
}

// passable says whether a commit may ever pass the record.
func (e *entry) passable() bool { return e.fate == LeftOut || !e.done.IsZero() }
