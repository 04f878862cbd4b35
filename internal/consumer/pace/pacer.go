package pace

import (
	"container/heap"
	"iter"
	"maps"
	"time"
)

// Pacer gives the slots for attempts to namespaces. A slot is taken only during
// an attempt. Not safe for concurrent use: the loop of the current session is
// its only user.
type Pacer struct {
	concurrency    int // attempts in flight in all
	perNamespace   int
	namespaces     map[string]*Namespace
	ready          [2][]*Namespace // healthy, troubled: first come, first served
	turn           int
	wakes          wakeHeap
	inFlight       int
	troubledFlight int // of them, those of troubled namespaces

	preparable []*Namespace // whose next attempt may be prepared, or might have been

	gates       [gates]gate
	trying      bool                // an attempt through a shut gate is in flight
	taken       map[string]struct{} // namespaces that the API accepts, at most maxTaken
	throttled   map[string]time.Time
	pausedUntil time.Time // the whole API asked for quiet
}

// New returns a Pacer for at most concurrency attempts in flight, perNamespace
// of one namespace.
func New(concurrency, perNamespace int) *Pacer {
	return &Pacer{
		concurrency: concurrency, perNamespace: perNamespace,
		namespaces: map[string]*Namespace{}, taken: map[string]struct{}{}, throttled: map[string]time.Time{},
	}
}

// Get returns the namespace and makes it known.
func (p *Pacer) Get(name string) *Namespace {
	n := p.namespaces[name]
	if n == nil {
		n = &Namespace{Name: name, wakeSlot: -1}
		p.namespaces[name] = n
	}
	return n
}

// Lookup returns the namespace if it is known, else nil.
func (p *Pacer) Lookup(name string) *Namespace { return p.namespaces[name] }

// All returns the known namespaces in no order.
func (p *Pacer) All() iter.Seq[*Namespace] { return maps.Values(p.namespaces) }

// InFlight returns the number of attempts in flight.
func (p *Pacer) InFlight() int { return p.inFlight }

// HealthyInFlight returns the number of attempts in flight of namespaces that had
// no trouble when the attempt began.
func (p *Pacer) HealthyInFlight() int { return p.inFlight - p.troubledFlight }

// Len returns the number of known namespaces.
func (p *Pacer) Len() int { return len(p.namespaces) }

// Waiting returns the number of healthy namespaces that wait for a slot.
func (p *Pacer) Waiting() int { return len(p.ready[0]) }

// Changed lets the namespace wait for what it has to do by now: for a slot, or for the
// end of its rest. One that is idle is forgotten, but one in trouble not until its rest
// is over. Call it whenever the namespace's work or its rest has changed.
func (p *Pacer) Changed(n *Namespace, now time.Time) {
	if n.wakeSlot >= 0 {
		heap.Fix(&p.wakes, n.wakeSlot)
	}
	if !n.preparable && p.mayPrepare(n) {
		n.preparable = true
		p.preparable = append(p.preparable, n)
	}
	switch {
	case n.queued:
	case !p.wants(n):
		if n.idle() && n.wakeSlot < 0 {
			delete(p.namespaces, n.Name)
		}
	case n.wakeAt.After(now):
		p.sleep(n)
	default:
		n.queued = true
		q := queueOf(n)
		p.ready[q] = append(p.ready[q], n)
	}
}

// queueOf returns the index of the ready queue that the namespace belongs to.
func queueOf(n *Namespace) int {
	if n.Troubled() {
		return 1
	}
	return 0
}

// wants reports whether the namespace has an attempt to make: an upload, or a
// probe where its lines have left memory.
func (p *Pacer) wants(n *Namespace) bool {
	if n.Work == nil {
		return false
	}
	return n.inFlight < p.perNamespace && n.Work.Startable() || n.Resting() && n.inFlight == 0 && n.Work.Dropped()
}

// Next returns the namespace whose turn it is, nil if no attempt may begin now.
func (p *Pacer) Next(now time.Time) *Namespace {
	if p.inFlight >= p.concurrency || p.closed(now) {
		return nil
	}
	p.turn++
	first := p.turn % 2
	if n := p.pop(first, now); n != nil {
		return n
	}
	return p.pop(1-first, now)
}

func (p *Pacer) pop(q int, now time.Time) *Namespace {
	if q == 1 && p.troubledFlight >= max(1, p.concurrency/2) {
		return nil
	}
	for len(p.ready[q]) > 0 {
		n := p.ready[q][0]
		p.ready[q][0] = nil
		p.ready[q] = p.ready[q][1:]
		n.queued = false
		if queueOf(n) != q || n.wakeAt.After(now) || !p.wants(n) {
			p.Changed(n, now)
			continue
		}
		return n
	}
	return nil
}

// MayTry reports whether an attempt for a namespace in trouble may begin now
// beside those whose turn it is: a question about what an earlier one came to.
func (p *Pacer) MayTry(now time.Time) bool {
	return p.inFlight < p.concurrency && p.troubledFlight < max(1, p.concurrency/2) && !p.closed(now)
}

// Began counts an attempt that begins. Its end needs what Began returns.
func (p *Pacer) Began(n *Namespace) (troubled bool) {
	n.inFlight++
	p.inFlight++
	if n.Troubled() {
		p.troubledFlight++
	}
	p.trying = p.trying || p.AnyShut()
	return n.Troubled()
}

// Ended counts an attempt that is over; troubled is the value that Began returned.
func (p *Pacer) Ended(n *Namespace, troubled bool) {
	n.inFlight--
	p.inFlight--
	if troubled {
		p.troubledFlight--
	}
	p.trying = false
}

func (p *Pacer) sleep(n *Namespace) {
	if n.wakeSlot < 0 {
		heap.Push(&p.wakes, n)
	}
}

// Wake queues every namespace whose rest is over.
func (p *Pacer) Wake(now time.Time) {
	for len(p.wakes) > 0 && !p.wakes[0].wakeAt.After(now) {
		n := heap.Pop(&p.wakes).(*Namespace)
		p.Changed(n, now)
	}
}

// NextWake returns when Next may have another answer by the clock alone, zero
// if it will not.
func (p *Pacer) NextWake(now time.Time) (at time.Time) {
	earliest := func(t time.Time) {
		if t.After(now) && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if len(p.wakes) > 0 {
		at = p.wakes[0].wakeAt
	}
	if len(p.ready[0])+len(p.ready[1]) > 0 {
		earliest(p.pausedUntil)
		for g := range p.gates {
			if p.gates[g].shut {
				earliest(p.gates[g].tryAfter)
			}
		}
	}
	return at
}

// Reset forgets everything of the generation that ends; trouble stays.
func (p *Pacer) Reset() {
	p.ready = [2][]*Namespace{}
	p.inFlight, p.troubledFlight, p.trying = 0, 0, false
	p.wakes = nil
	for name, n := range p.namespaces {
		n.state = n.restart()
		n.Work, n.inFlight, n.wakeSlot, n.queued = nil, 0, -1, false
		if n.Troubled() {
			p.sleep(n) // the next session may find lines of it
		} else {
			delete(p.namespaces, name)
		}
	}
}

// wakeHeap orders namespaces by wakeAt.
type wakeHeap []*Namespace

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wakeAt.Before(h[j].wakeAt) }
func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].wakeSlot, h[j].wakeSlot = i, j
}

func (h *wakeHeap) Push(x any) {
	n := x.(*Namespace)
	n.wakeSlot = len(*h)
	*h = append(*h, n)
}

func (h *wakeHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	n.wakeSlot = -1
	*h = old[:len(old)-1]
	return n
}

// While as many attempts of a namespace are in flight as may be, the next one may be
// prepared, unless it is in trouble. Such a call takes a slot, but none of the
// namespace's, and neither one that a namespace waits for nor the last one: it may take
// long, and another namespace may have a batch meanwhile.

func (p *Pacer) mayPrepare(n *Namespace) bool {
	return n.Work != nil && n.inFlight >= p.perNamespace && !n.Troubled() && n.Work.Preparable()
}

// NextPreparing returns a namespace whose next attempt is to be prepared, nil if there
// is none, or no call may begin now. Call it when Next has returned nil.
func (p *Pacer) NextPreparing(now time.Time) *Namespace {
	if p.inFlight+1 >= p.concurrency || p.closed(now) || p.AnyShut() {
		return nil
	}
	for len(p.preparable) > 0 {
		n := p.preparable[0]
		p.preparable[0] = nil
		p.preparable = p.preparable[1:]
		n.preparable = false
		if p.mayPrepare(n) {
			return n
		}
	}
	return nil
}

// BeganPreparing counts a call that begins.
func (p *Pacer) BeganPreparing() { p.inFlight++ }

// EndedPreparing counts a call that is over.
func (p *Pacer) EndedPreparing() { p.inFlight-- }
