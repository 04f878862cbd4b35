package sim

import (
	"net"
	"sync"
)

// socketBytes is what a socket takes before the other side reads.
const socketBytes = 64 << 10

// socket gives a connection in memory what every socket has: room for what is written
// and not read yet. Without it a client that writes and a server that answers first wait
// for each other.
type socket struct {
	net.Conn
	mu      sync.Mutex // guards what follows
	change  sync.Cond  // of it, on mu
	waiting []byte     // written, and not passed on
	err     error      // why no more is passed on
}

// newSocket wraps a connection. Its goroutine ends with Close.
func newSocket(raw net.Conn) *socket {
	s := &socket{Conn: raw}
	s.change.L = &s.mu
	go s.pass()
	return s
}

func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && len(s.waiting) > 0 && len(s.waiting)+len(p) > socketBytes {
		s.change.Wait()
	}
	if s.err != nil {
		return 0, s.err
	}
	s.waiting = append(s.waiting, p...)
	s.change.Broadcast()
	return len(p), nil
}

// pass writes what waits.
func (s *socket) pass() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil {
		if len(s.waiting) == 0 {
			s.change.Wait()
			continue
		}
		next := s.waiting
		s.mu.Unlock()
		_, err := s.Conn.Write(next)
		s.mu.Lock()
		if s.err == nil {
			s.err = err
		}
		s.waiting = append([]byte(nil), s.waiting[len(next):]...)
		s.change.Broadcast()
	}
}

func (s *socket) Close() error {
	err := s.Conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = net.ErrClosed
	}
	s.change.Broadcast()
	return err
}
