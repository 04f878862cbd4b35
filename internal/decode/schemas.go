package decode

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the cache. Compiled schemas take a few times the memory of their text.
const (
	maxSchemas    = 1000
	maxTextBytes  = 8 << 20
	maxParallel   = 4 // requests under way
	minBackoff    = 500 * time.Millisecond
	maxBackoff    = 30 * time.Second
	missingFor    = time.Minute      // a schema that the registry does not have is not asked for again sooner
	missingPoll   = time.Second      // but as often as this for records that are new
	lostPoll      = 10 * time.Second // and as this if it had the schema before
	maxKnown      = 1 << 16
	propagation   = 5 * time.Second
	clockSkew     = time.Minute
	attemptBudget = 30 * time.Second // for a schema with its references
)

// Schemas is the process's cache of compiled schemas. Decoders take from it without
// waiting; what it does not have it asks the registry for in the background, while
// Run runs. It is safe for concurrent use.
type Schemas struct {
	registry *Registry
	metrics  *Metrics
	wake     chan struct{} // makes Run look again

	mu      sync.RWMutex
	entries map[Ref]*entry
	// known are the schemas that were ever there. One that is forgotten here and then
	// not found in the registry is no record's fault: what was read by it before must
	// be readable again.
	known map[Ref]struct{}
	text  int   // bytes of all schemas
	clock int64 // counts uses, for eviction

	// What the registry is like.
	flying    int // attempts under way
	failures  int // in a row
	notBefore time.Time
	trouble   error // of the latest attempt; nil once one has got an answer
}

// entry holds one schema and the state of the question for it.
type entry struct {
	ref    Ref
	schema atomic.Pointer[schema] // nil until it is known
	used   atomic.Int64           // the clock when it was used last

	// Guarded by Schemas.mu.
	missing time.Time     // when the registry last said that it has none
	lack    error         // what it has not: ErrNotFound, of the schema or of what it refers to
	ready   chan struct{} // closed after the next attempt; nil if none is planned
	due     time.Time     // of that attempt
	flying  bool          // it is under way
}

// NewSchemas makes an empty cache. Run has to run for it to fill.
func NewSchemas(registry *Registry, metrics *Metrics) *Schemas {
	return &Schemas{registry: registry, metrics: metrics, wake: make(chan struct{}, 1), entries: map[Ref]*entry{}, known: map[Ref]struct{}{}}
}

// find returns the entry of a schema that is known. The error is *Waiting, or says what
// the registry does not have. recorded is the record's timestamp: a schema may reach
// the registry's copies a little later than the first record that uses it, so that it
// is asked for again for a while before a new record is given up.
func (s *Schemas) find(ref Ref, recorded, now time.Time) (*entry, error) {
	s.mu.RLock()
	e := s.entries[ref]
	s.mu.RUnlock()
	if e != nil && e.schema.Load() != nil {
		e.used.Store(atomic.AddInt64(&s.clock, 1))
		return e, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e = s.entries[ref]; e == nil {
		e = &entry{ref: ref}
		s.entries[ref] = e
		s.evict(e)
	}
	e.used.Store(atomic.AddInt64(&s.clock, 1))
	if e.schema.Load() != nil {
		return e, nil
	}
	if e.ready != nil {
		return nil, s.waiting(e)
	}
	due := now
	if !e.missing.IsZero() {
		_, lost := s.known[ref]
		fresh := recorded.Before(e.missing.Add(clockSkew)) && e.missing.Before(recorded.Add(propagation))
		switch {
		case lost:
			due = e.missing.Add(lostPoll)
		case fresh:
			due = e.missing.Add(missingPoll)
		case now.Before(e.missing.Add(missingFor)):
			return nil, e.lack
		}
	}
	e.ready, e.due = make(chan struct{}), due
	s.kick()
	return nil, s.waiting(e)
}

func (s *Schemas) waiting(e *entry) *Waiting {
	w := &Waiting{Ref: e.ref, Ready: e.ready}
	switch {
	case s.trouble != nil:
		w.Err = s.trouble
	case !e.missing.IsZero():
		w.Err = e.lack
	}
	return w
}

// kick makes Run look again.
func (s *Schemas) kick() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// evict forgets the entries that were used longest ago, except keep. Call with mu held.
func (s *Schemas) evict(keep *entry) {
	for len(s.entries) > maxSchemas || s.text > maxTextBytes && len(s.entries) > 1 {
		var oldest *entry
		for _, e := range s.entries {
			if e != keep && (oldest == nil || e.used.Load() < oldest.used.Load()) {
				oldest = e
			}
		}
		if known := oldest.schema.Load(); known != nil {
			s.text -= known.size
		}
		delete(s.entries, oldest.ref)
		s.settle(oldest)
	}
}

// settle releases the decoders that wait for an entry. Call with mu held.
func (s *Schemas) settle(e *entry) {
	if e.ready != nil {
		close(e.ready)
		e.ready = nil
	}
}

// Trouble returns the reason why the registry gives no answers, nil if it does.
func (s *Schemas) Trouble() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.trouble
}

// Check asks whether the registry answers and takes the credentials.
func (s *Schemas) Check(ctx context.Context) error {
	err := s.registry.get(ctx, typesPath, new(any))
	if errors.Is(err, errPath) { // it is too old to know this one
		return nil
	}
	return err
}

// Run asks the registry for what the decoders need until ctx ends. All its
// goroutines have returned then.
func (s *Schemas) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		}
		for {
			e, next := s.next(time.Now())
			if e == nil {
				timer.Reset(next)
				break
			}
			wg.Go(func() { s.attempt(ctx, e) })
		}
	}
}

// next takes the entry whose attempt is due first, if it may begin; else it returns
// when to look again. While the registry is in trouble one attempt at a time finds out
// whether that has ended.
func (s *Schemas) next(now time.Time) (*entry, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := maxParallel
	if s.trouble != nil {
		limit = 1
	}
	var first *entry
	for _, e := range s.entries {
		if e.ready != nil && !e.flying && (first == nil || e.due.Before(first.due)) {
			first = e
		}
	}
	if first == nil || s.flying >= limit {
		return nil, time.Hour // the end of an attempt, or another entry, wakes
	}
	if wait := max(first.due.Sub(now), s.notBefore.Sub(now)); wait > 0 {
		return nil, wait
	}
	first.flying = true
	s.flying++
	return first, 0
}

// attempt asks for one schema.
func (s *Schemas) attempt(ctx context.Context, e *entry) {
	bounded, cancel := context.WithTimeout(ctx, attemptBudget)
	defer cancel()
	known, err := s.registry.load(bounded, e.ref)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	s.metrics.asked(err)
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.kick()
	defer s.settle(e)
	s.flying--
	e.flying = false
	switch {
	case err == nil:
		s.failures, s.notBefore, s.trouble = 0, time.Time{}, nil
		if len(s.known) < maxKnown {
			s.known[e.ref] = struct{}{}
		}
		if s.entries[e.ref] == e { // it is still wanted
			e.schema.Store(known)
			s.text += known.size
			s.evict(e)
		}
	case errors.Is(err, ErrNotFound):
		s.failures, s.notBefore, s.trouble = 0, time.Time{}, nil
		e.missing, e.lack = now, err
	default:
		s.failures++
		s.trouble = err
		s.notBefore = now.Add(backoff(s.failures, err))
	}
}

// backoff is how long the registry is left alone after so many failures in a row.
func backoff(failures int, err error) time.Duration {
	delay := min(minBackoff<<min(failures-1, 10), maxBackoff)
	delay = delay/2 + rand.N(delay/2) // half of it jitter
	if asked, ok := errors.AsType[*retryAfter](err); ok {
		delay = max(delay, asked.delay)
	}
	return delay
}

// describe is the schema as people know it.
func (e *entry) describe() string {
	if known := e.schema.Load(); known != nil && known.kind != "" {
		return fmt.Sprintf("%s (%s)", e.ref, known.kind)
	}
	return e.ref.String()
}
