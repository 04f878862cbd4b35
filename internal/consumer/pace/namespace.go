package pace

import "time"

// Work is what a session knows of a namespace's lines.
type Work interface {
	// Startable reports whether there is something to attempt.
	Startable() bool
	// Preparable reports whether there is something to prepare for the attempt
	// after the ones that are in flight.
	Preparable() bool
	// Dropped reports whether lines of the namespace have left memory and have
	// to be read back.
	Dropped() bool
	// Idle reports whether there is nothing to attempt, to read back, or to
	// wait for.
	Idle() bool
}

// Namespace is one namespace with work or trouble. A Pacer creates it.
type Namespace struct {
	Name string
	// Work belongs to the session, which sets it. Without it the namespace has
	// nothing to attempt.
	Work Work
	// Memo belongs to the session and outlives it. It is forgotten with the
	// trouble.
	Memo any

	state     State
	since     time.Time // the trouble began
	reason    string    // why it is held, "" if it is not
	lastError string
	wakeAt    time.Time // no attempt before
	floor     time.Time // no failure's delay ends before: what answers asked for
	inFlight  int       // attempts, probes included

	doubted  [gates]bool // its last answer spoke against the gate
	wakeSlot int         // place in the wake heap, -1 if it is not in it
	queued   bool        // in a ready queue

	preparable bool // in the pacer's list of that name
}

// State returns the namespace's state.
func (n *Namespace) State() State { return n.state }

// Since returns when the trouble began, or when the namespace was first held.
// It means nothing for an ordinary namespace.
func (n *Namespace) Since() time.Time { return n.since }

// HoldReason returns the reason for which the namespace is held, as a label, "" if it
// is not held.
func (n *Namespace) HoldReason() string { return n.reason }

// LastError returns the text of the last failure, "" without trouble.
func (n *Namespace) LastError() string { return n.lastError }

// WakeAt returns the time before which no attempt begins.
func (n *Namespace) WakeAt() time.Time { return n.wakeAt }

// InFlight returns the number of attempts in flight, probes included.
func (n *Namespace) InFlight() int { return n.inFlight }

// Troubled reports whether the last attempt that says anything did not store.
func (n *Namespace) Troubled() bool { return n.state != Ordinary }

// IsHeld reports whether the namespace was refused for good, also while a trial
// shows whether it still is.
func (n *Namespace) IsHeld() bool { return n.state == Held || n.state == Trial && n.reason != "" }

// Dropping reports whether new lines stay in Kafka.
func (n *Namespace) Dropping() bool { return n.state >= Shed }

// Resting reports whether nothing of the namespace may be in memory: it waits
// for a probe.
func (n *Namespace) Resting() bool { return n.state == Shed || n.state == Held }

// Doubts reports whether the namespace's last answer spoke against the gate.
func (n *Namespace) Doubts(g Gate) bool { return n.doubted[g] }

// idle reports whether nothing would be lost by forgetting the namespace, but
// its trouble.
func (n *Namespace) idle() bool { return n.inFlight == 0 && (n.Work == nil || n.Work.Idle()) }

// State says how imports of a namespace go, and where its lines are.
type State uint8

// The states of a namespace.
const (
	// Ordinary namespaces have no trouble: their lines wait in memory.
	Ordinary State = iota
	// Retrying namespaces failed last and may succeed later: their lines wait
	// in memory.
	Retrying
	// Shed namespaces failed last and gave their memory to others: new lines
	// stay in Kafka until a probe succeeds.
	Shed
	// Held namespaces were refused for good: new lines stay in Kafka, and a
	// probe asks now and then whether they are taken again.
	Held
	// Trial namespaces were Shed or Held until a probe succeeded: one batch is
	// read back and tried, while new lines stay in Kafka.
	Trial

	states
)

// String returns the state's name for logs and tests.
func (s State) String() string {
	return [states]string{"ordinary", "retrying", "shed", "held", "trial"}[s]
}

// Failure describes an attempt that did not store its batch and may be made
// again.
type Failure struct {
	// Delay is how long the namespace rests before its next attempt.
	Delay time.Duration
	// RetryAfter is the rest that the answer asked for, 0 without one. No
	// later failure shortens it.
	RetryAfter time.Duration
	// Err is what went wrong, without secrets and without record contents.
	Err error
	// KeepsTrial says that the batch of a trial may be stored already: it stays
	// in memory, and its URL is tried again.
	KeepsTrial bool
}

// Fail notes that an attempt failed and may succeed later. It reports whether
// the batch of a trial has to leave memory again.
func (n *Namespace) Fail(now time.Time, f Failure) (endsTrial bool) {
	n.note(now, f.Err)
	n.floor = later(n.floor, now.Add(f.RetryAfter))
	n.wakeAt = later(now.Add(f.Delay), n.floor)
	if n.state == Ordinary {
		n.state = Retrying
	}
	return !f.KeepsTrial && n.EndTrial()
}

// Refuse notes that an attempt was refused for good: the namespace is held, and
// rests for delay until a probe. The reason is the label that says which call
// answered what. Refuse reports whether the namespace was not held before.
func (n *Namespace) Refuse(now time.Time, reason string, delay time.Duration, err error) (news bool) {
	news = !n.IsHeld()
	n.note(now, err)
	if news {
		n.since, n.reason = now, reason
	}
	n.state, n.wakeAt = Held, later(now.Add(delay), n.floor)
	return news
}

// GiveWay notes that a namespace in trouble gives its memory to others. It
// reports whether it may: an ordinary one keeps its lines, and one in a trial
// has one batch only.
func (n *Namespace) GiveWay() bool {
	switch n.state {
	case Ordinary, Trial:
		return false
	case Retrying:
		n.state = Shed
	}
	return true
}

// Probed notes that the API accepts the namespace's requests again. With lines
// left in Kafka its trial begins, and Probed reports true; else the next batch
// shows whether it is stored.
func (n *Namespace) Probed(dropped bool) (trial bool) {
	n.wakeAt = time.Time{}
	switch {
	case !n.Resting():
		return n.state == Trial
	case dropped:
		n.state = Trial
		return true
	}
	n.state, n.reason = Retrying, ""
	return false
}

// EndTrial sends the batch of a trial back to Kafka. It reports whether there
// was a trial.
func (n *Namespace) EndTrial() bool {
	if n.state != Trial {
		return false
	}
	n.state = n.rest()
	return true
}

// CaughtUp notes that the trial found no line that is still owed: the next
// batch shows whether it is stored.
func (n *Namespace) CaughtUp() {
	if n.state == Trial {
		n.state, n.reason = Retrying, ""
	}
}

// Clear ends the namespace's trouble.
func (n *Namespace) Clear() {
	n.state, n.reason, n.lastError, n.Memo = Ordinary, "", "", nil
	n.wakeAt, n.floor = time.Time{}, time.Time{}
}

// RestUntil lets the namespace make no attempt before t; the zero time lets it
// make one at once. Its state stays.
func (n *Namespace) RestUntil(t time.Time) { n.wakeAt = t }

// restart is the state in the next generation, which finds no line of the
// namespace in memory and none left behind in Kafka.
func (n *Namespace) restart() State {
	switch {
	case n.IsHeld():
		return Held
	case n.state == Ordinary:
		return Ordinary
	}
	return Retrying
}

// rest is the state from which the trial began.
func (n *Namespace) rest() State {
	if n.reason != "" {
		return Held
	}
	return Shed
}

// note keeps when the trouble began, and its last error.
func (n *Namespace) note(now time.Time, err error) {
	if n.state == Ordinary {
		n.since = now
	}
	if err != nil {
		n.lastError = err.Error()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
