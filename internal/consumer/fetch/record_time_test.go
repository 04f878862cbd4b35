package fetch

import (
	"math"
	"testing"
	"time"

	"kafka-import-bridge/test/recordbatch"
)

func TestAgeTime(t *testing.T) {
	const arrived = recordbatch.Time
	for _, tc := range []struct {
		name      string
		timestamp int64
		forItAge  int64
	}{
		{"an hour ago", arrived - 3_600_000, arrived - 3_600_000},
		{"just now", arrived, arrived},
		{"a clock that is ahead", arrived + 1, arrived},
		{"a time to come", arrived + 100*365*86_400_000, arrived},
		{"not set", -1, arrived},
		{"zero", 0, arrived},
		{"negative", -arrived, arrived},
		{"the smallest", math.MinInt64, arrived},
		{"the largest", math.MaxInt64, arrived},
		{"in seconds", arrived / 1000, arrived},
		{"in microseconds", arrived * 1000, arrived},
		{"in nanoseconds", arrived * 1_000_000, arrived},
		{"an event of the year 1971", 31_536_000_000, 31_536_000_000},
		{"the end of 9999", 253_402_300_799_999, arrived},
		{"beyond it", 253_402_300_800_000, arrived},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := AgeTime(tc.timestamp, arrived); got != tc.forItAge {
				t.Errorf("its age counts from %d, want %d", got, tc.forItAge)
			}
		})
	}
}

func TestFormatTimestamp(t *testing.T) {
	for timestamp, want := range map[int64]string{
		recordbatch.Time: time.UnixMilli(recordbatch.Time).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		0:                "1970-01-01T00:00:00.000Z", -1: "1969-12-31T23:59:59.999Z",
		253_402_300_799_999: "9999-12-31T23:59:59.999Z", 253_402_300_800_000: "253402300800000",
		-62_167_219_200_000: "0000-01-01T00:00:00.000Z", -62_167_219_200_001: "-62167219200001",
		math.MaxInt64: "9223372036854775807", math.MinInt64: "-9223372036854775808",
	} {
		if got := string(FormatTimestamp(timestamp)); got != want {
			t.Errorf("%d is %q, want %q", timestamp, got, want)
		}
	}
}
