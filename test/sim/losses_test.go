package sim

import "time"

// The commits and heartbeats of a process that do not get through as they should.

// deafness is that the answers to the next heartbeats are lost.
type deafness struct {
	left  int
	since time.Time                 // when the first of them was to be lost
	lost  func(since time.Duration) // is called for each, with how long that is ago
}

// lateCommit is a commit that will be late.
type lateCommit struct {
	by   time.Duration
	sent func() // is called when it is sent
}

func (l *link) loseCommits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose += n
}

func (l *link) delayCommit(d time.Duration, sent func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = append(l.late, lateCommit{d, sent})
}

func (l *link) loseHeartbeats(n int, lost func(since time.Duration)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf.left == 0 {
		l.deaf.since = time.Now()
	}
	l.deaf.left += n
	l.deaf.lost = lost
}

// heartbeatFault takes the fault of a heartbeat that is about to be sent.
func (l *link) heartbeatFault() (lose bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf.left == 0 {
		return false
	}
	l.deaf.left--
	l.deaf.lost(time.Since(l.deaf.since))
	return true
}

// commitFault takes the fault of a commit that is about to be sent.
func (l *link) commitFault() (lose bool, late time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.late) > 0 {
		c := l.late[0]
		l.late = l.late[1:]
		c.sent()
		return false, c.by
	}
	if l.lose > 0 {
		l.lose--
		return true, 0
	}
	return false, 0
}
