package consumer

import (
	"container/heap"
	"slices"
	"time"
)

// pacer decides which namespace may make an attempt next. A slot is owned only
// during an attempt. It belongs to the process and outlives sessions, so that a
// backoff or a Retry-After that began in one generation holds in the next. The
// loop of the current session is its only user.
type pacer struct {
	concurrency    int // attempts in flight in all
	perNamespace   int
	namespaces     map[string]*namespace
	ready          [2][]*namespace // healthy, troubled: first come, first served
	turn           int
	wakes          wakeHeap
	flying         int
	troubledFlying int

	lastStored time.Time
	requests   requestIDs

	credentialsRefused bool
	doubts             int       // namespaces that were forbidden since the API has last taken them
	refusedUntil       time.Time // one attempt may try the credentials then
	trying             bool      // it is under way

	throttled   map[string]time.Time // namespaces told to wait, and until when
	pausedUntil time.Time            // the whole API asked for quiet
}

func newPacer(concurrency, perNamespace int) *pacer {
	return &pacer{concurrency: concurrency, perNamespace: perNamespace, namespaces: map[string]*namespace{}, throttled: map[string]time.Time{}}
}

// get returns the namespace, making it known.
func (p *pacer) get(name string) *namespace {
	n := p.namespaces[name]
	if n == nil {
		n = &namespace{name: name, wakeSlot: -1}
		p.namespaces[name] = n
	}
	return n
}

// forget drops what is idle, but for those in trouble that rest.
func (p *pacer) forget(n *namespace) {
	if n.idle() && !n.queued && n.wakeSlot < 0 {
		delete(p.namespaces, n.name)
	}
}

// enqueue lets a namespace that has something to attempt wait for a slot.
func (p *pacer) enqueue(n *namespace, now time.Time) {
	if n.wakeSlot >= 0 {
		heap.Fix(&p.wakes, n.wakeSlot) // its time may have changed
	}
	if n.queued || !p.wants(n) {
		return
	}
	if n.wakeAt.After(now) {
		p.sleep(n)
		return
	}
	n.queued = true
	q := 0
	if n.troubled() {
		q = 1
	}
	p.ready[q] = append(p.ready[q], n)
}

// wants says whether the namespace has an attempt to make: an upload, or a
// probe where its lines have left memory.
func (p *pacer) wants(n *namespace) bool {
	if n.startable(p.perNamespace) != nil {
		return true
	}
	return n.dropping && !n.trial && n.flying == 0 && len(n.shed) > 0
}

// next takes the namespace whose turn it is, nil if nobody may start now.
func (p *pacer) next(now time.Time) *namespace {
	if p.flying >= p.concurrency || p.pausedUntil.After(now) {
		return nil
	}
	if p.credentialsRefused && (p.trying || p.refusedUntil.After(now)) {
		return nil
	}
	p.turn++
	first := p.turn % 2
	if n := p.pop(first, now); n != nil {
		return n
	}
	return p.pop(1-first, now)
}

func (p *pacer) pop(q int, now time.Time) *namespace {
	if q == 1 && p.troubledFlying >= max(1, p.concurrency/2) {
		return nil
	}
	for len(p.ready[q]) > 0 {
		n := p.ready[q][0]
		p.ready[q][0] = nil
		p.ready[q] = p.ready[q][1:]
		n.queued = false
		if (q == 1) != n.troubled() || n.wakeAt.After(now) || !p.wants(n) {
			p.enqueue(n, now)
			continue
		}
		return n
	}
	return nil
}

// began counts an attempt that starts.
func (p *pacer) began(n *namespace) {
	n.flying++
	p.flying++
	if n.troubled() {
		p.troubledFlying++
	}
	p.trying = p.trying || p.credentialsRefused
}

// ended counts an attempt that is over; troubled is what began saw.
func (p *pacer) ended(n *namespace, troubled bool) {
	n.flying--
	p.flying--
	if troubled {
		p.troubledFlying--
	}
}

// sleep wakes the namespace at its wakeAt. Where that changes, enqueue must be
// told.
func (p *pacer) sleep(n *namespace) {
	if n.wakeSlot < 0 {
		heap.Push(&p.wakes, n)
	}
}

// awake queues every namespace whose time has come.
func (p *pacer) awake(now time.Time) {
	for len(p.wakes) > 0 && !p.wakes[0].wakeAt.After(now) {
		n := heap.Pop(&p.wakes).(*namespace)
		p.enqueue(n, now)
		p.forget(n)
	}
}

// nextWake is when next may have another answer without any event.
func (p *pacer) nextWake(now time.Time) (at time.Time) {
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
		if p.credentialsRefused {
			earliest(p.refusedUntil)
		}
	}
	return at
}

// throttle notes that a namespace was told to wait. Several at once mean the
// whole API, for as long as there are several: one that was told to wait for an
// hour does not stop those that may go on sooner.
func (p *pacer) throttle(n *namespace, now time.Time, wait time.Duration) {
	const several = 3
	until := now.Add(wait)
	p.throttled[n.name] = until
	var ends []time.Time
	for name, t := range p.throttled {
		if !t.After(now) {
			delete(p.throttled, name)
			continue
		}
		ends = append(ends, t)
	}
	if len(ends) < several {
		return
	}
	slices.SortFunc(ends, time.Time.Compare)
	if few := ends[len(ends)-several]; few.After(p.pausedUntil) {
		p.pausedUntil = few
	}
}

// reset forgets everything of the session that ends; trouble stays.
func (p *pacer) reset() {
	p.ready = [2][]*namespace{}
	p.flying, p.troubledFlying, p.trying = 0, 0, false
	p.wakes = nil
	for name, n := range p.namespaces {
		*n = namespace{
			name: name, wakeSlot: -1, state: n.state, failures: n.failures, since: n.since, wakeAt: n.wakeAt,
			lastError: n.lastError, holdReason: n.holdReason, forbidden: n.forbidden, refused: n.refused, dropping: n.state == held,
		}
		if n.troubled() {
			p.sleep(n) // the next session may find lines of it
		} else {
			delete(p.namespaces, name)
		}
	}
}

// wakeHeap orders namespaces by wakeAt.
type wakeHeap []*namespace

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].wakeAt.Before(h[j].wakeAt) }
func (h wakeHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].wakeSlot, h[j].wakeSlot = i, j
}
func (h *wakeHeap) Push(x any) {
	n := x.(*namespace)
	n.wakeSlot = len(*h)
	*h = append(*h, n)
}
func (h *wakeHeap) Pop() any {
	old := *h
	n := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	n.wakeSlot = -1
	return n
}
