package assignment

import (
	"cmp"
	"time"
)

// What follows is pure: it has no clock, and knows nothing of a session. A Schedule says
// when to commit, a Denial and a Limit what a partition cannot commit now.

// The pace of the commits of one session, so that they stay a small share of what a
// coordinator can take.
const (
	interval       = 100 * time.Millisecond // at most ten a second
	bytesPerSecond = 1 << 20                // of what commits write
	commitBytes    = 512 << 10              // of one, which is one batch in a topic that takes 1 MiB
	retry          = 250 * time.Millisecond // after a failure
	deniedRetry    = 2 * time.Second        // after one that was not permitted, doubled up to the next
	maxDeniedRetry = time.Minute
	// doubt is how long after its time a commit without an answer may still be
	// applied, over a later one that was sent on another connection.
	doubt = 10 * time.Minute
)

// Schedule says when the next commit is sent. One is in flight at most. The zero
// value has nothing to commit.
type Schedule struct {
	inFlight  bool
	touched   bool // there is something new
	notBefore time.Time
	unsure    bool      // one got no answer: it may still be applied
	unsureAt  time.Time // when that was last noticed
	restateAt time.Time // when everything is committed again because of it
	denied    bool      // the last one was not permitted
	failure   string    // of the last one, "" once one is acknowledged
	smaller   int       // bytes of one commit, where more was refused; else 0
}

// Touch notes that there is something new to commit.
func (s *Schedule) Touch() { s.touched = true }

// Touched reports whether there is.
func (s *Schedule) Touched() bool { return s.touched }

// InFlight reports whether a commit has no answer yet.
func (s *Schedule) InFlight() bool { return s.inFlight }

// Denied reports whether the last commit was not permitted.
func (s *Schedule) Denied() bool { return s.denied }

// Failure returns why the last commit failed, in words for people, or "".
func (s *Schedule) Failure() string { return s.failure }

// Due returns when the next commit can be sent, zero if none is needed.
func (s *Schedule) Due() time.Time {
	switch {
	case s.inFlight:
		return time.Time{}
	case s.touched:
		return s.notBefore
	case s.unsure:
		return s.restateAt
	}
	return time.Time{}
}

// Ready reports whether a commit may be sent now.
func (s *Schedule) Ready(now time.Time) bool { return !s.inFlight && !s.notBefore.After(now) }

// Room returns how many bytes one commit may write. One offset has room always.
func (s *Schedule) Room() int { return cmp.Or(s.smaller, commitBytes) }

// Shrink halves the room, after a commit of so many bytes was refused.
func (s *Schedule) Shrink(refused int) { s.smaller = max(min(refused, s.Room())/2, 1) }

// Sent notes a commit that writes so many bytes.
func (s *Schedule) Sent(now time.Time, bytes int) {
	s.inFlight = true
	s.notBefore = now.Add(max(interval, time.Second*time.Duration(bytes)/bytesPerSecond))
}

// Acked notes that the group has taken some of a commit.
func (s *Schedule) Acked() { s.denied, s.failure = false, "" }

// Failed notes a commit that failed, and why. Where no broker has answered, it may
// have been applied, or may be later still.
func (s *Schedule) Failed(answered, denied bool, why string, now time.Time) {
	if !answered {
		s.unsure, s.unsureAt = true, now
	}
	s.denied, s.failure = denied, why
	s.notBefore = now.Add(retry)
	if denied {
		s.notBefore = now.Add(deniedRetry)
	}
}

// Restate reports whether everything is to be committed again now, which it is every
// so often for a while after a commit has got no answer: should that one be applied
// late, it does not stand for long.
func (s *Schedule) Restate(now time.Time, every time.Duration) bool {
	if !s.unsure || now.Before(s.restateAt) || now.Sub(s.unsureAt) > doubt {
		return false
	}
	s.restateAt = now.Add(every)
	return true
}

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
