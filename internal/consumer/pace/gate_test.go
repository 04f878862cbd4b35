package pace

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestGate_refusedCredentialsLetOneTryAtATime(t *testing.T) {
	p := New(4, 1)
	now := start
	for _, name := range []string{"a", "b", "c"} {
		waiting(p, name, 1, now)
	}
	a := p.Next(now)
	p.Ended(a, p.Began(a))
	if !p.Doubt(Credentials, a, true, false, now, 10*time.Second) || p.Doubt(Credentials, a, true, false, now, 10*time.Second) {
		t.Error("the first 401 is news, the second is not")
	}
	if got := startAll(p, now.Add(9*time.Second)); len(got) != 0 {
		t.Errorf("started %v before it is time to try again", got)
	}
	if at := p.NextWake(now); !at.Equal(now.Add(10 * time.Second)) {
		t.Errorf("next wake at %s, want in 10 s", at)
	}
	now = now.Add(10 * time.Second)
	if got := startAll(p, now); len(got) != 1 {
		t.Fatalf("started %v, want one try", got)
	}
	if !slices.Equal(p.Accepted(a), []Gate{Credentials}) || p.Accepted(a) != nil {
		t.Error("only the first acceptance is news")
	}
	if got := startAll(p, now); len(got) != 1 {
		t.Errorf("started %v after the credentials were taken, want all that wait", got)
	}
}

// Both gates follow the same rule for answers that may be about one namespace.
func TestGate_oneDoubtedNamespaceDoesNotStopOthers(t *testing.T) {
	for g := range gates {
		t.Run(fmt.Sprint(g), func(t *testing.T) {
			p := New(4, 1)
			a, b := waiting(p, "a", 1, start), waiting(p, "b", 1, start)
			waiting(p, "c", 1, start)
			waiting(p, "d", 1, start)
			doubt := func(n *Namespace) bool { return p.Doubt(g, n, false, false, start, time.Minute) }
			for range 2 {
				if doubt(a); p.AnyShut() {
					t.Fatal("the answer to one namespace among several stops everything")
				}
			}
			if got := startAll(p, start); len(got) != 4 {
				t.Errorf("started %v, want all", got)
			}
			if doubt(b); !p.Shut(g) {
				t.Error("the same answer to a second one without a success is about the API")
			}
			p.Accepted(p.Get("c"))
			for range 2 {
				if doubt(a) || doubt(b) {
					t.Error("namespaces that are known to be answered so say nothing new")
				}
			}
			p.Accepted(a)
			if doubt(a); p.Shut(g) {
				t.Error("the answer to one namespace that was accepted meanwhile stops everything")
			}
			if doubt(p.Get("c")); !p.Shut(g) {
				t.Error("the answer to another one too is about the API")
			}
		})
	}
}

func TestGate_whereNoNamespaceIsAcceptedItIsTheAPI(t *testing.T) {
	only := New(4, 1)
	if only.Doubt(Place, waiting(only, "a", 1, start), false, false, start, time.Minute); !only.Shut(Place) {
		t.Error("the answer to the only namespace is about the API")
	}
	only.namespaces["a"].Work = &batches{}
	only.Next(start)
	only.Changed(only.Get("a"), start)
	if only.Doubt(Place, only.Get("a"), false, true, start, time.Minute); only.Hopeless() {
		t.Error("the answer to one namespace proves that no other can be stored")
	}
	for i := 1; i < provenBy; i++ {
		if only.Hopeless() {
			t.Errorf("the answer to %d namespaces proves that no other can be stored", i)
		}
		only.Doubt(Place, waiting(only, fmt.Sprint("b", i), 1, start), false, false, start, time.Minute)
	}
	if !only.Hopeless() {
		t.Errorf("the same answer to %d in a row proves nothing", provenBy)
	}
	if only.Accepted(only.Get("a")); only.Hopeless() {
		t.Error("the API is hopeless though it has accepted a namespace")
	}
	unknown := New(4, 1)
	if unknown.Doubt(Place, waiting(unknown, "a", 1, start), false, true, start, time.Minute); unknown.Shut(Place) {
		t.Error("the answer to the only known namespace stops others that gather lines")
	}
	idle := New(4, 1)
	b := waiting(idle, "b", 1, start)
	startAll(idle, start)
	idle.Accepted(b)
	end(idle, b, false)
	idle.Changed(b, start)
	if idle.Doubt(Place, waiting(idle, "a", 1, start), false, false, start, time.Minute); idle.Shut(Place) {
		t.Error("the answer to the only namespace with work stops one that was accepted and is idle")
	}
}

func TestGate_aPausedAPIPausesEverybody(t *testing.T) {
	p := New(4, 1)
	for _, name := range []string{"a", "b", "c"} {
		p.Throttle(waiting(p, name, 1, start), start, 5*time.Second)
	}
	waiting(p, "d", 1, start)
	if got := startAll(p, start.Add(4*time.Second)); len(got) != 0 {
		t.Errorf("started %v while the API asks for quiet", got)
	}
	if at := p.NextWake(start); !at.Equal(start.Add(5 * time.Second)) {
		t.Errorf("next wake at %s, want in 5 s", at)
	}
	if got := startAll(p, start.Add(5*time.Second)); len(got) != 4 {
		t.Errorf("started %v afterwards, want all four", got)
	}
}

func TestPacer_severalThrottledPauseTheAPI(t *testing.T) {
	for _, tc := range []struct {
		name  string
		waits []time.Duration // one namespace each
		want  time.Duration   // of the whole API
	}{
		{"two are two namespaces", []time.Duration{time.Minute, time.Minute}, 0},
		{"three are the API", []time.Duration{time.Minute, time.Minute, time.Minute}, time.Minute},
		{"the third longest counts", []time.Duration{time.Second, time.Hour, 3 * time.Second, 2 * time.Second}, 2 * time.Second},
		{"in any order", []time.Duration{3 * time.Second, 2 * time.Second, time.Second, time.Hour}, 2 * time.Second},
		{"no wait counts as none", []time.Duration{time.Hour, time.Hour, 0}, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := New(4, 1)
			for i, wait := range tc.waits {
				p.Throttle(&Namespace{Name: string(rune('a' + i))}, start, wait)
			}
			if got := max(0, p.pausedUntil.Sub(start)); got != tc.want {
				t.Errorf("paused for %s, want %s", got, tc.want)
			}
		})
	}
}

// A gate that is shut beyond doubt is so by the latest answer only.
func TestGate_anotherAnswerLeavesDoubt(t *testing.T) {
	p, now := New(4, 1), start
	a := p.Get("a")
	refuseMany := func(g Gate) {
		for i := range provenBy {
			p.Doubt(g, p.Get(fmt.Sprint("b", i)), false, false, now, time.Second)
		}
	}
	hopeless := func(want bool, after string) {
		t.Helper()
		if p.Hopeless() != want || !p.AnyShut() {
			t.Errorf("after %s: hopeless %t, shut %t", after, p.Hopeless(), p.AnyShut())
		}
	}
	p.Doubt(Credentials, a, true, false, now, time.Second)
	hopeless(true, "a 401")
	p.Unproven(Credentials, Place)
	hopeless(false, "a 503")
	p.Doubt(Credentials, a, true, false, now, time.Second)
	hopeless(true, "another 401")
	p.Doubt(Credentials, a, false, false, now, time.Second)
	hopeless(false, "a 403 of the only namespace")
	refuseMany(Credentials)
	hopeless(true, "403s of many others")
	p.Unproven(Place)
	hopeless(true, "an answer that says nothing of the call")
	p.Accepted(a)
	refuseMany(Place)
	hopeless(true, "404s")
	p.Unproven(Credentials)
	hopeless(true, "an answer that says nothing of the key")
	p.Unproven(Place)
	hopeless(false, "an answer that says nothing of the call")
}
