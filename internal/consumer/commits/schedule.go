package commits

import "time"

// The pace of the commits of one session, so that they stay a small share of what a
// coordinator can take.
const (
	interval       = 100 * time.Millisecond // at most ten a second
	BytesPerSecond = 1 << 20                // of metadata
	MaxPartitions  = 2000                   // of one commit
	retry          = 250 * time.Millisecond // after a failure
	deniedRetry    = 2 * time.Second        // after one that was not permitted
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
}

// Touch notes that there is something new to commit.
func (s *Schedule) Touch() { s.touched = true }

// Touched reports whether there is.
func (s *Schedule) Touched() bool { return s.touched }

// InFlight reports whether a commit has no answer yet.
func (s *Schedule) InFlight() bool { return s.inFlight }

// Unsure reports whether a commit got no answer that may still be applied.
func (s *Schedule) Unsure() bool { return s.unsure }

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

// Hurry lets the next commit be sent at once.
func (s *Schedule) Hurry() { s.notBefore = time.Time{} }

// Take begins a commit of what is new: what is not in it has to be touched again.
func (s *Schedule) Take() { s.touched = false }

// Sent notes a commit with so many bytes of metadata.
func (s *Schedule) Sent(now time.Time, bytes int) {
	s.inFlight = true
	s.notBefore = now.Add(max(interval, time.Second*time.Duration(bytes)/BytesPerSecond))
}

// Answered notes that the commit is no longer in flight.
func (s *Schedule) Answered() { s.inFlight = false }

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

// Certain notes that the group has what was acknowledged last.
func (s *Schedule) Certain() { s.unsure = false }

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
