package pace

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// batches is the Work of a namespace with some batches that no attempt has taken.
type batches struct {
	waiting, flying int
	prepared        bool // the first that waits
	dropped         bool
}

func (b *batches) Startable() bool  { return b.waiting > 0 }
func (b *batches) Preparable() bool { return b.waiting > 0 && !b.prepared }
func (b *batches) Dropped() bool    { return b.dropped }
func (b *batches) Idle() bool       { return b.waiting+b.flying == 0 && !b.dropped }

// waiting makes a namespace with some batches wait for slots.
func waiting(p *Pacer, name string, count int, now time.Time) *Namespace {
	n := p.Get(name)
	if n.Work == nil {
		n.Work = &batches{}
	}
	n.Work.(*batches).waiting += count
	p.Changed(n, now)
	return n
}

// startNext begins an attempt of whoever is next and returns its name, "" if
// nobody may start.
func startNext(p *Pacer, now time.Time) string {
	n := p.Next(now)
	if n == nil {
		return ""
	}
	p.Began(n)
	if b := n.Work.(*batches); b.waiting > 0 {
		b.waiting--
		b.flying++
	}
	p.Changed(n, now)
	return n.Name
}

// startAll starts whatever may start.
func startAll(p *Pacer, now time.Time) (names []string) {
	for name := startNext(p, now); name != ""; name = startNext(p, now) {
		names = append(names, name)
	}
	return names
}

// end ends an attempt of the namespace, whose batch is stored.
func end(p *Pacer, n *Namespace, troubled bool) {
	p.Ended(n, troubled)
	n.Work.(*batches).flying--
}

func inTrouble(p *Pacer, name string) *Namespace {
	n := p.Get(name)
	n.Fail(start, Failure{})
	return n
}

func TestPacer_givesSlotsInOrderOfArrival(t *testing.T) {
	p := New(3, 1)
	for _, name := range []string{"c", "a", "b", "d"} {
		waiting(p, name, 2, start)
	}
	if got := startAll(p, start); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("started %v, want c, a and b", got)
	}
	// One import of a namespace at a time: c's second batch waits for its first.
	c := p.Get("c")
	end(p, c, false)
	p.Changed(c, start)
	if got := startAll(p, start); !slices.Equal(got, []string{"d"}) {
		t.Errorf("started %v, want d, who has waited longer than c", got)
	}
}

func TestPacer_namespaceConcurrency(t *testing.T) {
	p := New(10, 3)
	waiting(p, "a", 5, start)
	if got := startAll(p, start); !slices.Equal(got, []string{"a", "a", "a"}) {
		t.Errorf("started %v, want three imports of a", got)
	}
}

// TestPacer_troubledNamespacesGetHalfOfTheSlots fills all slots from many
// namespaces of both kinds, then from those in trouble alone.
func TestPacer_troubledNamespacesGetHalfOfTheSlots(t *testing.T) {
	for _, tc := range []struct{ slots, healthy, troubled, want int }{
		{8, 10, 10, 4}, {8, 0, 10, 4}, {1, 0, 3, 1}, {2, 5, 5, 1}, {3, 1, 9, 1}, {8, 10, 2, 2},
	} {
		t.Run(fmt.Sprintf("%+v", tc), func(t *testing.T) {
			p := New(tc.slots, 1)
			for i := range tc.troubled {
				waiting(p, inTrouble(p, fmt.Sprint("t", i)).Name, 1, start)
			}
			for i := range tc.healthy {
				waiting(p, fmt.Sprint("h", i), 1, start)
			}
			troubled, healthy := 0, 0
			for _, name := range startAll(p, start) {
				if name[0] == 't' {
					troubled++
				} else {
					healthy++
				}
			}
			if troubled != tc.want || healthy != min(tc.healthy, tc.slots-tc.want) {
				t.Errorf("%d in trouble and %d healthy started, want %d and %d", troubled, healthy, tc.want, min(tc.healthy, tc.slots-tc.want))
			}
		})
	}
}

// TestPacer_bothKindsTakeTurns shows that neither starves the other where there
// is one slot only.
func TestPacer_bothKindsTakeTurns(t *testing.T) {
	p := New(1, 1)
	for i := range 10 {
		waiting(p, inTrouble(p, fmt.Sprint("t", i)).Name, 1, start)
		waiting(p, fmt.Sprint("h", i), 1, start)
	}
	kinds := map[byte]int{}
	for range 10 {
		name := startNext(p, start)
		kinds[name[0]]++
		n := p.Get(name)
		end(p, n, n.Troubled())
	}
	if kinds['t'] != 5 || kinds['h'] != 5 {
		t.Errorf("started %d in trouble and %d healthy, want 5 of each", kinds['t'], kinds['h'])
	}
}

func TestPacer_wakesInOrderOfTime(t *testing.T) {
	p := New(100, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	var want []string
	for i := range 50 {
		n := p.Get(fmt.Sprintf("n%02d", i))
		n.RestUntil(start.Add(time.Duration(1+i) * time.Second))
		want = append(want, n.Name)
	}
	for _, i := range rng.Perm(50) {
		waiting(p, want[i], 1, start)
	}
	// One is put off, one may go earlier than it was told.
	last, first := p.Get("n10"), p.Get("n49")
	last.RestUntil(start.Add(time.Hour))
	p.Changed(last, start)
	first.RestUntil(start.Add(500 * time.Millisecond))
	p.Changed(first, start)
	want = slices.Insert(slices.Delete(slices.Delete(want, 49, 50), 10, 11), 0, "n49")
	want = append(want, "n10")
	var got []string
	for now := start; len(got) < len(want); {
		next := p.NextWake(now)
		if !next.After(now) {
			t.Fatalf("after %v: next wake at %s, now %s", got, next, now)
		}
		now = next
		p.Wake(now)
		got = append(got, startAll(p, now)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("started %v\nwant %v", got, want)
	}
}

// Whoever is put off while it sleeps, and has nothing to attempt any more, lets
// the others wake in time all the same.
func TestPacer_whatIsPutOffDelaysNobody(t *testing.T) {
	p := New(100, 1)
	first, next := p.Get("first"), p.Get("next")
	for i, n := range []*Namespace{first, next} {
		n.RestUntil(start.Add(time.Duration(1+i) * time.Second))
		waiting(p, n.Name, 1, start)
	}
	first.RestUntil(start.Add(time.Hour))
	first.Work = &batches{}
	p.Changed(first, start)
	if at := p.NextWake(start); !at.Equal(next.WakeAt()) {
		t.Errorf("wakes at %s, want %s", at, next.WakeAt())
	}
}

// A probe is made where lines have left memory, one at a time and after the rest.
// A namespace whose other attempt fails while it waits for a slot gets none before
// its rest is over.
func TestPacer_restsThatBeginInTheQueueAreKept(t *testing.T) {
	p := New(2, 2)
	inTrouble(p, "a")
	n := waiting(p, "a", 1, start)
	n.Fail(start, Failure{Delay: time.Minute})
	if got := startNext(p, start); got != "" {
		t.Errorf("%s starts within its rest", got)
	}
	if at := p.NextWake(start); !at.Equal(start.Add(time.Minute)) {
		t.Errorf("wakes at %s", at)
	}
	p.Wake(start.Add(time.Minute))
	if got := startNext(p, start.Add(time.Minute)); got != "a" {
		t.Errorf("%q starts after the rest", got)
	}
}

// An attempt that began in trouble gives its slot back as such, whatever its
// namespace is by then.
func TestPacer_troubledSlotsAreGivenBack(t *testing.T) {
	p := New(2, 2)
	n := inTrouble(p, "a")
	troubled := p.Began(n)
	if p.MayTry(start) || p.HealthyInFlight() != 0 {
		t.Fatal("a troubled attempt took no troubled slot")
	}
	n.Clear()
	p.Ended(n, troubled)
	if !p.MayTry(start) || p.InFlight() != 0 || p.HealthyInFlight() != 0 {
		t.Errorf("its slot is lost: %d in flight, %d of them healthy", p.InFlight(), p.HealthyInFlight())
	}
}

func TestPacer_probesWhatRests(t *testing.T) {
	p := New(4, 2)
	n := p.Get("n")
	n.Work = &batches{dropped: true}
	n.Refuse(start, "create_422", time.Minute, nil)
	p.Changed(n, start)
	if got := startAll(p, start.Add(59*time.Second)); len(got) != 0 {
		t.Errorf("started %v during the rest", got)
	}
	now := start.Add(time.Minute)
	p.Wake(now)
	if got := startAll(p, now); !slices.Equal(got, []string{"n"}) {
		t.Errorf("started %v, want one probe", got)
	}
	p.Ended(n, true)
	n.Probed(true)
	p.Changed(n, now)
	if got := startAll(p, now); len(got) != 0 {
		t.Errorf("started %v in a trial whose batch is not read yet", got)
	}
}

func TestPacer_resetKeepsTrouble(t *testing.T) {
	p := New(4, 1)
	now := start
	waiting(p, "healthy", 2, now)
	r := waiting(p, "retrying", 2, now)
	r.Fail(now, Failure{Delay: time.Minute, Err: fmt.Errorf("403")})
	r.doubted[Credentials] = true
	s := waiting(p, "shed", 1, now)
	s.Fail(now, Failure{Delay: time.Minute})
	s.GiveWay()
	h := waiting(p, "held", 2, now)
	h.Refuse(now, "create_422", time.Minute, nil)
	h.Memo = "kept"
	startAll(p, now)
	p.Doubt(Credentials, r, true, false, now, 30*time.Second)
	p.trying = true
	p.Reset()
	if p.inFlight+p.troubledFlight != 0 || p.trying || !p.Shut(Credentials) {
		t.Errorf("%d in flight, %d of them in trouble, trying %t, credentials refused %t", p.inFlight, p.troubledFlight, p.trying, p.Shut(Credentials))
	}
	if p.Lookup("healthy") != nil {
		t.Error("a namespace without trouble is remembered")
	}
	if n := p.Lookup("retrying"); n == nil || n.State() != Retrying || !n.WakeAt().Equal(now.Add(time.Minute)) || n.LastError() != "403" || !n.Doubts(Credentials) || n.Work != nil || n.InFlight() != 0 {
		t.Errorf("retrying namespace %+v", n)
	}
	if n := p.Lookup("shed"); n == nil || n.State() != Retrying {
		t.Errorf("shed namespace %+v, want it retrying: the next session finds its lines", n)
	}
	if n := p.Lookup("held"); n == nil || n.State() != Held || n.HoldReason() != "create_422" || n.Memo != "kept" {
		t.Errorf("held namespace %+v", n)
	}
	// The held one, of which nothing is read, is forgotten after its rest; the
	// backoff of the other binds what is read next.
	p.Accepted(h)
	waiting(p, "retrying", 1, now)
	if got := p.Next(now.Add(59 * time.Second)); got != nil {
		t.Errorf("%s starts before its time", got.Name)
	}
	now = now.Add(time.Minute)
	p.Wake(now)
	if got := startAll(p, now); !slices.Equal(got, []string{"retrying"}) || p.Lookup("held") != nil {
		t.Errorf("started %v, want retrying; held %+v", got, p.Lookup("held"))
	}
}

func TestPacer_forgetsWhatIsIdle(t *testing.T) {
	p := New(4, 1)
	for i := range 1000 {
		n := waiting(p, fmt.Sprint("n", i), 1, start)
		if p.Lookup(n.Name) == nil {
			t.Fatal("a namespace with work is forgotten")
		}
		startNext(p, start)
		end(p, n, false)
		p.Changed(n, start)
	}
	if len(p.namespaces) != 0 {
		t.Errorf("%d idle namespaces are remembered", len(p.namespaces))
	}
}
