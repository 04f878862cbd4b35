package session

import "time"

// room is how many characters of commit metadata a partition may have: what its
// broker takes.
type room struct {
	size    int
	rest    time.Duration // after the last refusal
	until   time.Time     // end of the rest
	widened bool          // more is being tried
}

// narrow halves what the broker has refused.
func (r *room) narrow(refused int, now time.Time) {
	if r.widened {
		r.rest *= 2 // it was too early
	}
	r.rest, r.widened = min(max(r.rest, minRoomRest), maxRoomRest), false
	r.size, r.until = min(r.size, refused)/2, now.Add(r.rest)
}

// widen doubles the room where the rest is over. It says whether it has.
func (r *room) widen(now time.Time) bool {
	if r.size >= metadataRoom || now.Before(r.until) {
		return false
	}
	r.size, r.widened, r.until = min(metadataRoom, max(2*r.size, leastRoom)), true, now.Add(r.rest)
	return true
}

// leastRoom is what is offered first to a broker that took nothing.
const leastRoom = 64

// narrow writes less beside a partition's offset after a refusal.
func (s *commits) narrow(p *partition, refused int, now time.Time) {
	p.metadata.narrow(refused, now)
	s.widenBy(p.metadata.until)
	p.touch()
	s.Faults.Log(now, "broker refuses commit metadata of this size: less is written, and a crash may repeat more", "metadata-size",
		"topic", p.Topic, "partition", p.Partition, "characters", refused, "remedy", "set offset.metadata.max.bytes of the brokers to at least 4096")
}

// widen offers brokers that have refused metadata more of it after a while: a
// refusal that has passed costs no repeats for ever, and one that has not costs
// one commit in at least minRoomRest, at last in maxRoomRest.
func (s *commits) widen(now time.Time) {
	c := s
	if c.widenAt.IsZero() || now.Before(c.widenAt) {
		return
	}
	c.widenAt = time.Time{}
	for _, p := range s.partitions {
		if p.metadata.widen(now) && p.open() {
			p.touch()
		}
		if p.metadata.size < metadataRoom {
			s.widenBy(p.metadata.until)
		}
	}
}

func (s *commits) widenBy(at time.Time) {
	if c := s; c.widenAt.IsZero() || at.Before(c.widenAt) {
		c.widenAt = at
	}
}
