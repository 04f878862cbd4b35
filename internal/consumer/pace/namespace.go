package pace

import "time"

// Work is what a session knows of a namespace's lines.
type Work interface {
	// Startable reports whether an attempt could begin now, were there a slot.
	// concurrency is how many attempts of the namespace may be in flight.
	Startable(concurrency int) bool
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
