package session

import (
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/pace"
)

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
func (s *memory) relieved(need int64, now time.Time) bool {
	if now.Before(s.ReliefAt) || s.Mode != assignment.Running {
		return false
	}
	if s.relieve(need, now) {
		return true
	}
	s.ReliefAt = now.Add(reliefRest + time.Duration(s.Pacer.Len())*reliefRestEach)
	return false
}

// relieve makes room by shedding namespaces in trouble, and reports whether it
// freed enough. Those that fail while others succeed go first. Where nothing has
// been stored since their trouble began, one goes for a taste of what follows;
// where nothing can be stored by anybody, waiting is better than reading
// everything twice.
func (s *memory) relieve(need int64, now time.Time) bool {
	if s.Pacer.Hopeless() || s.Pacer.Paused(now) {
		return false
	}
	// More than is needed, so that the next chunks need no search of their own.
	more := max(need, min(s.Budget.Limit()/16, 4<<20))
	taste := s.Pacer.HealthyInFlight()+s.Waiting() == 0 && s.Taste.Allows(now)
	for _, v := range budget.Victims(s.holders(), more, maxVictims, taste) {
		if !v.Evidence {
			s.Taste.Begin(now)
		}
		n := v.Namespace
		s.Faults.Log(now, "memory is short: lines of a namespace in trouble leave it and will be read again", "shed",
			"namespace", n.Name, "bytes", v.Bytes, "error", n.LastError())
		before := s.Pool.InUse()
		s.Shed(n, now)
		s.Pacer.Enqueue(n.Namespace, now)
		need -= before - s.Pool.InUse()
	}
	if need <= 0 {
		return true
	}
	s.AskAmbiguous(now, func(n *imports.Namespace, _ *imports.Upload) bool { return n.Troubled() })
	s.LeaveDoubtful(now)
	return false
}

// holders are the namespaces that could give way.
func (s *memory) holders() (hs []budget.Holder[*imports.Namespace]) {
	for n := range s.Namespaces() {
		if bytes := s.sheddable(n); bytes > 0 {
			hs = append(hs, budget.Holder[*imports.Namespace]{Namespace: n, Bytes: bytes, Evidence: s.LastStored.After(n.Since())})
		}
	}
	return hs
}

// sheddable returns the bytes that shedding the namespace would free, 0 if it
// has no trouble, or only the batch of a trial that has still to be tried.
func (s *memory) sheddable(n *imports.Namespace) (bytes int64) {
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
	if b, ok := s.Batches.Open(n.Name); ok {
		bytes += b.Memory()
	}
	return bytes
}
