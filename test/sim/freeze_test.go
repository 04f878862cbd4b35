package sim

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A process that is stopped (SIGSTOP) and goes on later: meanwhile it neither
// sends nor receives, nobody is told, and what it was about to send goes out
// when it goes on. Its clocks run, as they do for a real one.

// freeze keeps everything from passing until thaw.
func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen == nil && !l.dead {
		l.frozen = make(chan struct{})
	}
}

func (l *link) thaw() {
	l.mu.Lock()
	if l.frozen == nil {
		l.mu.Unlock()
		return
	}
	close(l.frozen)
	l.frozen = nil
	var all []*conn
	for c := range l.conns {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		c.release()
	}
}

// stands reports whether the process is frozen.
func (l *link) stands() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.frozen != nil
}

// awaitThaw returns at once unless the process is frozen.
func (l *link) awaitThaw() {
	for {
		l.mu.Lock()
		frozen := l.frozen
		l.mu.Unlock()
		if frozen == nil {
			return
		}
		<-frozen
	}
}

// hold keeps what a frozen process writes, as it is about to.
func (c *conn) hold(p []byte) bool {
	c.link.mu.Lock()
	frozen := c.link.frozen != nil
	c.link.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !frozen && !c.thawing && len(c.held) == 0 {
		return false
	}
	if c.link.kafka {
		c.follow(p) // its faults hit other requests
	}
	c.held = append(c.held, p...)
	return true
}

// release writes what was held, beside which nothing else is written.
func (c *conn) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thawing || len(c.held) == 0 {
		return
	}
	c.thawing = true
	go func() { // ends when all is written, or with the connection
		for {
			c.mu.Lock()
			held := c.held
			c.held = nil
			c.thawing = len(held) > 0
			c.mu.Unlock()
			if len(held) == 0 {
				return
			}
			if _, err := c.Conn.Write(held); err != nil {
				_ = c.Conn.Close()
			}
		}
	}()
}

// freeze draws a process that is stopped for a while.
func (s *schedule) freeze(rnd *rand.Rand, at time.Duration) {
	span := pick(rnd, time.Second, 10*time.Second, 50*time.Second)
	s.onSlot(rnd, at, fmt.Sprintf("frozen for %s", span), func(w *world, p *process) {
		now := time.Now()
		// What it had on the wire may be another one's by the time it is stored.
		w.truth.excuse(excuse{from: now.Add(-exposure), to: now.Add(span + p.settings.session), why: "frozen"})
		w.truth.mu.Lock()
		w.truth.orders = false
		w.truth.mu.Unlock()
		w.touch(span, partitionRest, everything, "a process is frozen")
		p.slack.Add(int64(span))
		p.kafka.freeze()
		p.http.freeze()
		time.AfterFunc(span, func() {
			w.truth.mu.Lock()
			w.truth.thawed[p.name] = time.Now()
			w.truth.mu.Unlock()
			p.kafka.thaw()
			p.http.thaw()
		})
	})
}
