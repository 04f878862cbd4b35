package follow

import (
	"container/list"
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

// restAfter is how long an import of an age is left alone after a question:
// half of its age, so that its end is told at most half as late again as it
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
type schedule struct {
	max        int
	namespaces map[string]*queue
	waiting    pile[*queue] // by when the earliest of each is due
	ready      pile[*queue] // of those that are due, by whose turn it is
	crowded    pile[*queue] // those with imports that may be displaced, the largest first
	byAge      *list.List   // of *item, in the order of their adding
	turn       uint64       // of the last question; even
}

// item is one followed import.
type item struct {
	entry   *Import
	queue   *queue
	due     time.Time
	place   int // in its queue's pile; 0 while it is being asked about
	element *list.Element
	missing int // answers in a row that the API knows no such import
}

// queue holds the followed imports of one namespace.
type queue struct {
	namespace string
	items     pile[*item] // by due
	size      int         // with the one that is being asked about
	turn      uint64      // of its last question, or of its beginning

	waitingAt, readyAt, crowdedAt int
}

func newSchedule(limit int) *schedule {
	return &schedule{
		max:        limit,
		namespaces: map[string]*queue{},
		waiting: pile[*queue]{
			less:  func(a, b *queue) bool { return a.items.first().due.Before(b.items.first().due) },
			place: func(q *queue) *int { return &q.waitingAt },
		},
		ready: pile[*queue]{
			less: func(a, b *queue) bool {
				return a.turn < b.turn || a.turn == b.turn && a.items.first().due.Before(b.items.first().due)
			},
			place: func(q *queue) *int { return &q.readyAt },
		},
		crowded: pile[*queue]{
			less:  func(a, b *queue) bool { return a.size > b.size },
			place: func(q *queue) *int { return &q.crowdedAt },
		},
		byAge: list.New(),
		turn:  2,
	}
}

func newQueue(namespace string) *queue {
	return &queue{namespace: namespace, items: pile[*item]{
		less:  func(a, b *item) bool { return a.due.Before(b.due) },
		place: func(i *item) *int { return &i.place },
	}}
}

// size is the number of imports that are followed.
func (s *schedule) size() int { return s.byAge.Len() }

// add follows an import. If there is no room, the one that is left out is
// returned: the import itself, or a surplus one of another namespace.
func (s *schedule) add(entry *Import, now time.Time) (left *Import) {
	q := s.namespaces[entry.Namespace]
	if s.size() >= s.max {
		if q != nil || s.crowded.Len() == 0 {
			return entry
		}
		surplus := s.crowded.first().items.last()
		s.remove(surplus)
		left = surplus.entry
	}
	if q == nil {
		q = newQueue(entry.Namespace)
		q.turn = s.turn - 1 // before the one that was asked about last
		s.namespaces[entry.Namespace] = q
	}
	i := &item{entry: entry, queue: q, due: now.Add(firstQuestion)}
	i.element = s.byAge.PushBack(i)
	q.size++
	q.items.put(i)
	s.settle(q, now)
	return left
}

// settle puts a queue where it belongs after its items have changed.
func (s *schedule) settle(q *queue, now time.Time) {
	if q.size > 1 && q.items.Len() > 0 {
		s.crowded.put(q)
	} else {
		s.crowded.drop(q)
	}
	switch {
	case q.items.Len() == 0:
		s.waiting.drop(q)
		s.ready.drop(q)
	case q.items.first().due.After(now):
		s.ready.drop(q)
		s.waiting.put(q)
	default:
		s.waiting.drop(q)
		s.ready.put(q)
	}
	if q.size == 0 {
		delete(s.namespaces, q.namespace)
	}
}

// next returns the import whose turn it is, nil if none is due. It stays out of
// the schedule until again or remove is called for it.
func (s *schedule) next(now time.Time) *item {
	for s.waiting.Len() > 0 && !s.waiting.first().items.first().due.After(now) {
		s.settle(s.waiting.first(), now)
	}
	if s.ready.Len() == 0 {
		return nil
	}
	q := s.ready.first()
	i := q.items.first()
	q.items.drop(i)
	s.turn += 2
	q.turn = s.turn
	s.settle(q, now)
	return i
}

// again schedules the next question about an import that was asked about.
func (s *schedule) again(i *item, due, now time.Time) {
	if i.element == nil {
		return // given up meanwhile
	}
	i.due = due
	i.queue.items.put(i)
	s.settle(i.queue, now)
}

// remove follows an import no further.
func (s *schedule) remove(i *item) {
	if i.element == nil {
		return
	}
	s.byAge.Remove(i.element)
	i.element = nil
	i.queue.size--
	i.queue.items.drop(i)
	s.settle(i.queue, time.Time{})
}

// wake returns when the next import is due, zero if there is none.
func (s *schedule) wake() time.Time {
	switch {
	case s.ready.Len() > 0:
		return s.ready.first().items.first().due
	case s.waiting.Len() > 0:
		return s.waiting.first().items.first().due
	}
	return time.Time{}
}

// oldest is the import that is followed for longest, nil if there is none.
func (s *schedule) oldest() *item {
	if front := s.byAge.Front(); front != nil {
		return front.Value.(*item)
	}
	return nil
}

// outlived removes and returns the imports that were stored before a time.
func (s *schedule) outlived(before time.Time) (gone []*Import) {
	for i := s.oldest(); i != nil && i.entry.StoredAt.Before(before); i = s.oldest() {
		s.remove(i)
		gone = append(gone, i.entry)
	}
	return gone
}
