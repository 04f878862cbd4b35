package commits

import "time"

// After a rest of at least this, at most that, a broker that has refused metadata is
// offered twice as much again. So a refusal that has passed costs no repeats for ever,
// and one that stays costs a commit in five minutes at first, and in an hour at last.
const (
	minRest = 5 * time.Minute
	maxRest = time.Hour
)

// least is the first size that is offered to a broker that took nothing.
const least = 64

// Limit is how many characters of metadata the broker of a partition takes.
type Limit struct {
	most, size int
	rest       time.Duration // after the last refusal
	until      time.Time     // end of the rest
	widened    bool          // more is being tried
}

// NewLimit returns a limit of the most that is ever written.
func NewLimit(most int) Limit { return Limit{most: most, size: most} }

// Size returns how many characters may be written now.
func (l *Limit) Size() int { return l.size }

// Narrow halves what the broker has refused.
func (l *Limit) Narrow(refused int, now time.Time) {
	if l.widened {
		l.rest *= 2 // it was too early
	}
	l.rest, l.widened = min(max(l.rest, minRest), maxRest), false
	l.size, l.until = min(l.size, refused)/2, now.Add(l.rest)
}

// Widen doubles the size where the rest is over, and reports whether it has.
func (l *Limit) Widen(now time.Time) bool {
	if l.size >= l.most || now.Before(l.until) {
		return false
	}
	l.size, l.widened, l.until = min(l.most, max(2*l.size, least)), true, now.Add(l.rest)
	return true
}

// WidenAt returns when Widen has something to do, zero for never.
func (l *Limit) WidenAt() time.Time {
	if l.size >= l.most {
		return time.Time{}
	}
	return l.until
}
