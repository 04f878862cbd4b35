package group

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"slices"

	"kafka-import-bridge/internal/wire"
)

// protocolName is the name of the protocol on which the members of a group agree.
// Members of earlier releases, which were written with another library, use the same
// name and the same form of subscriptions and assignments: either can lead the other.
const protocolName = "kafka-import-bridge-even"

// metadata is the member's subscription. It differs from the one before by a
// count where this member wants a rebalance: the coordinator rebalances for a
// member that it knows, and that does not lead, if its subscription has changed.
func (m *membership) metadata() []byte {
	s := wire.Subscription{Topics: m.topics}
	if m.asked > 0 {
		s.UserData = binary.BigEndian.AppendUint32(nil, m.asked)
	}
	return s.Append(nil)
}

// judge compares the topics of an assignment with the ones that this member reads. A
// static member that comes back gets its old assignment, made for the topics of its
// predecessor, and partitions that were added while the leader was away are in
// nobody's. The first such assignment may only show that our own view is old: it is
// looked at again after a count. The second is given back with the wish for a
// rebalance. The ones after that are taken, for what they are worth.
func (m *membership) judge() {
	if m.current() {
		m.stale = 0
		return
	}
	m.stale++
	switch m.stale {
	case 1:
		m.state, m.recount = outside, true
	case 2:
		m.state = outside
		m.asked++
	default:
		maps.DeleteFunc(m.assigned.Partitions, func(topic string, _ []int32) bool { return !slices.Contains(m.topics, topic) })
	}
}

// current reports whether the assignment was made for the topics and partitions that
// this member reads.
func (m *membership) current() bool {
	if len(m.assigned.UserData) == 8 {
		return binary.BigEndian.Uint64(m.assigned.UserData) == basis(m.topics, m.counts)
	}
	for topic := range m.assigned.Partitions { // a leader of an earlier release
		if !slices.Contains(m.topics, topic) {
			return false
		}
	}
	return true
}

// basis is a digest of topics and of how many partitions each has. A leader puts
// it beside each assignment, so that the member sees whether the assignment was
// made for what the member reads.
func basis(topics []string, counts map[string]int) uint64 {
	h := fnv.New64a()
	var b []byte
	for _, t := range slices.Sorted(slices.Values(topics)) {
		b = binary.BigEndian.AppendUint32(append(append(b[:0], t...), 0), uint32(counts[t]))
		_, _ = h.Write(b)
	}
	return h.Sum64()
}
