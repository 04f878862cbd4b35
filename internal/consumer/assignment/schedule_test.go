package assignment

import (
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestSchedule_paces(t *testing.T) {
	var s Schedule
	if !s.Due().IsZero() {
		t.Error("a commit of nothing is due")
	}
	s.Touch()
	if !s.Ready(start) || s.Due().After(start) {
		t.Error("what is new waits")
	}
	s.touched = false
	s.Sent(start, 3*bytesPerSecond)
	s.Touch()
	if s.Ready(start.Add(time.Hour)) || !s.Due().IsZero() {
		t.Error("two are in flight")
	}
	s.inFlight = false
	s.Acked()
	if at := start.Add(3 * time.Second); s.Ready(at.Add(-1)) || !s.Ready(at) || !s.Due().Equal(at) {
		t.Errorf("the next one is due at %s", s.Due())
	}
	s.Sent(start, 1)
	s.inFlight = false
	if at := start.Add(interval); s.Ready(at.Add(-1)) || !s.Ready(at) {
		t.Errorf("small ones follow at %s", s.Due())
	}
	if s.notBefore = (time.Time{}); !s.Ready(start) {
		t.Error("the last one waits")
	}
}

func TestSchedule_failures(t *testing.T) {
	var s Schedule
	s.Failed(true, true, "not permitted", start)
	if s.unsure || !s.Denied() || s.Failure() != "not permitted" || s.Ready(start.Add(deniedRetry-1)) {
		t.Errorf("denied: %+v", s)
	}
	if s.Restate(start, time.Minute) {
		t.Error("everything is committed again though each was answered")
	}
	s.Failed(false, false, "no answer", start)
	if !s.unsure || s.Denied() || s.Ready(start.Add(retry-1)) || !s.Ready(start.Add(retry)) {
		t.Errorf("no answer: %+v", s)
	}
	times := 0
	for now := start; now.Before(start.Add(time.Hour)); now = now.Add(time.Second) {
		if s.Restate(now, time.Minute) {
			times++
		}
	}
	if times != 11 {
		t.Errorf("restated %d times in the 10 minutes of doubt, want one a minute", times)
	}
	if s.Acked(); s.Failure() != "" || !s.unsure {
		t.Error("an acknowledged commit says nothing of the one before it")
	}
}

// The doubt lasts from the latest commit without an answer on, and wakes who rests.
func TestSchedule_doubt(t *testing.T) {
	var s Schedule
	s.Failed(false, false, "no answer", start)
	s.Failed(false, false, "no answer", start.Add(9*time.Minute))
	if now := start.Add(15 * time.Minute); !s.Restate(now, time.Minute) || !s.Due().Equal(now.Add(time.Minute)) {
		t.Errorf("six minutes after a commit without an answer nothing is stated again; the next time is %s", s.Due())
	}
}

func TestLimit(t *testing.T) {
	l := NewLimit(4096)
	if l.Size() != 4096 || !l.WidenAt().IsZero() || l.Widen(start) {
		t.Fatalf("at the start %+v", l)
	}
	for want := 2048; want > 0; want /= 2 {
		if l.Narrow(2*want, start); l.Size() != want {
			t.Fatalf("%d after a refusal of %d", l.Size(), 2*want)
		}
	}
	if l.Narrow(1, start); l.Size() != 0 || !l.WidenAt().Equal(start.Add(minRest)) {
		t.Fatalf("nothing is taken: %+v", l)
	}
	now := start
	for _, rest := range []time.Duration{5, 10, 20, 40, 60, 60} { // each time it was too early
		rest *= time.Minute
		if l.Widen(now.Add(rest - 1)) {
			t.Fatalf("more is offered before %s", rest)
		}
		if now = now.Add(rest); !l.Widen(now) || l.Size() != least {
			t.Fatalf("after %s %+v", rest, l)
		}
		l.Narrow(1, now)
	}
	for now = now.Add(maxRest); l.Size() < 4096; now = now.Add(maxRest) {
		if before := l.Size(); !l.Widen(now) || l.Size() != min(4096, max(2*before, least)) {
			t.Fatalf("%d after %d were taken", l.Size(), before)
		}
	}
	if !l.WidenAt().IsZero() {
		t.Error("there is nothing more to offer")
	}
}

// Half of what was refused is written next, though more was allowed; also after the
// late refusal of more than is written by now.
func TestLimit_ofTheRefused(t *testing.T) {
	l := NewLimit(4096)
	if l.Narrow(50, start); l.Size() != 25 {
		t.Errorf("%d after a refusal of 50", l.Size())
	}
	if l.Narrow(4096, start); l.Size() != 12 {
		t.Errorf("%d after 25, and a refusal of 4096", l.Size())
	}
}

// What is offered never passes what the limit began with.
func TestLimit_isNeverPassed(t *testing.T) {
	l, now := NewLimit(1000), start
	l.Narrow(300, now)
	for range 5 {
		now = now.Add(maxRest)
		if l.Widen(now); l.Size() > 1000 {
			t.Fatalf("%d are offered", l.Size())
		}
	}
	if l.Size() != 1000 {
		t.Errorf("%d are offered in the end", l.Size())
	}
}

func TestDenial(t *testing.T) {
	var d Denial
	if d.Rests(start) || !d.Until().IsZero() {
		t.Errorf("before any refusal: %+v", d)
	}
	now := start
	for _, rest := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		rest *= time.Second
		if until := d.Refused(now); !until.Equal(now.Add(rest)) || !d.Rests(until.Add(-1)) || d.Rests(until) {
			t.Errorf("after %s: until %s, want a rest of %s", now.Sub(start), until.Sub(now), rest)
		}
		now = now.Add(rest)
	}
}
