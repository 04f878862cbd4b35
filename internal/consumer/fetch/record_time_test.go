package fetch

import (
	"math"
	"testing"

	"kafka-import-bridge/test/recordbatch"
)

func TestAgeTime(t *testing.T) {
	const arrived = recordbatch.Time
	for _, tc := range []struct {
		name             string
		timestamp        int64
		source, forItAge int64
	}{
		{"an hour ago", arrived - 3_600_000, arrived - 3_600_000, arrived - 3_600_000},
		{"just now", arrived, arrived, arrived},
		{"a clock that is ahead", arrived + 1, arrived + 1, arrived},
		{"a time to come", arrived + 100*365*86_400_000, arrived + 100*365*86_400_000, arrived},
		{"not set", -1, arrived, arrived},
		{"zero", 0, arrived, arrived},
		{"negative", -arrived, arrived, arrived},
		{"the smallest", math.MinInt64, arrived, arrived},
		{"the largest", math.MaxInt64, arrived, arrived},
		{"in seconds", arrived / 1000, arrived, arrived},
		{"in microseconds", arrived * 1000, arrived, arrived},
		{"in nanoseconds", arrived * 1_000_000, arrived, arrived},
		{"an event of the year 1971", 31_536_000_000, 31_536_000_000, 31_536_000_000},
		{"the end of 9999", 253_402_300_799_999, 253_402_300_799_999, arrived},
		{"beyond it", 253_402_300_800_000, arrived, arrived},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := SourceTime(tc.timestamp, arrived); got != tc.source {
				t.Errorf("its time is %d, want %d", got, tc.source)
			}
			if got := AgeTime(tc.timestamp, arrived); got != tc.forItAge {
				t.Errorf("its age counts from %d, want %d", got, tc.forItAge)
			}
		})
	}
}
