package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// drawMembership adds what happens to the membership alone. It has a source of
// its own, so that the other schedules stay what they are.
func (s *schedule) drawMembership(rnd *rand.Rand) {
	s.settings.static = rnd.IntN(2) == 0
	s.settings.stay = s.settings.static && rnd.IntN(2) == 0
	faults := []fault{s.rebalanceAgain, s.rebalanceAgain, s.heartbeatsLost, s.coordinatorMovesAt, s.coordinatorMovesAt, s.coordinatorMovesAt}
	if !s.graceful {
		faults = append(faults, s.twin, s.twin, s.killAndReturn, s.killAndReturn)
	}
	for range rnd.IntN(5) {
		f := pick(rnd, faults...)
		f(rnd, time.Duration(rnd.Int64N(int64(s.length))))
	}
}

// rebalanceAgain lets members come and go while a rebalance is under way.
func (s *schedule) rebalanceAgain(rnd *rand.Rand, at time.Duration) {
	first, second := s.members, s.members+1
	apart := pick(rnd, 10*time.Millisecond, 300*time.Millisecond, 2*time.Second)
	s.add(at, fmt.Sprintf("start slot %d, and slot %d %s later; the first one stops as much later", first, second, apart), func(w *world) {
		w.background(func() {
			w.startSlot(first)
			time.Sleep(apart)
			w.startSlot(second)
			time.Sleep(apart)
			w.stopSlot(first)
		})
	})
	s.add(at+s.span(rnd), fmt.Sprintf("stop slot %d", second), func(w *world) { w.background(func() { w.stopSlot(second) }) })
}

func (s *schedule) heartbeatsLost(rnd *rand.Rand, at time.Duration) {
	n := pick(rnd, 1, 2, 10)
	if s.settings.receiptTakes > time.Second {
		n = min(n, 2) // ten end the lease, which is to be put out: see putOut
	}
	s.onSlot(rnd, at, fmt.Sprintf("the answers to %d heartbeats are lost", n), func(w *world, p *process) {
		beat := p.settings.heartbeat
		p.kafka.loseHeartbeats(n, func(since time.Duration) {
			if since >= p.settings.session-3*beat { // it may not know that it is a member, and stores nothing until one is answered
				w.touch(0, 2*beat, everything, "heartbeats are lost")
			}
		})
	})
}

// coordinatorMovesAt makes another broker the coordinator, or only says so where
// there is one, as soon as a member takes a step.
func (s *schedule) coordinatorMovesAt(rnd *rand.Rand, at time.Duration) {
	step := pick(rnd, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit, kmsg.LeaveGroup)
	s.add(at, fmt.Sprintf("coordinators move at the next request of kind %d", step), func(w *world) {
		moved := false
		w.cluster.ControlKey(int16(step), func(kmsg.Request) (kmsg.Response, error, bool) {
			if !moved {
				moved = true
				go w.cluster.RehashCoordinators()
			}
			return nil, nil, false
		})
	})
	// A rebalance, so that the steps are taken.
	slot := s.members
	s.add(at+100*time.Millisecond, fmt.Sprintf("start slot %d", slot), func(w *world) { w.startSlot(slot) })
	s.add(at+s.span(rnd), fmt.Sprintf("stop slot %d", slot), func(w *world) { w.background(func() { w.stopSlot(slot) }) })
}

// killAndReturn kills a process and starts another one in its place within the
// session timeout: a static member's group does not notice.
func (s *schedule) killAndReturn(rnd *rand.Rand, at time.Duration) {
	slot, pause := rnd.IntN(s.members), pick(rnd, time.Millisecond, time.Second, 4*time.Second)
	s.add(at, fmt.Sprintf("kill slot %d, start it %s later", slot, pause), func(w *world) {
		before := w.cluster.GroupInfo(group)
		p := w.slot(slot)
		settled := p != nil && w.settings.Load().static && before != nil && before.State == "Stable" && pause < w.settings.Load().session/2
		w.killSlot(slot)
		w.background(func() {
			time.Sleep(pause)
			w.startSlot(slot)
			if settled {
				w.note("slot %d returns under its name in generation %d", slot, before.Epoch)
			}
		})
	})
}

// twin starts another process of a slot's name. The older one has to end.
func (s *schedule) twin(rnd *rand.Rand, at time.Duration) {
	s.onSlot(rnd, at, "another process takes its name", func(w *world, p *process) {
		if !p.settings.static || p.settings != w.settings.Load() {
			return
		}
		w.mu.Lock()
		slot := -1
		for i, other := range w.slots {
			if other == p {
				slot = i
				delete(w.slots, i)
			}
		}
		w.mu.Unlock()
		if slot < 0 {
			return
		}
		// Both store the same until the older one hears of the other.
		now := time.Now()
		w.truth.excuse(excuse{from: now.Add(-exposure), to: now.Add(p.settings.heartbeat + 15*time.Second), why: "has a twin"})
		w.truth.excuse(excuse{process: p.name, from: now.Add(-exposure), to: now.Add(time.Hour), why: "has a twin"})
		w.startSlot(slot)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.twins = append(w.twins, twins{p, now})
	})
}

// twins are two processes of one name.
type twins struct {
	older *process
	at    time.Time // when the newer one was started
}

// sameName says whether another process's name has ended this one.
func (p *process) sameName() bool {
	return p != nil && p.over() && p.err != nil && strings.Contains(p.err.Error(), "BRIDGE_INSTANCE_ID")
}

// rejoined says whether the older one has joined after the newer one was started: for
// the first time, or because the group had forgotten it. It is the newer member then.
func (w *world) rejoined(t twins) bool {
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	joins := w.truth.joins[t.older.name]
	return len(joins) > 0 && joins[len(joins)-1].After(t.at)
}

// won says whether the older one has joined last, and no other one of its name lives.
func (w *world) won(t twins) bool {
	w.mu.Lock()
	all := slices.Clone(w.processes)
	w.mu.Unlock()
	return w.rejoined(t) && !slices.ContainsFunc(all, func(p *process) bool {
		return p != t.older && p.slot == t.older.slot && !p.over() && !p.killed.Load()
	})
}

// mistaken says whether a process has ended because of its name, and may have though it
// was started last.
func (w *world) mistaken(p *process) bool {
	w.mu.Lock()
	all := slices.Clone(w.twins)
	w.mu.Unlock()
	return p.sameName() && slices.ContainsFunc(all, func(t twins) bool { return t.older.slot == p.slot && w.rejoined(t) })
}

// endTwins wants those whose name was taken to have ended because of it. kfake leaves
// the join of the older one without an answer where both wait for a rebalance, which a
// broker does not: it hears of the other with its next join.
func (w *world) endTwins() {
	for _, t := range w.twins {
		p := t.older
		for end := time.Now().Add(p.settings.rebalance + time.Minute); time.Now().Before(end) && !p.over() && !w.won(t); {
			time.Sleep(time.Second)
		}
		switch {
		case p.killed.Load():
			continue
		case w.won(t):
			_ = p.stop()
			continue
		case !p.over():
			w.truth.blame("%s goes on although another process has its name", p.name)
			p.kill()
		}
		if <-p.stopped; !p.sameName() {
			w.truth.blame("%s, whose name another process has, ended with %v", p.name, p.err)
		}
	}
}
