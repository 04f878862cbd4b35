package consumer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/batcher"
	"kafka-import-bridge/internal/consumer/ledger"
)

var pacerStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// waiting makes a namespace with some batches wait for slots.
func waiting(p *pacer, name string, batches int, now time.Time) *namespace {
	n := p.get(name)
	for range batches {
		n.uploads = append(n.uploads, &upload{namespace: n, batch: &batcher.Batch{}})
	}
	p.enqueue(n, now)
	return n
}

// startNext begins an attempt of whoever is next and returns its name, "" if
// nobody may start.
func startNext(p *pacer, now time.Time) string {
	n := p.next(now)
	if n == nil {
		return ""
	}
	p.began(n)
	n.startable(p.perNamespace + 1).flying = true
	p.enqueue(n, now)
	return n.name
}

// startAll starts whatever may start.
func startAll(p *pacer, now time.Time) (names []string) {
	for name := startNext(p, now); name != ""; name = startNext(p, now) {
		names = append(names, name)
	}
	return names
}

func TestPacer_givesSlotsInOrderOfArrival(t *testing.T) {
	p := newPacer(3, 1)
	for _, name := range []string{"c", "a", "b", "d"} {
		waiting(p, name, 2, pacerStart)
	}
	if got := startAll(p, pacerStart); !slices.Equal(got, []string{"c", "a", "b"}) {
		t.Errorf("started %v, want c, a and b", got)
	}
	// One import of a namespace at a time: c's second batch waits for its first.
	c := p.get("c")
	p.ended(c, false)
	c.uploads = c.uploads[1:]
	p.enqueue(c, pacerStart)
	if got := startAll(p, pacerStart); !slices.Equal(got, []string{"d"}) {
		t.Errorf("started %v, want d, who has waited longer than c", got)
	}
}

func TestPacer_namespaceConcurrency(t *testing.T) {
	p := newPacer(10, 3)
	waiting(p, "a", 5, pacerStart)
	if got := startAll(p, pacerStart); !slices.Equal(got, []string{"a", "a", "a"}) {
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
			p := newPacer(tc.slots, 1)
			for i := range tc.troubled {
				n := p.get(fmt.Sprint("t", i))
				n.state, n.since = retrying, pacerStart
				waiting(p, n.name, 1, pacerStart)
			}
			for i := range tc.healthy {
				waiting(p, fmt.Sprint("h", i), 1, pacerStart)
			}
			troubled, healthy := 0, 0
			for _, name := range startAll(p, pacerStart) {
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
	p := newPacer(1, 1)
	for i := range 10 {
		n := p.get(fmt.Sprint("t", i))
		n.state = retrying
		waiting(p, n.name, 1, pacerStart)
		waiting(p, fmt.Sprint("h", i), 1, pacerStart)
	}
	kinds := map[byte]int{}
	for range 10 {
		name := startNext(p, pacerStart)
		kinds[name[0]]++
		n := p.get(name)
		p.ended(n, n.troubled())
	}
	if kinds['t'] != 5 || kinds['h'] != 5 {
		t.Errorf("started %d in trouble and %d healthy, want 5 of each", kinds['t'], kinds['h'])
	}
}

func TestPacer_wakesInOrderOfTime(t *testing.T) {
	p := newPacer(100, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	var want []string
	for i := range 50 {
		n := p.get(fmt.Sprintf("n%02d", i))
		n.wakeAt = pacerStart.Add(time.Duration(1+i) * time.Second)
		want = append(want, n.name)
	}
	for _, i := range rng.Perm(50) {
		waiting(p, want[i], 1, pacerStart)
	}
	// One is put off, one may go earlier than it was told.
	last, first := p.get("n10"), p.get("n49")
	last.wakeAt, first.wakeAt = pacerStart.Add(time.Hour), pacerStart.Add(500*time.Millisecond)
	p.enqueue(last, pacerStart)
	p.enqueue(first, pacerStart)
	want = slices.Insert(slices.Delete(slices.Delete(want, 49, 50), 10, 11), 0, "n49")
	want = append(want, "n10")
	var got []string
	for now := pacerStart; len(got) < len(want); {
		next := p.nextWake(now)
		if !next.After(now) {
			t.Fatalf("after %v: next wake at %s, now %s", got, next, now)
		}
		now = next
		p.awake(now)
		got = append(got, startAll(p, now)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("started %v\nwant %v", got, want)
	}
}

// Whoever is put off while it sleeps, and has nothing to attempt any more, lets
// the others wake in time all the same.
func TestPacer_whatIsPutOffDelaysNobody(t *testing.T) {
	p := newPacer(100, 1)
	first, next := p.get("first"), p.get("next")
	for i, n := range []*namespace{first, next} {
		n.wakeAt = pacerStart.Add(time.Duration(1+i) * time.Second)
		waiting(p, n.name, 1, pacerStart)
	}
	first.wakeAt, first.uploads = pacerStart.Add(time.Hour), nil
	p.enqueue(first, pacerStart)
	if at := p.nextWake(pacerStart); !at.Equal(next.wakeAt) {
		t.Errorf("wakes at %s, want %s", at, next.wakeAt)
	}
}

func TestPacer_refusedCredentialsLetOneTryAtATime(t *testing.T) {
	p := newPacer(4, 1)
	now := pacerStart
	for _, name := range []string{"a", "b", "c"} {
		waiting(p, name, 1, now)
	}
	a := p.next(now)
	p.began(a)
	p.ended(a, false)
	if !p.unauthorised(a, 401, false, now, 10*time.Second) || p.unauthorised(a, 401, false, now, 10*time.Second) {
		t.Error("the first 401 is news, the second is not")
	}
	if got := startAll(p, now.Add(9*time.Second)); len(got) != 0 {
		t.Errorf("started %v before it is time to try again", got)
	}
	if at := p.nextWake(now); !at.Equal(now.Add(10 * time.Second)) {
		t.Errorf("next wake at %s, want in 10 s", at)
	}
	now = now.Add(10 * time.Second)
	if got := startAll(p, now); len(got) != 1 {
		t.Fatalf("started %v, want one try", got)
	}
	if !p.accepted(a) || p.accepted(a) {
		t.Error("only the first acceptance is news")
	}
	if got := startAll(p, now); len(got) != 1 {
		t.Errorf("started %v after the credentials were taken, want all that wait", got)
	}
}

func TestPacer_aForbiddenNamespaceDoesNotStopOthers(t *testing.T) {
	p := newPacer(4, 1)
	a, b := waiting(p, "a", 1, pacerStart), waiting(p, "b", 1, pacerStart)
	waiting(p, "c", 1, pacerStart)
	waiting(p, "d", 1, pacerStart)
	for range 2 {
		if p.unauthorised(a, 403, false, pacerStart, time.Minute); p.credentialsRefused {
			t.Fatal("403 of one namespace among several stops everything")
		}
	}
	if got := startAll(p, pacerStart); len(got) != 4 {
		t.Errorf("started %v, want all", got)
	}
	if p.unauthorised(b, 403, false, pacerStart, time.Minute); !p.credentialsRefused {
		t.Error("403 of one after the other without a success is about the key")
	}
	p.accepted(p.get("c"))
	for range 2 {
		if p.unauthorised(a, 403, false, pacerStart, time.Minute) || p.unauthorised(b, 403, false, pacerStart, time.Minute) {
			t.Error("403 of namespaces that are known to be forbidden is about the key")
		}
	}
	p.accepted(a)
	if p.unauthorised(a, 403, false, pacerStart, time.Minute); p.credentialsRefused {
		t.Error("403 of one namespace that was allowed meanwhile stops everything")
	}
	if p.unauthorised(p.get("c"), 403, false, pacerStart, time.Minute); !p.credentialsRefused {
		t.Error("403 of another one too is about the key")
	}
}

func TestPacer_whereEveryNamespaceIsForbiddenItIsTheKey(t *testing.T) {
	only := newPacer(4, 1)
	a := waiting(only, "a", 1, pacerStart)
	if only.unauthorised(a, 403, false, pacerStart, time.Minute); !only.credentialsRefused {
		t.Error("403 of the only namespace is about the key")
	}
	idle := newPacer(4, 1)
	idle.requests.note("b", "req-1")
	a = waiting(idle, "a", 1, pacerStart)
	if idle.unauthorised(a, 403, false, pacerStart, time.Minute); idle.credentialsRefused {
		t.Error("403 of the only namespace with work stops one that is idle")
	}
}

func TestPacer_aPausedAPIPausesEverybody(t *testing.T) {
	p := newPacer(4, 1)
	for _, name := range []string{"a", "b", "c"} {
		p.throttle(waiting(p, name, 1, pacerStart), pacerStart, 5*time.Second)
	}
	waiting(p, "d", 1, pacerStart)
	if got := startAll(p, pacerStart.Add(4*time.Second)); len(got) != 0 {
		t.Errorf("started %v while the API asks for quiet", got)
	}
	if at := p.nextWake(pacerStart); !at.Equal(pacerStart.Add(5 * time.Second)) {
		t.Errorf("next wake at %s, want in 5 s", at)
	}
	if got := startAll(p, pacerStart.Add(5*time.Second)); len(got) != 4 {
		t.Errorf("started %v afterwards, want all four", got)
	}
}

func TestPacer_resetKeepsTrouble(t *testing.T) {
	p := newPacer(4, 1)
	now := pacerStart
	waiting(p, "healthy", 2, now)
	r := waiting(p, "retrying", 2, now)
	r.state, r.failures, r.since, r.wakeAt, r.lastError, r.forbidden = retrying, 7, now, now.Add(time.Minute), "403", true
	h := waiting(p, "held", 2, now)
	h.state, h.wakeAt, h.dropping, h.holdReason = held, now.Add(time.Minute), true, "create_422"
	h.shed = map[*partition]*ledger.Node{{}: {}}
	startAll(p, now)
	p.refusedUntil, p.credentialsRefused, p.trying = now.Add(30*time.Second), true, true
	p.reset()
	if p.flying+p.troubledFlying != 0 || p.trying || !p.credentialsRefused {
		t.Errorf("%d in flight, %d of them in trouble, trying %t, credentials refused %t", p.flying, p.troubledFlying, p.trying, p.credentialsRefused)
	}
	if p.namespaces["healthy"] != nil {
		t.Error("a namespace without trouble is remembered")
	}
	if n := p.namespaces["retrying"]; n == nil || n.state != retrying || n.failures != 7 || !n.wakeAt.Equal(now.Add(time.Minute)) || n.lastError != "403" || !n.forbidden || len(n.uploads) != 0 || n.flying != 0 {
		t.Errorf("retrying namespace %+v", n)
	}
	if n := p.namespaces["held"]; n == nil || n.state != held || !n.dropping || len(n.shed) != 0 || n.holdReason != "create_422" {
		t.Errorf("held namespace %+v", n)
	}
	// The held one, of which nothing is read, is forgotten after its rest; the
	// backoff of the other binds what is read next.
	p.accepted(h)
	waiting(p, "retrying", 1, now)
	if got := p.next(now.Add(59 * time.Second)); got != nil {
		t.Errorf("%s starts before its time", got.name)
	}
	now = now.Add(time.Minute)
	p.awake(now)
	var got []string
	for n := p.next(now); n != nil; n = p.next(now) {
		got = append(got, n.name)
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"retrying"}) || p.namespaces["held"] != nil {
		t.Errorf("started %v, want retrying; held %+v", got, p.namespaces["held"])
	}
}

func TestPacer_forgetsWhatIsIdle(t *testing.T) {
	p := newPacer(4, 1)
	for i := range 1000 {
		n := waiting(p, fmt.Sprint("n", i), 1, pacerStart)
		p.forget(n) // has work
		startNext(p, pacerStart)
		p.ended(n, false)
		n.uploads = nil
		p.forget(n)
	}
	if len(p.namespaces) != 0 {
		t.Errorf("%d idle namespaces are remembered", len(p.namespaces))
	}
}
