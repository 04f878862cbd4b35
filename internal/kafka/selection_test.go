package kafka_test

import (
	"regexp"
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
