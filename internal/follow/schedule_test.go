package follow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// naive is the schedule's model: one list, searched from end to end.
type naive struct {
	max   int
	items []*naiveItem
	turns map[string]uint64 // of the namespaces that are followed
	turn  uint64
}

type naiveItem struct {
	entry  *Import
	due    time.Time
	asking bool
}

func (n *naive) count(namespace string) (all, idle int) {
	for _, i := range n.items {
		if i.entry.Namespace == namespace {
			if all++; !i.asking {
				idle++
			}
		}
	}
	return all, idle
}

// displaceable are the imports of which one has to go for a new namespace.
func (n *naive) displaceable() (list []*Import) {
	most := 1
	for _, i := range n.items {
		if all, idle := n.count(i.entry.Namespace); idle > 0 {
			most = max(most, all)
		}
	}
	for _, i := range n.items {
		if all, _ := n.count(i.entry.Namespace); all == most && most > 1 && !i.asking {
			list = append(list, i.entry)
		}
	}
	return list
}

func (n *naive) add(e *Import, now time.Time) {
	if all, _ := n.count(e.Namespace); all == 0 {
		n.turns[e.Namespace] = n.turn - 1
	}
	n.items = append(n.items, &naiveItem{entry: e, due: now.Add(firstQuestion)})
}

func (n *naive) find(e *Import) *naiveItem {
	for _, i := range n.items {
		if i.entry == e {
			return i
		}
	}
	return nil
}

func (n *naive) remove(e *Import) {
	n.items = slices.DeleteFunc(n.items, func(i *naiveItem) bool { return i.entry == e })
}

// next are the imports any of which may be asked about now.
func (n *naive) next(now time.Time) (list []*Import) {
	var best *naiveItem
	better := func(a, b *naiveItem) int {
		if ta, tb := n.turns[a.entry.Namespace], n.turns[b.entry.Namespace]; ta != tb {
			if ta < tb {
				return -1
			}
			return 1
		}
		return a.due.Compare(b.due)
	}
	for _, i := range n.items {
		if i.asking || i.due.After(now) {
			continue
		}
		switch {
		case best == nil || better(i, best) < 0:
			best, list = i, []*Import{i.entry}
		case better(i, best) == 0:
			list = append(list, i.entry)
		}
	}
	return list
}

func (n *naive) earliest() (at time.Time) {
	for _, i := range n.items {
		if !i.asking && (at.IsZero() || i.due.Before(at)) {
			at = i.due
		}
	}
	return at
}

// TestSchedule_againstModel plays random operations on the schedule and on its
// model. Where the model leaves a choice, the schedule's is taken.
func TestSchedule_againstModel(t *testing.T) {
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { play(t, seed, 400) })
		if t.Failed() {
			return
		}
	}
}

func play(t *testing.T, seed uint64, steps int) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	limit, names := 1+rnd.IntN(12), 1+rnd.IntN(8)
	s, m := newSchedule(limit), &naive{max: limit, turns: map[string]uint64{}, turn: 2}
	now := time.Unix(1000, 0)
	var asking []*item
	for step := range steps {
		now = now.Add(time.Duration(rnd.IntN(2000)) * time.Millisecond)
		switch rnd.IntN(5) {
		case 0, 1:
			e := &Import{RequestID: fmt.Sprint(step), Namespace: fmt.Sprint("n", rnd.IntN(names)), StoredAt: now}
			all, _ := m.count(e.Namespace)
			full := len(m.items) >= limit
			may := m.displaceable()
			switch left := s.add(e, now); {
			case !full && left == nil:
				m.add(e, now)
			case full && (all > 0 || len(may) == 0) && left == e:
			case full && all == 0 && slices.Contains(may, left):
				m.remove(left)
				m.add(e, now)
			default:
				t.Fatalf("step %d: adding one of %s left out %+v (full: %t, has: %d)", step, e.Namespace, left, full, all)
			}
		case 2:
			i, may := s.next(now), m.next(now)
			if (i == nil) != (len(may) == 0) || i != nil && !slices.Contains(may, i.entry) {
				t.Fatalf("step %d: next is %+v, want one of %+v", step, i, may)
			}
			if i == nil {
				continue
			}
			asking = append(asking, i)
			m.find(i.entry).asking = true
			m.turn += 2
			m.turns[i.entry.Namespace] = m.turn
		case 3:
			if len(asking) == 0 {
				continue
			}
			k := rnd.IntN(len(asking))
			i := asking[k]
			asking = slices.Delete(asking, k, k+1)
			if rnd.IntN(2) == 0 {
				s.remove(i)
				m.remove(i.entry)
				continue
			}
			due := now.Add(restAfter(now.Sub(i.entry.StoredAt)))
			s.again(i, due)
			if n := m.find(i.entry); n != nil {
				n.asking, n.due = false, due
			}
		case 4:
			before := now.Add(-time.Duration(rnd.IntN(60)) * time.Second)
			gone := s.outlived(before)
			for _, e := range gone {
				if !e.StoredAt.Before(before) {
					t.Fatalf("step %d: %+v is too young to be given up", step, e)
				}
				m.remove(e)
			}
			for _, n := range m.items {
				if n.entry.StoredAt.Before(before) {
					t.Fatalf("step %d: %+v should have been given up", step, n.entry)
				}
			}
		}
		if s.size() != len(m.items) || s.size() > limit {
			t.Fatalf("step %d: %d are followed, want %d of at most %d", step, s.size(), len(m.items), limit)
		}
		// Of what is due already the schedule knows whose turn it is, not which is earliest.
		if wake, want := s.wake(), m.earliest(); wake.IsZero() != want.IsZero() || want.After(now) && !wake.Equal(want) || !want.IsZero() && !want.After(now) && wake.After(now) {
			t.Fatalf("step %d: wakes at %s, want %s", step, wake, want)
		}
	}
}

// TestSchedule_namespacesTakeTurns: one with a thousand imports keeps none of
// the others waiting, and has its second asked about only after their first.
func TestSchedule_namespacesTakeTurns(t *testing.T) {
	s := newSchedule(2000)
	now := time.Unix(0, 0)
	for i := range 1000 {
		s.add(&Import{RequestID: fmt.Sprint(i), Namespace: "busy", StoredAt: now}, now)
	}
	for i := range 20 {
		s.add(&Import{Namespace: fmt.Sprint("quiet-", i), StoredAt: now}, now)
	}
	now = now.Add(firstQuestion)
	seen := map[string]int{}
	for range 21 {
		i := s.next(now)
		seen[i.entry.Namespace]++
		s.again(i, now.Add(time.Hour))
	}
	if len(seen) != 21 {
		t.Errorf("21 questions went to %d namespaces: %v", len(seen), seen)
	}
	s.add(&Import{Namespace: "new", StoredAt: now}, now)
	now = now.Add(firstQuestion)
	asked := 0
	for ; s.next(now).entry.Namespace != "new"; asked++ {
	}
	if asked > 20 {
		t.Errorf("a new namespace waited for %d questions about others", asked)
	}
}

// TestRestAfter_everMoreRarely: an import that never ends is asked about some
// fifty times in a day, and one that ends is told of within half of its age.
func TestRestAfter_everMoreRarely(t *testing.T) {
	questions, last := 0, time.Duration(0)
	for age := firstQuestion; age < 24*time.Hour; age += restAfter(age) {
		questions++
		rest := restAfter(age)
		if rest < last || rest > max(age/2, firstQuestion) {
			t.Errorf("rests %s at the age of %s, before %s", rest, age, last)
		}
		last = rest
	}
	if questions < 40 || questions > 80 {
		t.Errorf("%d questions in a day", questions)
	}
}

func BenchmarkSchedule(b *testing.B) {
	s := newSchedule(10_000)
	now := time.Unix(0, 0)
	for i := range 10_000 {
		s.add(&Import{Namespace: fmt.Sprint(i % 3000), StoredAt: now}, now)
	}
	now = now.Add(time.Minute)
	for b.Loop() {
		i := s.next(now)
		now = now.Add(time.Millisecond)
		s.again(i, now)
	}
}
