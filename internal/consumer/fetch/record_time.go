package fetch

import (
	"strconv"
	"time"
)

// A record's timestamp is whatever its producer wrote: nothing (-1), 0, seconds,
// microseconds, a time to come. What reports a record's age, and the header of its
// dead letter, use the functions of this file.

const (
	// firstTimestamp is the beginning of the year 0.
	firstTimestamp = -62_167_219_200_000
	// earliestTimestamp is the beginning of 1971, in Unix milliseconds. What lies
	// before is no time of a record, but not set, or counted in seconds.
	earliestTimestamp = 365 * 24 * 60 * 60 * 1000
	// latestTimestamp is the end of the year 9999, the last that RFC 3339 can
	// write. What lies beyond counts in micro- or nanoseconds.
	latestTimestamp = 253_402_300_799_999
)

// AgeTime returns the time from which a record's age counts: that which it says
// it is of, but not later than when it arrived, which also counts if it says none.
// All are in Unix milliseconds.
func AgeTime(timestamp, arrived int64) int64 {
	if timestamp < earliestTimestamp || timestamp > latestTimestamp {
		return arrived
	}
	return min(timestamp, arrived)
}

// FormatTimestamp returns a record's timestamp in RFC 3339 with milliseconds, or
// as the number that it is where that names no year of RFC 3339.
func FormatTimestamp(timestamp int64) []byte {
	if timestamp > latestTimestamp || timestamp < firstTimestamp {
		return strconv.AppendInt(nil, timestamp, 10)
	}
	return time.UnixMilli(timestamp).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000Z07:00")
}
