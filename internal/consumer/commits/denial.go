package commits

import "time"

// maxDeniedRetry is how long the commits of a denied topic rest at most.
const maxDeniedRetry = time.Minute

// Denial is how the commits of one partition rest as long as its topic is denied. The
// zero value is permitted.
type Denial struct {
	rest  time.Duration
	until time.Time
}

// Refused notes a refusal, and returns until when the commits rest: twice as long
// after each further one.
func (d *Denial) Refused(now time.Time) time.Time {
	d.rest = min(max(2*d.rest, deniedRetry), maxDeniedRetry)
	d.until = now.Add(d.rest)
	return d.until
}

// Rests reports whether nothing should be committed now.
func (d *Denial) Rests(now time.Time) bool { return d.until.After(now) }

// Until returns the end of the rest, zero where nothing was refused.
func (d *Denial) Until() time.Time { return d.until }
