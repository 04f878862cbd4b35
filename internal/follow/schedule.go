package follow

import (
	"slices"
	"time"
)

const (
	// firstQuestion is the age at which an import is first asked about.
	firstQuestion = 3 * time.Second
	// longestRest is the longest time between two questions about one import.
	longestRest = 30 * time.Minute
	// questionSpacing bounds the questions in all to ten a second.
	questionSpacing = 100 * time.Millisecond
)

// restAfter returns how long an import of an age is left alone after a question:
// half of its age, so that its end is seen at most half as late again as it
// came, and the questions become ever more rare.
func restAfter(age time.Duration) time.Duration {
	return min(max(age/2, firstQuestion), longestRest)
}

// schedule decides which import is asked about next. It is pure: it reads no
// clock and asks nobody. Not safe for concurrent use.
//
// Among the imports that are due the namespaces take turns, the one that was
// asked about longest ago first: a namespace's first import is asked about
// before the second of one whose turn has been. When there is no room, a
// namespace's first import takes the place of another's surplus one.
//
// It is a list that is searched from end to end, before a question and for a surplus
// import: of 10,000 that takes a quarter of a millisecond, about as much as the question
// itself. An import that is added searches nothing else.
type schedule struct {
	max        int
	items      []*item // in the order of their adding
	namespaces map[string]*namespace
	crowded    int    // namespaces with more than one import
	turn       uint64 // of the last question; even
}

// item is one followed import.
type item struct {
	entry     *Import
	namespace *namespace
	due       time.Time
	asking    bool // from next until again or remove
	missing   int  // answers in a row that the API knows no such import
}

// namespace is what the followed imports of one namespace share.
type namespace struct {
	size int    // its imports, with those that are being asked about
	turn uint64 // of its last question, or of its beginning
}

func newSchedule(limit int) *schedule {
	return &schedule{max: limit, namespaces: map[string]*namespace{}, turn: 2}
}

// size returns the number of imports that are followed.
func (s *schedule) size() int { return len(s.items) }

// add follows an import. If there is no room, the one that is left out is
// returned: the import itself, or a surplus one of another namespace.
func (s *schedule) add(entry *Import, now time.Time) (left *Import) {
	ns := s.namespaces[entry.Namespace]
	if s.size() >= s.max {
		var surplus *item
		if ns == nil && s.crowded > 0 {
			surplus = s.surplus()
		}
		if surplus == nil {
			return entry
		}
		s.remove(surplus)
		left = surplus.entry
	}
	if ns == nil {
		ns = &namespace{turn: s.turn - 1} // before the one that was asked about last
		s.namespaces[entry.Namespace] = ns
	}
	if ns.size++; ns.size == 2 {
		s.crowded++
	}
	s.items = append(s.items, &item{entry: entry, namespace: ns, due: now.Add(firstQuestion)})
	return left
}

// surplus returns the import that makes room for another namespace's first one: the
// latest of those with the most, nil if none has a second.
func (s *schedule) surplus() (latest *item) {
	for _, i := range s.items {
		if !i.asking && i.namespace.size > 1 && (latest == nil || i.namespace.size >= latest.namespace.size) {
			latest = i
		}
	}
	return latest
}

// next returns the import whose turn it is, nil if none is due. It is not returned
// again until again is called for it.
func (s *schedule) next(now time.Time) (first *item) {
	for _, i := range s.items {
		if !i.asking && !i.due.After(now) && (first == nil || i.before(first)) {
			first = i
		}
	}
	if first != nil {
		s.turn += 2
		first.asking, first.namespace.turn = true, s.turn
	}
	return first
}

// before reports whether of two imports that are due i is asked about first.
func (i *item) before(other *item) bool {
	a, b := i.namespace.turn, other.namespace.turn
	return a < b || a == b && i.due.Before(other.due)
}

// again schedules the next question about an import that was asked about.
func (s *schedule) again(i *item, due time.Time) { i.due, i.asking = due, false }

// remove follows an import no further.
func (s *schedule) remove(i *item) {
	if at := slices.Index(s.items, i); at >= 0 {
		s.items = slices.Delete(s.items, at, at+1)
		s.leave(i)
	}
}

// leave takes an import out of its namespace.
func (s *schedule) leave(i *item) {
	switch i.namespace.size--; i.namespace.size {
	case 0:
		delete(s.namespaces, i.entry.Namespace)
	case 1:
		s.crowded--
	}
}

// wake returns when the next import is due, zero if there is none.
func (s *schedule) wake() (at time.Time) {
	for _, i := range s.items {
		if !i.asking && (at.IsZero() || i.due.Before(at)) {
			at = i.due
		}
	}
	return at
}

// outlived removes and returns the imports that were stored before a time.
func (s *schedule) outlived(before time.Time) (gone []*Import) {
	for _, i := range s.items {
		if !i.entry.StoredAt.Before(before) {
			break
		}
		s.leave(i)
		gone = append(gone, i.entry)
	}
	s.items = slices.Delete(s.items, 0, len(gone))
	return gone
}
