package consumer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	kafkago "github.com/segmentio/kafka-go"

	"kafka-import-bridge/internal/kafka"
)

func TestEvenBalancer_spreadsTopicsOfOnePartition(t *testing.T) {
	topics, parts := []string{}, []kafkago.Partition{}
	for i := range 100 {
		name := fmt.Sprintf("topic-%02d", i)
		topics = append(topics, name)
		parts = append(parts, kafkago.Partition{Topic: name})
	}
	var members []kafkago.GroupMember
	for i := range 3 {
		members = append(members, kafkago.GroupMember{ID: fmt.Sprint("m", i), Topics: topics})
	}
	for id, byTopic := range (evenBalancer{}).AssignGroups(members, parts) {
		if n := len(byTopic); n < 33 || n > 34 {
			t.Errorf("member %s has %d of 100 topics, want 33 or 34", id, n)
		}
	}
}

// Each partition goes to exactly one member that subscribes to its topic, and
// members with the same subscription differ by at most one partition.
func TestEvenBalancer_property(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		members, parts, same := randomGroup(rnd)
		got := evenBalancer{}.AssignGroups(members, parts)
		owner := map[kafka.TopicPartition]string{}
		least, most := len(parts), 0
		for _, m := range members {
			n := 0
			for topic, ids := range got[m.ID] {
				for _, id := range ids {
					tp := kafka.TopicPartition{Topic: topic, Partition: int32(id)}
					if other, ok := owner[tp]; ok {
						t.Fatalf("seed %d: %v belongs to %s and %s", seed, tp, other, m.ID)
					}
					owner[tp] = m.ID
					n++
				}
			}
			least, most = min(least, n), max(most, n)
		}
		if len(owner) != len(parts) {
			t.Fatalf("seed %d: %d of %d partitions are assigned", seed, len(owner), len(parts))
		}
		if same && most-least > 1 {
			t.Fatalf("seed %d: members with the same topics have between %d and %d partitions", seed, least, most)
		}
	}
}

// randomGroup makes a group in which every topic has a reader; same says that
// all members read all topics.
func randomGroup(rnd *rand.Rand) (members []kafkago.GroupMember, parts []kafkago.Partition, same bool) {
	same = rnd.IntN(2) == 0
	members = make([]kafkago.GroupMember, 1+rnd.IntN(7))
	for i := range members {
		members[i].ID = fmt.Sprint("m", rnd.Uint32(), "-", i)
	}
	for i := range 1 + rnd.IntN(6) {
		topic := fmt.Sprint("t", i)
		for id := range 1 + rnd.IntN(9) {
			parts = append(parts, kafkago.Partition{Topic: topic, ID: id})
		}
		only := rnd.IntN(len(members))
		for j := range members {
			if same || j == only || rnd.IntN(2) == 0 {
				members[j].Topics = append(members[j].Topics, topic)
			}
		}
	}
	rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	return members, parts, same
}
