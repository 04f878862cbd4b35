package group

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"kafka-import-bridge/internal/wire"
)

// share balances the group, as its leader, by the partitions that the topics
// have now. From here on they are this member's own view as well.
func (m *membership) share(counts map[string]int) error {
	var peers []peer
	for _, j := range m.leading {
		var s wire.Subscription
		if err := s.Decode(j.Metadata); err != nil {
			return fmt.Errorf("member %s of the group is no bridge: %w", j.MemberID, err)
		}
		peers = append(peers, peer{id: j.MemberID, instance: j.InstanceID, topics: s.Topics})
	}
	counts = m.known(counts)
	m.counts = make(map[string]int, len(m.topics))
	for _, t := range m.topics {
		m.counts[t] = counts[t]
	}
	shares := balance(peers, counts)
	m.shares = make(map[string][]byte, len(peers))
	for _, p := range peers {
		a := wire.Assignment{Partitions: shares[p.id], UserData: binary.BigEndian.AppendUint64(nil, basis(p.topics, counts))}
		m.shares[p.id] = a.Append(nil)
	}
	return nil
}

// known adds to counts what this member knew of topics of which the brokers say
// nothing now, such as one that may not be described any more.
func (m *membership) known(counts map[string]int) map[string]int {
	all := maps.Clone(m.counts)
	maps.Copy(all, counts)
	return all
}

// toCount lists the topics whose partitions must be known: those that the
// members of the group read, for its leader, or else its own.
func (m *membership) toCount() (topics []string) {
	if m.recount {
		return m.topics
	}
	for _, j := range m.leading {
		var s wire.Subscription
		if s.Decode(j.Metadata) == nil {
			topics = append(topics, s.Topics...)
		}
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}
