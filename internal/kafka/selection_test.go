package kafka_test

import (
	"regexp"
	"slices"
	"testing"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

func TestSelection_Matches(t *testing.T) {
	list := kafka.Selection{Topics: []string{"users"}}
	byName := kafka.Selection{Regex: regexp.MustCompile(`^(?:.*s)$`), Exclude: regexp.MustCompile(`^(?:old-.*)$`), Own: []string{"letters"}}
	all := kafka.Selection{Regex: byName.Regex}
	for _, tc := range []struct {
		name      string
		selection kafka.Selection
		topic     wire.TopicMetadata
		matches   bool
		excludes  bool
	}{
		{"one of a list, the only ones that were asked for", list, wire.TopicMetadata{Name: "users"}, true, false},
		{"one that the expression matches", byName, wire.TopicMetadata{Name: "users"}, true, false},
		{"one that it does not match", byName, wire.TopicMetadata{Name: "user"}, false, false},
		{"one that is excluded", byName, wire.TopicMetadata{Name: "old-users"}, false, true},
		{"one that nothing excludes", all, wire.TopicMetadata{Name: "old-users"}, true, false},
		{"one that neither matches", byName, wire.TopicMetadata{Name: "old-user"}, false, false},
		{"the bridge's own", byName, wire.TopicMetadata{Name: "letters"}, false, false},
		{"an internal one", byName, wire.TopicMetadata{Name: "old-offsets", Internal: true}, false, false},
		{"one that looks internal", byName, wire.TopicMetadata{Name: "__users"}, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := tc.selection.Matches(tc.topic); got != tc.matches {
				t.Errorf("matches: %t", got)
			}
			if got := tc.selection.Excludes(tc.topic); got != tc.excludes {
				t.Errorf("excludes: %t", got)
			}
		})
	}
}

// What changes a subscription, and what does not: brokers that begin to name topics' ids,
// or that name them no longer, have no other topics for that.
func TestSubscription_ChangeTo(t *testing.T) {
	sub := func(id byte, parts int, topics ...string) *kafka.Subscription {
		s := &kafka.Subscription{Topics: topics, Parts: map[string]int{}, IDs: map[string]wire.UUID{}}
		for _, name := range topics {
			s.Parts[name], s.IDs[name] = parts, wire.UUID{15: id}
		}
		return s
	}
	for _, tc := range []struct {
		name         string
		before, next *kafka.Subscription
		want         kafka.Change
	}{
		{"the same", sub(1, 2, "users"), sub(1, 2, "users"), kafka.Unchanged},
		{"another topic", sub(1, 2, "users"), sub(1, 2, "orders"), kafka.TopicsChanged},
		{"one more topic", sub(1, 2, "users"), sub(1, 2, "orders", "users"), kafka.TopicsChanged},
		{"more partitions", sub(1, 2, "users"), sub(1, 3, "users"), kafka.PartitionsAdded},
		{"another id", sub(1, 2, "users"), sub(2, 2, "users"), kafka.TopicRecreated},
		{"an id where there was none", sub(0, 2, "users"), sub(1, 2, "users"), kafka.Unchanged},
		{"no id where there was one", sub(1, 2, "users"), sub(0, 2, "users"), kafka.Unchanged},
		{"no ids, and more partitions", sub(0, 2, "users"), sub(0, 3, "users"), kafka.PartitionsAdded},
	} {
		if got := tc.before.ChangeTo(tc.next); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestSubscription_RecreatedSince(t *testing.T) {
	before := kafka.Subscription{IDs: map[string]wire.UUID{"same": {1}, "anew": {2}, "gone": {3}, "unknown": {}}}
	now := kafka.Subscription{
		Topics: []string{"anew", "new", "same", "unknown"},
		IDs:    map[string]wire.UUID{"same": {1}, "anew": {4}, "new": {5}, "unknown": {6}},
	}
	if got := now.RecreatedSince(&before); !slices.Equal(got, []string{"anew"}) {
		t.Errorf("created anew are %v", got)
	}
	if got := now.RecreatedSince(&kafka.Subscription{}); got != nil {
		t.Errorf("created anew since nothing are %v", got)
	}
}
