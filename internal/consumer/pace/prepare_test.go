package pace

import (
	"testing"
	"time"
)

// A call for the URL of a next batch takes a slot that nobody waits for, none of
// its namespace's, not the last one, and none at all while everybody rests.
func TestPacer_preparing(t *testing.T) {
	p := New(3, 1)
	a := waiting(p, "a", 2, start)
	if n := p.NextPreparing(start); n != nil {
		t.Errorf("%s prepares before anything is in flight", n.Name)
	}
	if got := startAll(p, start); len(got) != 1 {
		t.Fatalf("started %v, want one attempt of a", got)
	}
	p.Changed(a, start)
	if len(p.preparable) != 1 {
		t.Errorf("a is listed %d times", len(p.preparable))
	}
	if n := p.NextPreparing(start); n != a {
		t.Fatalf("next to prepare %v, want a", n)
	}
	p.BeganPreparing()
	a.Work.(*batches).prepared = true
	if a.InFlight() != 1 || p.InFlight() != 2 {
		t.Errorf("%d of a in flight, %d in all; want 1 and 2", a.InFlight(), p.InFlight())
	}
	b := waiting(p, "b", 2, start)
	if p.NextPreparing(start) != nil {
		t.Error("a call takes the last slot")
	}
	if got := startAll(p, start); len(got) != 1 {
		t.Errorf("started %v, want one attempt of b: the last slot is for it", got)
	}
	p.Changed(b, start)
	if p.Next(start) != nil || p.NextPreparing(start) != nil {
		t.Error("something begins without a slot")
	}
	p.EndedPreparing()
	if p.NextPreparing(start) != nil {
		t.Error("a call takes the last slot")
	}
	end(p, a, false)
	if n := p.NextPreparing(start); n != b || p.NextPreparing(start) != nil {
		t.Errorf("next to prepare %v, want b and then nobody: it was listed once", n)
	}
	p.Changed(b, start)
	p.Doubt(Credentials, a, true, false, start, time.Second)
	if n := p.NextPreparing(start.Add(time.Minute)); n != nil {
		t.Errorf("%s prepares while the API refuses the key", n.Name)
	}
	p.Accepted(a)
	b.Fail(start, Failure{})
	if n := p.NextPreparing(start); n != nil {
		t.Errorf("%s prepares in trouble", n.Name)
	}
	b.Clear()
	p.Changed(b, start)
	p.Reset()
	if n := p.NextPreparing(start); n != nil {
		t.Errorf("%s prepares in the next generation", n.Name)
	}
	if n := waiting(p, "b", 2, start); startNext(p, start) != "b" || p.NextPreparing(start) != n {
		t.Error("b does not prepare in the next generation")
	}
}
