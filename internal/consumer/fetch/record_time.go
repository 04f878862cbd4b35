package fetch

// A record's timestamp is whatever its producer wrote: nothing (-1), 0, seconds,
// microseconds, a time to come. All that is told of a record's age, and the
// header of its dead letter, go through the functions of this file.

const (
	// earliestTimestamp is the beginning of 1971, in Unix milliseconds. What lies
	// before is no time of a record, but not set, or counted in seconds.
	earliestTimestamp = 365 * 24 * 60 * 60 * 1000
	// latestTimestamp is the end of the year 9999, the last that RFC 3339 can
	// write. What lies beyond counts in micro- or nanoseconds.
	latestTimestamp = 253_402_300_799_999
)

// SourceTime returns the time that a record says it is of, or when it arrived if
// it says none. All are in Unix milliseconds.
func SourceTime(timestamp, arrived int64) int64 {
	if timestamp < earliestTimestamp || timestamp > latestTimestamp {
		return arrived
	}
	return timestamp
}

// AgeTime returns the time from which a record's age counts: that which it says
// it is of, but not later than when it arrived.
func AgeTime(timestamp, arrived int64) int64 { return min(SourceTime(timestamp, arrived), arrived) }
