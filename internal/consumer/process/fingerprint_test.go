package process

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
		got := FingerprintOf(record.Settings{MaxLineBytes: tc.line, MaxFanoutBytes: tc.fanout})
		if _, limits, _ := strings.Cut(got, "."); "."+limits != tc.want {
			t.Errorf("limits %d and %d: %s, want %s", tc.line, tc.fanout, got, tc.want)
		}
	}
}
