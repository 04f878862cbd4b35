package group

import (
	"cmp"
	"slices"

	"kafka-import-bridge/internal/kafka"
)

// peer is a member of the group as its leader sees it.
type peer struct {
	id       string // the member id
	instance string // "" for a dynamic member
	topics   []string
}

// name orders the members: a static member keeps its place over restarts, and
// with it, as long as the group's members are the same, its partitions.
func (p *peer) name() string { return cmp.Or(p.instance, p.id) }

// balance spreads all partitions of all topics over the members, so that no two
// members that read the same topics differ by more than one partition. counts is
// how many partitions each topic has. The result has an entry for every member.
//
// Each partition goes to the member with the fewest so far among those that
// subscribe to its topic. Topics with fewer readers come first, as they leave
// less choice. The result depends on nothing but the arguments: the same members
// get the same partitions again.
func balance(peers []peer, counts map[string]int) map[string]map[string][]int32 {
	peers = slices.SortedFunc(slices.Values(peers), func(a, b peer) int {
		return cmp.Or(cmp.Compare(a.name(), b.name()), cmp.Compare(a.id, b.id))
	})
	shares := make(map[string]map[string][]int32, len(peers))
	readers := map[string][]string{}
	for _, p := range peers {
		shares[p.id] = map[string][]int32{}
		for _, topic := range slices.Compact(slices.Sorted(slices.Values(p.topics))) {
			readers[topic] = append(readers[topic], p.id)
		}
	}
	held := make(map[string]int, len(peers))
	for _, p := range inOrder(readers, counts) {
		id := slices.MinFunc(readers[p.Topic], func(a, b string) int { return cmp.Compare(held[a], held[b]) })
		shares[id][p.Topic] = append(shares[id][p.Topic], p.Partition)
		held[id]++
	}
	return shares
}

// inOrder lists the partitions of the topics that have readers, in the order in
// which they are given away.
func inOrder(readers map[string][]string, counts map[string]int) []kafka.TopicPartition {
	var all []kafka.TopicPartition
	for topic := range readers {
		for n := range counts[topic] {
			all = append(all, kafka.TopicPartition{Topic: topic, Partition: int32(n)})
		}
	}
	slices.SortFunc(all, func(a, b kafka.TopicPartition) int {
		return cmp.Or(cmp.Compare(len(readers[a.Topic]), len(readers[b.Topic])), a.Compare(b))
	})
	return all
}
