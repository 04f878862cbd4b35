package wire

import (
	"maps"
	"slices"
)

// Subscription is a member's message to the leader of its group: the topics that it
// reads, and bytes that mean something among members of one kind.
//
// The form is the one that earlier releases of the bridge sent. It claims version
// 1 and lacks that version's list of owned partitions, so that neither the
// coordinator of a KIP-848 group nor another client's leader can read it: they
// refuse the bridge instead of sharing out its partitions with their own.
type Subscription struct {
	Topics   []string
	UserData []byte // nil: none
}

// consumerProtocol is the version that subscriptions and assignments claim.
const consumerProtocol = 1

// Append adds the subscription to dst.
func (s *Subscription) Append(dst []byte) []byte {
	dst = appendInt16(dst, consumerProtocol)
	dst = appendArrayLen(dst, len(s.Topics), false)
	for _, t := range s.Topics {
		dst = appendString(dst, t)
	}
	return appendBytes(dst, s.UserData)
}

// Decode reads a subscription; that of another client, which has another form, is
// malformed. The result keeps none of b.
func (s *Subscription) Decode(b []byte) error {
	c := cursor{b: b}
	*s = Subscription{}
	c.bad = c.int16() != consumerProtocol
	for n := c.arrayLen(false); n > 0 && !c.bad; n-- {
		s.Topics = append(s.Topics, c.string(false))
	}
	s.UserData = append(s.UserData, c.bytes32(false)...)
	c.bad = c.bad || len(c.b) > 0
	return c.err("subscription", b)
}

// Assignment is the partitions that a leader gives to a member.
type Assignment struct {
	Partitions map[string][]int32 // by topic
	UserData   []byte             // nil: none
}

// Append adds the assignment to dst.
func (a *Assignment) Append(dst []byte) []byte {
	dst = appendInt16(dst, consumerProtocol)
	dst = appendArrayLen(dst, len(a.Partitions), false)
	for _, topic := range slices.Sorted(maps.Keys(a.Partitions)) {
		dst = appendString(dst, topic)
		dst = appendArrayLen(dst, len(a.Partitions[topic]), false)
		for _, p := range a.Partitions[topic] {
			dst = appendInt32(dst, p)
		}
	}
	return appendBytes(dst, a.UserData)
}

// Decode reads an assignment; no bytes at all are one without partitions. The
// result keeps none of b.
func (a *Assignment) Decode(b []byte) error {
	*a = Assignment{Partitions: map[string][]int32{}}
	if len(b) == 0 {
		return nil
	}
	c := cursor{b: b}
	c.int16() // version
	for n := c.arrayLen(false); n > 0 && !c.bad; n-- {
		topic := c.string(false)
		for m := c.arrayLen(false); m > 0 && !c.bad; m-- {
			a.Partitions[topic] = append(a.Partitions[topic], c.int32())
		}
	}
	a.UserData = append(a.UserData, c.bytes32(false)...)
	return c.err("assignment", b)
}
