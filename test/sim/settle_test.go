package sim

import (
	"fmt"
	"strings"
	"time"
)

// Waiting until nothing is owed any more.

// settle waits until nothing is owed.
func (w *world) settle(patience time.Duration) bool {
	stuck := newStuck()
	pause := 2 * time.Second
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pause) {
		pause = min(pause+100*time.Millisecond, 10*time.Second) // some wait for a Retry-After only
		w.watch()
		if w.owed() == "" {
			return true
		}
		stuck.look(w)
	}
	return false
}

// stuck notices a rebalance of kfake's that does not end.
type stuck struct {
	since      time.Time // when the group was last seen otherwise
	generation int32
}

func newStuck() *stuck { return &stuck{time.Now(), -1} }

// look starts all processes anew where a rebalance does not end, and says whether it did.
func (s *stuck) look(w *world) bool {
	info := w.cluster.GroupInfo(group)
	if info == nil || info.State != "PreparingRebalance" || info.Epoch != s.generation {
		s.since = time.Now()
	}
	if info != nil {
		s.generation = info.Epoch
	}
	if time.Since(s.since) <= stuckAfter {
		return false
	}
	w.note("kfake's rebalance does not end: all start anew")
	w.allStopped(func() {})
	s.since = time.Now()
	return true
}

// stuckAfter is longer than any rebalance may take. After a member was killed
// while it joined kfake may count too few that have joined, and each further
// join begins its rebalance timeout anew, which a broker's does not.
const stuckAfter = 8 * time.Minute

// owed says what is still to be stored or committed, "" for nothing.
func (w *world) owed() string {
	commits := w.sample()
	w.truth.mu.Lock()
	defer w.truth.mu.Unlock()
	for at, log := range w.truth.logs {
		if at.incarnation != w.truth.current[at.topic] {
			continue
		}
		// Somewhere between the first record that may be held and the first
		// that must be: earlier settings may have let it pass.
		least, most := int64(-1), int64(len(log))
		for _, r := range log {
			waits := w.settings.Load().waits(r)
			if waits && least < 0 {
				least = r.offset
			}
			if r.removed || w.truth.done(r) {
				continue
			}
			if !waits {
				return r.String()
			}
			most = min(most, r.offset)
		}
		if least < 0 || most < least {
			least = most
		}
		expected := most
		c, ok := commits[at.topic][at.partition]
		if len(log) == 0 || ok && c.Offset >= least && c.Offset <= most {
			continue
		}
		return fmt.Sprintf("%v is committed to %d instead of %d of %d", at, c.Offset, expected, len(log))
	}
	return ""
}

// membersNow says who is in the group.
func (w *world) membersNow() string {
	info := w.cluster.GroupInfo(group)
	if info == nil {
		return "none"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s generation %d", info.State, info.Epoch)
	for _, m := range info.Members {
		fmt.Fprintf(&b, ", %s has %v", m.MemberID, m.Assignment)
	}
	return b.String()
}
