package consumer

import (
	"strings"
	"testing"

	"kafka-import-bridge/internal/record"
)

// A line is bounded by the smaller limit: to move the other one changes nothing.
func TestFingerprintOf_holdsTheLimitInForce(t *testing.T) {
	for _, tc := range []struct {
		line, fanout int64
		want         string
	}{
		{100, 400, ".100.400"},
		{400, 400, ".400.400"},
		{500, 400, ".400.400"},
		{0, 400, ".400.400"},
		{100, 0, ".100.0"},
	} {
		got := fingerprintOf(record.Settings{MaxLineBytes: tc.line, MaxFanoutBytes: tc.fanout})
		if _, limits, _ := strings.Cut(got, "."); "."+limits != tc.want {
			t.Errorf("limits %d and %d: %s, want %s", tc.line, tc.fanout, got, tc.want)
		}
	}
}

func TestSameRouting(t *testing.T) {
	for _, tc := range []struct {
		name, old, now string
		want           bool
	}{
		{"nothing has changed", "0be63aad.100.400", "0be63aad.100.400", true},
		{"larger limits make no line a rejected record", "0be63aad.100.400", "0be63aad.101.500", true},
		{"a smaller line limit may reject what is still owed", "0be63aad.100.400", "0be63aad.99.400", false},
		{"a smaller fan-out limit may reject what is still owed", "0be63aad.100.400", "0be63aad.100.399", false},
		{"another routing", "0be63aad.100.400", "1be63aad.100.400", false},
		{"text of an earlier kind", "0be63aad", "0be63aad.100.400", false},
		{"limits that are no numbers", "0be63aad.x.400", "0be63aad.100.400", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := sameRouting(tc.old, tc.now); got != tc.want {
				t.Errorf("sameRouting(%q, %q) = %v, want %v", tc.old, tc.now, got, tc.want)
			}
		})
	}
}
