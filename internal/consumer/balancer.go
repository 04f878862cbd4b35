package consumer

import (
	"cmp"
	"slices"

	"github.com/segmentio/kafka-go"
)

// evenBalancer spreads all partitions of all topics over the members, so that
// no two members that may read the same topics differ by more than one
// partition. The library's own balancers divide each topic by itself: of a
// hundred topics with one partition each they give all to the first member.
//
// The group's leader calls it; the members' order decides nothing but who gets
// the odd ones.
type evenBalancer struct{}

// ProtocolName is what the members of a group agree on.
func (evenBalancer) ProtocolName() string { return "kafka-import-bridge-even" }

// UserData implements kafka.GroupBalancer; there is none.
func (evenBalancer) UserData() ([]byte, error) { return nil, nil }

// AssignGroups gives each partition to the member with the fewest so far among
// those that subscribe to its topic. Topics with fewer readers come first, as
// they leave less choice.
func (evenBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	out := make(kafka.GroupMemberAssignments, len(members))
	readers := map[string][]string{}
	members = slices.SortedFunc(slices.Values(members), func(a, b kafka.GroupMember) int { return cmp.Compare(a.ID, b.ID) })
	for _, m := range members {
		out[m.ID] = map[string][]int{}
		for _, topic := range m.Topics {
			readers[topic] = append(readers[topic], m.ID)
		}
	}
	partitions = slices.SortedFunc(slices.Values(partitions), func(a, b kafka.Partition) int {
		return cmp.Or(cmp.Compare(len(readers[a.Topic]), len(readers[b.Topic])), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.ID, b.ID))
	})
	counts := make(map[string]int, len(members))
	for _, p := range partitions {
		if len(readers[p.Topic]) == 0 {
			continue
		}
		id := slices.MinFunc(readers[p.Topic], func(a, b string) int { return cmp.Compare(counts[a], counts[b]) })
		out[id][p.Topic] = append(out[id][p.Topic], p.ID)
		counts[id]++
	}
	return out
}
