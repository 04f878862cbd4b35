package pace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// in returns a namespace that got into the state by its own transitions; heldBefore
// says what a trial began from.
func in(t *testing.T, s State, heldBefore bool) *Namespace {
	t.Helper()
	n := New(4, 1).Get("n")
	fail := func() { n.Fail(start, Failure{Delay: time.Second, Err: errors.New("503")}) }
	hold := func() { n.Refuse(start, "create_422", time.Minute, errors.New("422")) }
	switch s {
	case Retrying:
		fail()
	case Shed:
		fail()
		n.GiveWay()
	case Held:
		hold()
	case Trial:
		if heldBefore {
			hold()
		} else {
			fail()
			n.GiveWay()
		}
		n.Probed(true)
	}
	if n.State() != s {
		t.Fatalf("namespace is %s, want %s", n.State(), s)
	}
	return n
}

// TestNamespace_everyTransition walks the whole table: each event in each state.
func TestNamespace_everyTransition(t *testing.T) {
	fail := func(n *Namespace) any { return n.Fail(start, Failure{Delay: time.Second}) }
	keep := func(n *Namespace) any { return n.Fail(start, Failure{Delay: time.Second, KeepsTrial: true}) }
	refuse := func(n *Namespace) any { return n.Refuse(start, "upload_400", time.Minute, nil) }
	giveWay := func(n *Namespace) any { return n.GiveWay() }
	probed := func(n *Namespace) any { return n.Probed(true) }
	probedEmpty := func(n *Namespace) any { return n.Probed(false) }
	caughtUp := func(n *Namespace) any { n.CaughtUp(); return nil }
	endTrial := func(n *Namespace) any { return n.EndTrial() }
	clearing := func(n *Namespace) any { n.Clear(); return nil }
	type row struct {
		from State
		held bool // the trial began from Held
		to   State
		says any
	}
	for _, tc := range []struct {
		event string
		do    func(*Namespace) any
		rows  []row
	}{
		{"Fail", fail, []row{{Ordinary, false, Retrying, false}, {Retrying, false, Retrying, false}, {Shed, false, Shed, false}, {Held, false, Held, false}, {Trial, false, Shed, true}, {Trial, true, Held, true}}},
		{"Fail, may be stored", keep, []row{{Ordinary, false, Retrying, false}, {Retrying, false, Retrying, false}, {Shed, false, Shed, false}, {Held, false, Held, false}, {Trial, false, Trial, false}, {Trial, true, Trial, false}}},
		{"Refuse", refuse, []row{{Ordinary, false, Held, true}, {Retrying, false, Held, true}, {Shed, false, Held, true}, {Held, false, Held, false}, {Trial, false, Held, true}, {Trial, true, Held, false}}},
		{"GiveWay", giveWay, []row{{Ordinary, false, Ordinary, false}, {Retrying, false, Shed, true}, {Shed, false, Shed, true}, {Held, false, Held, true}, {Trial, false, Trial, false}, {Trial, true, Trial, false}}},
		{"Probed", probed, []row{{Ordinary, false, Ordinary, false}, {Retrying, false, Retrying, false}, {Shed, false, Trial, true}, {Held, false, Trial, true}, {Trial, false, Trial, true}, {Trial, true, Trial, true}}},
		{"Probed, nothing dropped", probedEmpty, []row{{Ordinary, false, Ordinary, false}, {Retrying, false, Retrying, false}, {Shed, false, Retrying, false}, {Held, false, Retrying, false}, {Trial, false, Trial, true}, {Trial, true, Trial, true}}},
		{"EndTrial", endTrial, []row{{Ordinary, false, Ordinary, false}, {Retrying, false, Retrying, false}, {Shed, false, Shed, false}, {Held, false, Held, false}, {Trial, false, Shed, true}, {Trial, true, Held, true}}},
		{"CaughtUp", caughtUp, []row{{Ordinary, false, Ordinary, nil}, {Retrying, false, Retrying, nil}, {Shed, false, Shed, nil}, {Held, false, Held, nil}, {Trial, false, Retrying, nil}, {Trial, true, Retrying, nil}}},
		{"Clear", clearing, []row{{Ordinary, false, Ordinary, nil}, {Retrying, false, Ordinary, nil}, {Shed, false, Ordinary, nil}, {Held, false, Ordinary, nil}, {Trial, false, Ordinary, nil}, {Trial, true, Ordinary, nil}}},
	} {
		for _, r := range tc.rows {
			t.Run(fmt.Sprintf("%s/%s/held %t", tc.event, r.from, r.held), func(t *testing.T) {
				n := in(t, r.from, r.held)
				if says := tc.do(n); says != r.says || n.State() != r.to {
					t.Errorf("is %s and says %v, want %s and %v", n.State(), says, r.to, r.says)
				}
			})
		}
	}
}

// flags are the naive model: three independent flags instead of five states.
type flags struct {
	troubled, held  bool
	dropping, trial bool
}

func (f *flags) endTrial() {
	if f.trial {
		f.trial = false // dropping stays
	}
}

// TestNamespace_agreesWithFlags plays random events on a namespace and on the
// flags, and compares everything that a caller asks.
func TestNamespace_agreesWithFlags(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	n, f, now := New(4, 1).Get("n"), flags{}, start
	var trace []string
	for range 20000 {
		now = now.Add(time.Second)
		may := rng.IntN(2) == 0
		event := rng.IntN(8)
		switch event {
		case 0:
			n.Fail(now, Failure{Delay: time.Second, KeepsTrial: may})
			f.troubled = true
			if !may {
				f.endTrial()
			}
		case 1:
			n.Refuse(now, "create_422", time.Minute, nil)
			f.troubled, f.held, f.dropping, f.trial = true, true, true, false
		case 2, 3:
			n.GiveWay()
			if f.troubled && !f.trial {
				f.dropping = true
			}
		case 4:
			n.Probed(may)
			if f.dropping && !f.trial {
				if f.trial = may; !may {
					f.dropping, f.held = false, false
				}
			}
		case 5:
			n.CaughtUp()
			if f.trial {
				f.dropping, f.trial, f.held = false, false, false
			}
		case 6:
			if rng.IntN(4) == 0 {
				n.Clear()
				f = flags{}
			}
		case 7:
			if rng.IntN(8) == 0 { // a new generation
				n.state = n.restart()
				f.dropping, f.trial = f.held, false
			}
		}
		trace = append(trace, fmt.Sprint(event, may))
		got := flags{n.Troubled(), n.IsHeld(), n.Dropping(), n.State() == Trial}
		if got != f || n.Resting() != (f.dropping && !f.trial) || (n.HoldReason() != "") != f.held {
			t.Fatalf("after %v: %+v (%s, reason %q), want %+v", trace[max(0, len(trace)-12):], got, n.State(), n.HoldReason(), f)
		}
	}
}

func TestNamespace_keepsWhatIsToldOfItsTrouble(t *testing.T) {
	n := New(4, 1).Get("n")
	n.Fail(start, Failure{Delay: time.Second, Err: errors.New("first")})
	n.Fail(start.Add(time.Minute), Failure{Delay: time.Second})
	if !n.Since().Equal(start) || n.LastError() != "first" {
		t.Errorf("in trouble since %s with %q, want since the first failure with its error", n.Since(), n.LastError())
	}
	held := start.Add(time.Hour)
	n.Refuse(held, "create_422", time.Minute, errors.New("422"))
	n.Refuse(held.Add(time.Hour), "upload_400", time.Minute, errors.New("400"))
	if !n.Since().Equal(held) || n.HoldReason() != "create_422" || n.LastError() != "400" {
		t.Errorf("held since %s for %q with %q, want since and for the first refusal, with the last error", n.Since(), n.HoldReason(), n.LastError())
	}
	n.Memo = 1
	n.Clear()
	if n.HoldReason() != "" || n.LastError() != "" || !n.WakeAt().IsZero() || n.Memo != nil {
		t.Errorf("after the trouble: %+v", n)
	}
}

// With several imports of a namespace in flight, a short failure must not end
// the rest that an earlier answer asked for.
func TestNamespace_noFailureShortensARestThatWasAskedFor(t *testing.T) {
	n := New(4, 2).Get("n")
	n.Fail(start, Failure{Delay: time.Hour, RetryAfter: time.Hour})
	n.Fail(start, Failure{Delay: time.Second})
	if want := start.Add(time.Hour); !n.WakeAt().Equal(want) {
		t.Errorf("wakes at %s, want %s as was asked for", n.WakeAt(), want)
	}
	n.Refuse(start, "create_422", time.Minute, nil)
	if want := start.Add(time.Hour); !n.WakeAt().Equal(want) {
		t.Errorf("held, it wakes at %s, want %s as was asked for", n.WakeAt(), want)
	}
	n.Clear()
	n.Fail(start.Add(time.Minute), Failure{Delay: time.Second})
	if want := start.Add(time.Minute + time.Second); !n.WakeAt().Equal(want) {
		t.Errorf("after a success it wakes at %s, want %s", n.WakeAt(), want)
	}
}
