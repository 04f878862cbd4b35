package follow

import "container/heap"

// A pile is a heap whose items know their place, so that one whose order has
// changed can be moved or removed. An item lies in at most one pile at a time
// per place.
type pile[T any] struct {
	items []T
	less  func(a, b T) bool
	place func(item T) *int // its index plus one, 0 while it lies in none
}

func (p *pile[T]) Len() int           { return len(p.items) }
func (p *pile[T]) Less(i, j int) bool { return p.less(p.items[i], p.items[j]) }

func (p *pile[T]) Swap(i, j int) {
	p.items[i], p.items[j] = p.items[j], p.items[i]
	*p.place(p.items[i]), *p.place(p.items[j]) = i+1, j+1
}

// Push is heap.Interface's: call put.
func (p *pile[T]) Push(item any) {
	p.items = append(p.items, item.(T))
	*p.place(p.items[len(p.items)-1]) = len(p.items)
}

// Pop is heap.Interface's: call drop.
func (p *pile[T]) Pop() any {
	last := p.items[len(p.items)-1]
	var none T
	p.items[len(p.items)-1] = none
	p.items = p.items[:len(p.items)-1]
	*p.place(last) = 0
	return last
}

// put adds an item, or moves it to where it belongs now.
func (p *pile[T]) put(item T) {
	if at := *p.place(item); at > 0 {
		heap.Fix(p, at-1)
		return
	}
	heap.Push(p, item)
}

// drop removes an item if it is there.
func (p *pile[T]) drop(item T) {
	if at := *p.place(item); at > 0 {
		heap.Remove(p, at-1)
	}
}

// first is the least item; the pile must not be empty.
func (p *pile[T]) first() T { return p.items[0] }

// last is an item without others below it; the pile must not be empty.
func (p *pile[T]) last() T { return p.items[len(p.items)-1] }
