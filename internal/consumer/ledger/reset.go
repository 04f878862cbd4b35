package ledger

import (
	"errors"
	"strings"
	"time"
)

// OffsetReset says where a partition starts without a usable committed offset. Values
// can be compared; the zero value is ResetEarliest.
type OffsetReset struct {
	policy resetPolicy
	at     time.Time     // of ResetAt
	ago    time.Duration // of ResetAgo
}

type resetPolicy uint8

const (
	toEarliest resetPolicy = iota
	toLatest
	toHold
	toTime
)

// The policies of BRIDGE_KAFKA_OFFSET_RESET that go by no time.
var (
	ResetEarliest = OffsetReset{}
	ResetLatest   = OffsetReset{policy: toLatest}
	ResetHold     = OffsetReset{policy: toHold} // a new group starts at earliest; an offset out of range is held
)

// ResetAt starts a new group at the first record that is not older than t.
func ResetAt(t time.Time) OffsetReset { return OffsetReset{policy: toTime, at: t} }

// ResetAgo starts a new group at the first record that is not older than d, counted
// from when the start is resolved.
func ResetAgo(d time.Duration) OffsetReset { return OffsetReset{policy: toTime, ago: d} }

// UnmarshalText parses earliest, latest, hold, timestamp:TIME (RFC 3339) or
// duration:TIME. Case does not matter. An error says what is accepted.
func (r *OffsetReset) UnmarshalText(text []byte) error {
	word, value, timed := strings.Cut(string(text), ":")
	switch word = strings.ToLower(word); {
	case word == "timestamp" && timed:
		t, err := time.Parse(time.RFC3339, strings.ToUpper(value))
		if err != nil || t.Before(time.Unix(0, 0)) {
			return errors.New("want a time since 1970 with its zone (RFC 3339), such as timestamp:2026-11-01T00:00:00Z or timestamp:2026-11-01T00:00:00+01:00")
		}
		*r = ResetAt(t)
		return nil
	case word == "duration" && timed:
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("want a positive duration in hours, minutes or seconds, such as duration:24h or duration:1h30m")
		}
		*r = ResetAgo(d)
		return nil
	}
	for _, known := range []OffsetReset{ResetEarliest, ResetLatest, ResetHold} {
		if !timed && word == known.String() {
			*r = known
			return nil
		}
	}
	return errors.New("want earliest, latest, hold, timestamp:TIME such as timestamp:2026-11-01T00:00:00Z, or duration:TIME such as duration:24h")
}

// Since returns the time from which on a new group reads, as seen now. It is the zero
// time of a policy that goes by no time.
func (r OffsetReset) Since(now time.Time) time.Time {
	if r.ago > 0 {
		return now.Add(-r.ago)
	}
	return r.at
}

// Skips reports whether a new group may leave out records that its logs hold. Such a
// start has to be committed even if nothing is read: resolved later it may be another.
func (r OffsetReset) Skips() bool { return r.policy == toLatest || r.policy == toTime }

// String returns the value of BRIDGE_KAFKA_OFFSET_RESET that means r.
func (r OffsetReset) String() string {
	switch {
	case r.policy == toTime && r.ago > 0:
		return "duration:" + r.ago.String()
	case r.policy == toTime:
		return "timestamp:" + r.at.Format(time.RFC3339Nano)
	}
	return [...]string{toEarliest: "earliest", toLatest: "latest", toHold: "hold"}[r.policy]
}
