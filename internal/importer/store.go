package importer

import (
	"sync"
	"sync/atomic"
)

// bigBody is the size above which an unknown store is asked first whether it takes a
// body (Expect: 100-continue). A round trip costs more than a smaller body does.
const bigBody = 1 << 20

// store remembers how one store, named by its host, has answered. Safe for concurrent
// use.
type store struct {
	condition atomic.Int32 // one of the constants below
	noExpect  atomic.Bool  // it answered 417: bodies are sent without asking first
	last      atomic.Int32 // one of the constants below: its last answer to a body
}

// The ways in which a store has answered the last body.
const (
	lastUnknown int32 = iota // it was sent none, or could not be reached
	lastTaken
	lastRefused // or it did not answer, which may hide a refusal
)

// The ways in which a store treats If-None-Match, which it may not know.
const (
	conditionUnknown  int32 = iota
	conditionHonoured       // it answered 412
	conditionRefused        // it refuses a PUT because of it
)

func (s *store) honours() bool { return s.condition.Load() == conditionHonoured }
func (s *store) refuses() bool { return s.condition.Load() == conditionRefused }

// expects reports whether the store is to be asked before a body is sent: where one
// has just been refused, so that the refusal is read before the body's rest resets the
// connection, and for a large one as long as none was taken. A store that takes bodies
// is not asked: each question is a round trip in which nothing is sent.
func (s *store) expects(size int64) bool {
	if s.noExpect.Load() {
		return false
	}
	last := s.last.Load()
	return last == lastRefused || last == lastUnknown && size > bigBody
}

// noteAnswer notes what has become of a body. heard says that something came of it, or
// may have.
func (s *store) noteAnswer(taken, heard bool) {
	switch {
	case taken:
		s.last.Store(lastTaken)
	case heard:
		s.last.Store(lastRefused)
	default:
		s.last.Store(lastUnknown)
	}
}

// maxStores bounds the hosts that are remembered. Beyond it all are forgotten:
// what they do is found out again.
const maxStores = 256

// stores are the hosts that upload URLs have named. Safe for concurrent use.
type stores struct {
	mu     sync.Mutex // guards byHost
	byHost map[string]*store
}

func (s *stores) at(host string) *store {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.byHost[host]
	if known == nil {
		if s.byHost == nil || len(s.byHost) >= maxStores {
			s.byHost = map[string]*store{}
		}
		known = &store{}
		s.byHost[host] = known
	}
	return known
}
