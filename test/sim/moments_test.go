package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// The moments in the life of a batch at which a process can be killed: the
// faults that hit one at random rarely hit these.
const (
	urlAsked      = "a URL is asked for"
	bodyBegins    = "a PUT begins"
	bodyStored    = "a batch is stored"
	commitSent    = "a commit is sent"
	commitLost    = "a commit does not arrive"
	commitApplied = "a commit is applied"
)

// ambush is a kill that waits for its moment.
type ambush struct {
	slot   int
	moment string
	pause  time.Duration // until it is started again
}

// killAtMoment draws a kill at the next moment of one kind.
func (s *schedule) killAtMoment(rnd *rand.Rand, at time.Duration) {
	a := ambush{rnd.IntN(s.members), pick(rnd, urlAsked, bodyBegins, bodyStored, commitSent, commitLost, commitApplied), pick(rnd, 10*time.Millisecond, time.Second, 10*time.Second)}
	s.add(at, fmt.Sprintf("kill slot %d as soon as %s, start it %s later", a.slot, a.moment, a.pause), func(w *world) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ambushes = append(w.ambushes, a)
	})
}

// moment kills the process that has come to one, if a kill waits for it there.
func (w *world) moment(process, what string) (killed bool) {
	w.mu.Lock()
	at := slices.IndexFunc(w.ambushes, func(a ambush) bool {
		p := w.slots[a.slot]
		return a.moment == what && p != nil && p.name == process
	})
	if at < 0 {
		w.mu.Unlock()
		return false
	}
	a := w.ambushes[at]
	w.ambushes = slices.Delete(w.ambushes, at, at+1)
	w.mu.Unlock()
	w.note("%s: %s", process, what)
	w.killSlot(a.slot)
	time.AfterFunc(a.pause, func() { w.startSlot(a.slot) })
	return true
}

// commitMoment kills who commits, with the commit applied or lost.
func (w *world) commitMoment(process string) (lost bool) {
	if w.moment(process, commitLost) {
		return true
	}
	w.moment(process, commitSent)
	time.AfterFunc(time.Millisecond, func() {
		w.sample() // also of who was killed: nobody else may commit for long
		w.moment(process, commitApplied)
	})
	return false
}

var errLost = errors.New("the commit is lost")
