package config

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// OffsetReset says where a partition without a usable offset starts. It is one of the
// words, or a time at which a new group starts.
type OffsetReset struct {
	Word  string        // "" if it is a time
	Since time.Time     // of timestamp:
	Ago   time.Duration // of duration:
}

// The values that are words.
var (
	ResetEarliest = OffsetReset{Word: "earliest"}
	ResetLatest   = OffsetReset{Word: "latest"}
	ResetHold     = OffsetReset{Word: "hold"}
)

// Decode parses earliest, latest, hold, timestamp:TIME or duration:TIME.
func (r *OffsetReset) Decode(text string) error {
	word, value, timed := strings.Cut(text, ":")
	word = strings.ToLower(word)
	switch {
	case word == "timestamp" && timed:
		t, err := time.Parse(time.RFC3339, strings.ToUpper(value))
		if err != nil || t.Before(time.Unix(0, 0)) {
			return errors.New("want a time since 1970 with its zone (RFC 3339), such as timestamp:2026-11-01T00:00:00Z or timestamp:2026-11-01T00:00:00+01:00")
		}
		*r = OffsetReset{Since: t}
	case word == "duration" && timed:
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return errors.New("want a positive duration in hours, minutes or seconds, such as duration:24h or duration:1h30m")
		}
		*r = OffsetReset{Ago: d}
	case !timed && slices.Contains([]string{"earliest", "latest", "hold"}, word):
		*r = OffsetReset{Word: word}
	default:
		return errors.New("want earliest, latest, hold, timestamp:TIME such as timestamp:2026-11-01T00:00:00Z, or duration:TIME such as duration:24h")
	}
	return nil
}
