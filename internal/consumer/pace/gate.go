package pace

import (
	"maps"
	"slices"
	"time"
)

// Gate is a reason for which the API takes no import of anybody. While a gate
// is shut one attempt at a time tries whether it still is.
type Gate uint8

// The gates.
const (
	Credentials Gate = iota // the API refuses the key
	Place                   // the API does not know the call: a wrong address or path

	gates
)

// gate counts the namespaces whose answer speaks against it.
type gate struct {
	shut     bool
	proven   bool      // by provenBy namespaces, or for sure, and by the latest answer too
	doubters []string  // namespaces that doubted since the API last accepted one, at most provenBy
	tryAfter time.Time // one attempt may try then, while it is shut
}

// How many namespaces that doubt, with none accepted between, shut a gate, and how many
// prove that what is not read yet could not be stored either: fewer may be alone at the
// front of the log, with more lines than memory holds.
const (
	shutBy   = 2
	provenBy = 8
)

// maxTaken bounds the set of namespaces that the API is known to accept.
const maxTaken = 1024

// Doubt notes an answer to n that may be about the API as a whole, and reports
// whether it has just shut the gate. A sure one shuts it. One about this
// namespace perhaps shuts it once a second namespace answers so without a
// success between, or once every known namespace has answered so; others says
// whether there are namespaces that the pacer does not know yet. A namespace
// that is known to answer so says nothing new. While the gate is shut, one
// attempt may begin after the delay.
func (p *Pacer) Doubt(g Gate, n *Namespace, sure, others bool, now time.Time, delay time.Duration) (news bool) {
	state := &p.gates[g]
	if !sure && !n.doubted[g] {
		n.doubted[g] = true
		delete(p.taken, n.Name)
		// By name: one that was idle and is known anew counts once.
		if len(state.doubters) < provenBy && !slices.Contains(state.doubters, n.Name) {
			state.doubters = append(state.doubters, n.Name)
		}
	}
	was := state.shut
	if was || sure || len(state.doubters) >= shutBy || len(state.doubters) > 0 && !others && p.allDoubt(g) {
		state.shut, state.proven = true, sure || len(state.doubters) >= provenBy
		state.tryAfter = now.Add(delay)
	}
	return state.shut && !was
}

// Unproven notes an answer that says nothing of some gates, or that there was none.
// Those that are shut stay so, since nothing was accepted, but no more beyond doubt:
// what follows the namespaces that are known may be.
func (p *Pacer) Unproven(some ...Gate) {
	for _, g := range some {
		p.gates[g].proven = false
	}
}

// Accepted notes that the API has accepted a request of n, and returns the
// gates that were shut until now.
func (p *Pacer) Accepted(n *Namespace) (opened []Gate) {
	for g := range p.gates {
		if p.gates[g].shut {
			opened = append(opened, Gate(g))
		}
	}
	p.gates, n.doubted = [gates]gate{}, [gates]bool{}
	if len(p.taken) < maxTaken {
		p.taken[n.Name] = struct{}{}
	}
	return opened
}

// Shut reports whether the gate is shut.
func (p *Pacer) Shut(g Gate) bool { return p.gates[g].shut }

// AnyShut reports whether any gate is shut.
func (p *Pacer) AnyShut() bool {
	return slices.ContainsFunc(p.gates[:], func(g gate) bool { return g.shut })
}

// Hopeless reports whether a gate is shut for everybody beyond doubt: what is not
// read yet could not be stored either. A gate that a few namespaces have shut may let
// others pass.
func (p *Pacer) Hopeless() bool {
	return slices.ContainsFunc(p.gates[:], func(g gate) bool { return g.shut && g.proven })
}

// allDoubt reports whether the API is known to accept no namespace.
func (p *Pacer) allDoubt(g Gate) bool {
	for _, n := range p.namespaces {
		if !n.doubted[g] {
			return false
		}
	}
	return len(p.taken) == 0
}

// closed reports whether no attempt may begin now.
func (p *Pacer) closed(now time.Time) bool {
	if p.pausedUntil.After(now) {
		return true
	}
	for g := range p.gates {
		if p.gates[g].shut && (p.trying || p.gates[g].tryAfter.After(now)) {
			return true
		}
	}
	return false
}

// Throttle notes that an answer asked n to wait. Three namespaces at once mean
// the whole API, for as long as there are three: one that has to wait for an
// hour does not stop those that may go on sooner.
func (p *Pacer) Throttle(n *Namespace, now time.Time, wait time.Duration) {
	const several = 3
	p.throttled[n.Name] = now.Add(wait)
	maps.DeleteFunc(p.throttled, func(_ string, t time.Time) bool { return !t.After(now) })
	if len(p.throttled) < several {
		return
	}
	ends := slices.SortedFunc(maps.Values(p.throttled), time.Time.Compare)
	p.pausedUntil = later(p.pausedUntil, ends[len(ends)-several])
}

// Paused reports whether the whole API has asked for quiet.
func (p *Pacer) Paused(now time.Time) bool { return p.pausedUntil.After(now) }
