package ledger

import "time"

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
