package group

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"kafka-import-bridge/internal/kafka"
)

func TestBalance_spreadsTopicsOfOnePartition(t *testing.T) {
	topics, counts := []string{}, map[string]int{}
	for i := range 100 {
		topics = append(topics, fmt.Sprintf("topic-%02d", i))
		counts[topics[i]] = 1
	}
	shares := balance([]peer{{"a", "", topics}, {"b", "", topics}, {"c", "", topics}}, counts)
	for id, share := range shares {
		if n := len(share); n < 33 || n > 34 {
			t.Errorf("member %s has %d of 100 topics, want 33 or 34", id, n)
		}
	}
}

// Static members have new member ids after each start, and get the same shares.
func TestBalance_knowsStaticMembersAgain(t *testing.T) {
	topics, counts := []string{"orders"}, map[string]int{"orders": 10}
	first := balance([]peer{{"x", "pod-0", topics}, {"y", "pod-1", topics}, {"z", "pod-2", topics}}, counts)
	again := balance([]peer{{"c", "pod-0", topics}, {"b", "pod-1", topics}, {"a", "pod-2", topics}}, counts)
	for before, after := range map[string]string{"x": "c", "y": "b", "z": "a"} {
		if !reflect.DeepEqual(first[before], again[after]) {
			t.Errorf("%v, then %v", first[before], again[after])
		}
	}
}

// Each partition goes to exactly one member that subscribes to its topic, and
// members with the same subscription differ by at most one partition.
func TestBalance_property(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 500 {
		peers, counts, same := randomGroup(rnd)
		shares := balance(peers, counts)
		owner := map[kafka.TopicPartition]string{}
		least, most, total := 1<<30, 0, 0
		for _, p := range peers {
			n := 0
			for topic, ids := range shares[p.id] {
				if !slices.Contains(p.topics, topic) {
					t.Fatalf("seed %d: %s has %s, which it does not read", seed, p.id, topic)
				}
				for _, id := range ids {
					if other, ok := owner[kafka.TopicPartition{Topic: topic, Partition: id}]; ok {
						t.Fatalf("seed %d: %s/%d belongs to %s and %s", seed, topic, id, other, p.id)
					}
					owner[kafka.TopicPartition{Topic: topic, Partition: id}] = p.id
					n++
				}
			}
			least, most = min(least, n), max(most, n)
		}
		for n := range maps.Values(counts) {
			total += n
		}
		if len(owner) != total {
			t.Fatalf("seed %d: %d of %d partitions are assigned", seed, len(owner), total)
		}
		if same && most-least > 1 {
			t.Fatalf("seed %d: members with the same topics have between %d and %d partitions", seed, least, most)
		}
		rnd.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
		if again := balance(peers, counts); !reflect.DeepEqual(again, shares) {
			t.Fatalf("seed %d: the order of the members changes the shares", seed)
		}
	}
}

// randomGroup makes a group in which every topic has a reader; same says that
// all members read all topics.
func randomGroup(rnd *rand.Rand) (peers []peer, counts map[string]int, same bool) {
	same, counts = rnd.IntN(2) == 0, map[string]int{}
	peers = make([]peer, 1+rnd.IntN(7))
	for i := range peers {
		peers[i].id = fmt.Sprint("m", rnd.Uint32(), "-", i)
		if rnd.IntN(2) == 0 {
			peers[i].instance = fmt.Sprint("pod-", i)
		}
	}
	for i := range 1 + rnd.IntN(6) {
		topic := fmt.Sprint("t", i)
		counts[topic] = 1 + rnd.IntN(9)
		only := rnd.IntN(len(peers))
		for j := range peers {
			if same || j == only || rnd.IntN(2) == 0 {
				peers[j].topics = append(peers[j].topics, topic)
			}
		}
	}
	return peers, counts, same
}
