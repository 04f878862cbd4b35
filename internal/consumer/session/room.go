package session

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/pace"
)

// wait lets a chunk wait for memory, or wait on.
func (m *memory) wait(c *fetch.Chunk, now time.Time) {
	if m.pending == nil {
		m.pending, m.pendingSince, m.pausedAt = c, now, now
	}
}

// dropPending gives back the chunk that waits for memory.
func (m *memory) dropPending() {
	if m.pending != nil {
		m.pending.Recycle()
		m.pending = nil
	}
}

// countMemoryPause adds the time that a chunk has waited for room since it was
// last called.
func (m *memory) countMemoryPause(now time.Time) {
	if m.pending != nil {
		m.Metrics.FetchPaused.WithLabelValues("memory").Add(now.Sub(m.pausedAt).Seconds())
		m.pausedAt = now
	}
}

// room says whether the chunk's lines fit the budget. Near it the largest
// batches are flushed; where that cannot help, namespaces in trouble are shed.
func (m *memory) room(c *fetch.Chunk, now time.Time) bool {
	var cost int64
	for i := range c.Groups {
		g := &c.Groups[i]
		lines, batches := m.lines.Batches.CostRun(g.Namespace, len(g.Lines), g.Bytes)
		cost += lines + batches*imports.PieceBytes
	}
	_, letters := c.Originals()
	cost += letters
	m.pendingCost = cost // if it does not fit, and waits
	if !m.Taste.Allows(now) || !m.makeRoom(cost, now) {
		return false
	}
	// Keep the uploads busy before memory is short.
	if m.Pool.InUse() > m.Budget.Share()*3/4 && m.Pacer.InFlight()+m.Pacer.Waiting() == 0 {
		m.sealLargest(now)
	}
	return true
}

// keptIdleBytes is how much of free blocks may stand beside a budget that is
// nearly spent: blocks of one size are of no use to batches that grow by another.
const keptIdleBytes = 8 << 20

// makeRoom says whether cost bytes fit the budget, having done what can be done
// at once so that they do.
func (m *memory) makeRoom(cost int64, now time.Time) bool {
	if idle := m.Pool.Idle(); idle > keptIdleBytes && cost+idle > m.Budget.Free() {
		m.Pool.Trim()
	}
	for {
		free := m.Budget.Free()
		if cost <= free {
			return true
		}
		if m.Pacer.Waiting() > 0 && m.Pacer.InFlight() > 0 || !m.sealLargest(now) {
			return m.relieved(cost-free, now) && m.Budget.Free() >= cost
		}
		m.attempts.Dispatch(now)
	}
}

// expire seals what is due by age while there are slots to import it. Due batches
// without a free slot stay open: sealing them would not send them sooner, and would
// send them smaller.
func (m *memory) expire(now time.Time) {
	for m.Pacer.InFlight()+m.Pacer.Waiting() < m.Config.UploadConcurrency {
		b, ok := m.lines.Batches.ExpireOldest(now)
		if !ok {
			return
		}
		m.lines.Queue(b, now)
	}
}

// grantLarge makes room for an answer or a batch that is larger than the share
// of the budget which reading always has.
func (m *memory) grantLarge(now time.Time) {
	for _, a := range []*fetch.Allowance{m.Fetched, m.Inflated} {
		if n := a.Wanted(); n > 0 && m.makeRoom(0, now) {
			a.Grant(n)
		}
	}
}

func (m *memory) sealLargest(now time.Time) bool {
	b, ok := m.lines.Batches.SealLargest()
	if ok {
		m.lines.Queue(b, now)
	}
	return ok
}

// reliefRest is how long a search for memory that found too little is not
// repeated, and reliefRestEach what each namespace adds to it: the search looks
// at all of them, and the loop may turn at each result.
const (
	reliefRest     = 100 * time.Millisecond
	reliefRestEach = 10 * time.Microsecond
)

// maxVictims is how many namespaces give way in one turn of the loop.
const maxVictims = 1000

// relieved is relieve, at most once in a while, and not while draining: nothing
// would read the lines again.
func (m *memory) relieved(need int64, now time.Time) bool {
	if now.Before(m.lines.ReliefAt) || m.Mode != assignment.Running {
		return false
	}
	if m.relieve(need, now) {
		return true
	}
	m.lines.ReliefAt = now.Add(reliefRest + time.Duration(m.Pacer.Len())*reliefRestEach)
	return false
}

// relieve makes room by shedding namespaces in trouble, and reports whether it
// freed enough. Those that fail while others succeed go first. Where nothing has
// been stored since their trouble began, one goes for a taste of what follows;
// where nothing can be stored by anybody, waiting is better than reading
// everything twice.
func (m *memory) relieve(need int64, now time.Time) bool {
	if m.Pacer.Hopeless() || m.Pacer.Paused(now) {
		return false
	}
	// More than is needed, so that the next chunks need no search of their own.
	more := max(need, min(m.Budget.Limit()/16, 4<<20))
	taste := m.Pacer.HealthyInFlight()+m.Pacer.Waiting() == 0 && m.Taste.Allows(now)
	for _, v := range budget.Victims(m.holders(), more, maxVictims, taste) {
		if !v.Evidence {
			m.Taste.Begin(now)
		}
		n := v.Namespace
		m.Faults.Log(now, "memory is short: lines of a namespace in trouble leave it and will be read again", "shed",
			"namespace", n.Name, "bytes", v.Bytes, "error", n.LastError())
		before := m.Pool.InUse()
		m.lines.Shed(n, now)
		need -= before - m.Pool.InUse()
	}
	if need <= 0 {
		return true
	}
	m.attempts.AskAmbiguous(now, func(n *imports.Namespace, _ *imports.Upload) bool { return n.Troubled() })
	m.attempts.LeaveDoubtful(now)
	return false
}

// holders are the namespaces that could give way.
func (m *memory) holders() (hs []budget.Holder[*imports.Namespace]) {
	for n := range m.lines.Namespaces() {
		if bytes := m.sheddable(n); bytes > 0 {
			hs = append(hs, budget.Holder[*imports.Namespace]{Namespace: n, Bytes: bytes, Evidence: m.LastStored.After(n.Since())})
		}
	}
	return hs
}

// sheddable returns the bytes that shedding the namespace would free, 0 if it
// has no trouble, or only the batch of a trial that has still to be tried.
func (m *memory) sheddable(n *imports.Namespace) (bytes int64) {
	if !n.Troubled() {
		return 0
	}
	for _, u := range n.Uploads {
		if u.MayLeave() && (n.State() != pace.Trial || u.Fate == imports.FateUnproven) {
			bytes += u.Batch.Memory()
		}
	}
	if n.State() == pace.Trial && len(n.Uploads) == 0 {
		return 0
	}
	if b, ok := m.lines.Batches.Open(n.Name); ok {
		bytes += b.Memory()
	}
	return bytes
}

// fullAfter is how long nothing may be taken in for want of memory before that is
// reported: less is how a slow store slows reading down.
const fullAfter = 10 * time.Second

// memoryFull says whether reading has waited for memory, or for the next taste of what
// follows, for a while.
func (m *memory) memoryFull(now time.Time) bool {
	return m.pending != nil && now.Sub(m.pendingSince) >= fullAfter
}

// whyFull says what reading has waited for, for a while, "" if it has not.
func (m *memory) whyFull(now time.Time) string {
	switch at := m.Taste.RenewAt(); {
	case !m.memoryFull(now):
		return ""
	case at.After(now):
		return "nothing of what was read can be stored: until something is, one buffer is read in each BRIDGE_HOLD_PROBE_INTERVAL, the next one at " + at.UTC().Format(time.RFC3339)
	}
	return "memory is full: nothing is read until imports free some; most is held by " + m.fullest()
}

// fullest names the namespaces that hold most of the memory.
func (m *memory) fullest() string {
	held := map[string]int64{}
	m.lines.Batches.All(func(b *batcher.Batch) bool {
		held[b.Namespace] += b.Memory()
		return true
	})
	states := map[string]string{}
	for n := range m.lines.Namespaces() {
		for _, u := range n.Uploads {
			held[n.Name] += u.Batch.Memory()
		}
		if n.Troubled() {
			states[n.Name] = ", " + cmp.Or(n.LastError(), "in trouble")
		}
	}
	names := make([]string, 0, len(held))
	for name, bytes := range held {
		if bytes > 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(held[b], held[a]), cmp.Compare(a, b)) })
	var list []string
	for _, name := range names[:min(len(names), mostHolders)] {
		list = append(list, fmt.Sprintf("%s (%d KiB%s)", name, held[name]>>10, states[name]))
	}
	if more := len(names) - len(list); more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	return strings.Join(list, ", ")
}

// mostHolders is how many namespaces are named that fill the memory.
const mostHolders = 3
