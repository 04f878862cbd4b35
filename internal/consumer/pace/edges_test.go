package pace

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

var errAway = errors.New("away")

// A namespace that was forgotten and is known anew speaks against a gate once.
func TestGate_aNamespaceDoubtsOnce(t *testing.T) {
	p := New(4, 1)
	for range 3 {
		n := p.Get("a")
		p.Doubt(Credentials, n, false, true, start, time.Second)
		p.Changed(n, start)
	}
	if p.Shut(Credentials) {
		t.Error("one namespace shuts the gate for others")
	}
}

// A sure answer is about everybody, and nothing of its namespace.
func TestGate_aSureAnswerDoubtsNoNamespace(t *testing.T) {
	p := New(4, 1)
	n := p.Get("a")
	if !p.Doubt(Credentials, n, true, true, start, time.Second) || n.Doubts(Credentials) {
		t.Errorf("shut: %t, the namespace doubts: %t", p.Shut(Credentials), n.Doubts(Credentials))
	}
}

// What the API accepted before says nothing once it answers otherwise.
func TestGate_whoDoubtsIsAcceptedNoMore(t *testing.T) {
	p := New(4, 1)
	n := p.Get("a")
	p.Accepted(n)
	if !p.Doubt(Place, n, false, false, start, time.Second) {
		t.Error("the only namespace there is doubts, and the gate is open")
	}
}

// What is known to be accepted stays bounded.
func TestGate_remembersBoundedlyManyAccepted(t *testing.T) {
	p := New(4, 1)
	for i := range 3 * maxTaken {
		p.Accepted(p.Get(fmt.Sprint(i)))
	}
	if len(p.taken) != maxTaken {
		t.Errorf("%d namespaces are remembered, want %d", len(p.taken), maxTaken)
	}
}

// A pause of the API ends when it was to, whatever is asked for later, and who was
// throttled and is no more does not count.
func TestThrottle_aPauseIsKept(t *testing.T) {
	p := New(4, 1)
	for _, name := range []string{"a", "b", "c"} {
		p.Throttle(p.Get(name), start, time.Minute)
	}
	p.Throttle(p.Get("a"), start, time.Second)
	if end := start.Add(time.Minute); !p.Paused(end.Add(-1)) || p.Paused(end) {
		t.Error("the pause does not end after the minute that three have asked for")
	}
	later := start.Add(time.Hour)
	p.Throttle(p.Get("d"), later, time.Minute)
	if p.Paused(later) || len(p.throttled) != 1 {
		t.Errorf("paused for one; %d are remembered", len(p.throttled))
	}
}

// While a gate is shut one tries, then the next one.
func TestGate_triesFollowEachOther(t *testing.T) {
	p := New(4, 1)
	for _, name := range []string{"a", "b"} {
		waiting(p, name, 1, start)
	}
	p.Doubt(Credentials, p.Get("c"), true, false, start, time.Minute)
	if p.MayTry(start) || p.Next(start) != nil {
		t.Error("a gate is tried before its time")
	}
	now := start.Add(time.Minute)
	first := startNext(p, now)
	if first == "" || p.MayTry(now) || startNext(p, now) != "" {
		t.Fatal("a shut gate lets more than one try, or none")
	}
	p.Ended(p.Get(first), false)
	if !p.MayTry(now) || startNext(p, now) == "" {
		t.Error("after a try nobody else tries")
	}
}

func TestPacer_whoIsQueuedOrRestsIsKnown(t *testing.T) {
	p := New(1, 1)
	queued, resting := waiting(p, "queued", 1, start), p.Get("resting")
	queued.Work.(*batches).waiting = 0
	resting.Fail(start, Failure{Delay: time.Minute, Err: errAway})
	waiting(p, "resting", 1, start)
	resting.Work.(*batches).waiting = 0
	p.Changed(queued, start)
	p.Changed(resting, start)
	if p.Lookup("queued") == nil || p.Lookup("resting") == nil {
		t.Error("what is in a queue is forgotten")
	}
	if p.Next(start) != nil {
		t.Error("who has nothing is served")
	}
	if p.Wake(start.Add(time.Minute)); len(p.namespaces) != 0 {
		t.Error("who has nothing and waits for nothing is known")
	}
}

func TestPacer_isQueuedAndSleepsOnce(t *testing.T) {
	p := New(1, 1)
	waiting(p, "a", 1, start)
	waiting(p, "a", 1, start)
	b := p.Get("b")
	b.Fail(start, Failure{Delay: time.Minute, Err: errAway})
	waiting(p, "b", 1, start)
	waiting(p, "b", 1, start)
	if p.Waiting() != 1 || len(p.wakes) != 1 {
		t.Errorf("queued %d times, asleep %d times", p.Waiting(), len(p.wakes))
	}
	if p.Reset(); p.Waiting() != 0 {
		t.Error("somebody waits in a new generation")
	}
}

func TestPacer_probesOnlyWhatWasDropped(t *testing.T) {
	p := New(1, 1)
	n := p.Get("a")
	n.Fail(start, Failure{Err: errAway})
	n.GiveWay()
	n.Work = &batches{}
	if p.Changed(n, start); p.Next(start) != nil {
		t.Error("a namespace without dropped lines is probed")
	}
}

// Trouble that begins while a namespace waits takes it to the others in trouble.
func TestPacer_troubleChangesTheQueue(t *testing.T) {
	p := New(2, 1)
	inTrouble(p, "away")
	waiting(p, "away", 1, start)
	if startNext(p, start) != "away" {
		t.Fatal("nobody is in trouble")
	}
	n := waiting(p, "a", 1, start)
	n.Fail(start, Failure{Err: errAway})
	if p.Next(start) != nil {
		t.Error("more than half of the slots serve namespaces in trouble")
	}
}

func TestPacer_NextWake(t *testing.T) {
	p := New(1, 1)
	for _, name := range []string{"a", "b", "c"} {
		p.Throttle(p.Get(name), start, 5*time.Minute)
	}
	p.Doubt(Credentials, p.Get("d"), true, false, start, time.Minute)
	if got := p.NextWake(start); !got.IsZero() {
		t.Errorf("it wakes at %s for nobody", got)
	}
	waiting(p, "a", 1, start)
	for _, tc := range []struct{ after, want time.Duration }{{0, time.Minute}, {2 * time.Minute, 5 * time.Minute}} {
		if got := p.NextWake(start.Add(tc.after)).Sub(start); got != tc.want {
			t.Errorf("after %s it wakes after %s, want %s", tc.after, got, tc.want)
		}
	}
	if got := p.NextWake(start.Add(time.Hour)); !got.IsZero() {
		t.Errorf("it wakes at %s, which is past", got)
	}
}

func TestPacer_preparesNothingInAPauseAndAgainLater(t *testing.T) {
	p := New(3, 1)
	n := waiting(p, "a", 2, start)
	startAll(p, start)
	for _, name := range []string{"a", "b", "c"} {
		p.Throttle(p.Get(name), start, time.Minute)
	}
	if p.NextPreparing(start) != nil {
		t.Error("a URL is asked for while the API asks for quiet")
	}
	for range 2 {
		if p.NextPreparing(start.Add(time.Minute)) != n {
			t.Fatal("no URL is asked for")
		}
		p.Changed(n, start)
	}
}

func TestNamespace_aLaterRetryAfterShortensNone(t *testing.T) {
	n := New(1, 1).Get("a")
	n.Fail(start, Failure{RetryAfter: time.Hour, Err: errAway})
	n.Fail(start, Failure{RetryAfter: time.Minute, Err: errAway})
	if got := n.WakeAt().Sub(start); got != time.Hour {
		t.Errorf("it rests for %s, want an hour", got)
	}
	if n.Probed(false); !n.WakeAt().IsZero() {
		t.Error("it rests after a probe")
	}
}
