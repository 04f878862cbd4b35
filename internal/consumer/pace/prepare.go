package pace

import "time"

// While a batch of a namespace uploads, the URL of its next one may be asked for.
// Such a call takes a slot, but none of the namespace's, and only one that no
// namespace waits for.

// OfferPreparing notes that the namespace may have a next batch to prepare.
func (p *Pacer) OfferPreparing(n *Namespace) {
	if !n.preparable {
		n.preparable = true
		p.preparable = append(p.preparable, n)
	}
}

// NextPreparing takes a namespace that was offered, nil if no call may begin now.
// Call it when Next has returned nil. The namespace may have nothing to prepare by
// now.
func (p *Pacer) NextPreparing(now time.Time) *Namespace {
	if len(p.preparable) == 0 || p.inFlight >= p.concurrency || p.closed(now) || p.AnyShut() {
		return nil
	}
	n := p.preparable[0]
	p.preparable[0] = nil
	p.preparable = p.preparable[1:]
	n.preparable = false
	return n
}

// BeganPreparing counts a call that begins.
func (p *Pacer) BeganPreparing() { p.inFlight++ }

// EndedPreparing counts a call that is over.
func (p *Pacer) EndedPreparing() { p.inFlight-- }
