package assignment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"kafka-import-bridge/internal/consumer/fetch"
)

var (
	errRead  = errors.New("no leader")
	errRange = errors.New("out of range")
	errGone  = errors.New("deleted")
)

// transitions are all that can happen to a partition, by name.
var transitions = []struct {
	name string
	do   func(*condition)
}{
	{"opened", func(c *condition) {
		if !c.IsOpen() {
			c.opened(new(fetch.Cursor))
		}
	}},
	{"wait", func(c *condition) { c.wait(AwaitsLetters) }},
	{"goOn", func(c *condition) { c.wait(NoPause) }},
	{"fail", func(c *condition) { c.fail(errRead, false, false) }},
	{"stop", func(c *condition) { c.fail(errRead, false, true) }},
	{"corrupt", func(c *condition) { c.fail(errRead, true, false) }},
	{"mend", func(c *condition) { c.mend() }},
	{"hold", func(c *condition) { c.hold(errRange) }},
	{"lose", func(c *condition) { c.lose(errGone) }},
	{"found", func(c *condition) { c.found() }},
}

// reach returns a condition after the transitions.
func reach(t *testing.T, names ...string) *condition {
	t.Helper()
	c := &condition{}
next:
	for _, name := range names {
		for _, tr := range transitions {
			if tr.name == name {
				tr.do(c)
				continue next
			}
		}
		t.Fatalf("no transition %s", name)
	}
	return c
}

// TestState_transitions walks every transition from every state.
func TestState_transitions(t *testing.T) {
	from := []struct {
		how  []string
		want []State // after each of transitions, in their order
	}{
		//                        opened   wait     goOn     fail     stop     corrupt  mend     hold  lose  found
		{nil, []State{Reading, Opening, Opening, Opening, Opening, Opening, Opening, Held, Lost, Opening}},
		{[]string{"opened"}, []State{Reading, Paused, Reading, Failed, Failed, Failed, Reading, Held, Lost, Reading}},
		{[]string{"opened", "wait"}, []State{Paused, Paused, Reading, Failed, Failed, Failed, Paused, Held, Lost, Paused}},
		{[]string{"opened", "fail"}, []State{Failed, Failed, Failed, Failed, Failed, Failed, Reading, Held, Lost, Failed}},
		{[]string{"opened", "wait", "fail"}, []State{Failed, Failed, Failed, Failed, Failed, Failed, Paused, Held, Lost, Failed}},
		{[]string{"opened", "hold"}, []State{Held, Held, Held, Held, Held, Held, Held, Held, Lost, Held}},
		{[]string{"lose"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Opening}},
		{[]string{"opened", "lose"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Reading}},
		{[]string{"opened", "wait", "lose"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Paused}},
		{[]string{"opened", "fail", "lose"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Reading}},
		{[]string{"opened", "hold", "lose"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Held}},
		{[]string{"lose", "opened"}, []State{Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Lost, Reading}},
	}
	for _, f := range from {
		for i, tr := range transitions {
			c := reach(t, append(f.how, tr.name)...)
			if c.State() != f.want[i] {
				t.Errorf("after %v, %s makes it %s, want %s", f.how, tr.name, c.State(), f.want[i])
			}
		}
	}
}

// flags are what is true of a partition, each by itself: the model of its state.
type flags struct {
	open, failed, stopped, corrupt, held, lost bool
	pause                                      Pause
	problem, trouble                           error // of opening, of reading
}

func (f *flags) apply(name string) {
	rests := f.lost || f.held
	switch name {
	case "opened":
		if !f.open {
			f.open, f.problem = true, nil
		}
	case "wait":
		f.pause = AwaitsLetters
	case "goOn":
		f.pause = NoPause
	case "fail", "stop", "corrupt":
		switch {
		case rests:
		case !f.open:
			f.problem = errRead
		default:
			f.failed, f.trouble, f.stopped, f.corrupt = true, errRead, name == "stop", name == "corrupt"
		}
	case "mend":
		if !f.lost {
			f.failed, f.trouble, f.problem = false, nil, nil
		}
	case "hold":
		f.held, f.open, f.failed, f.problem = true, true, false, nil
	case "lose":
		f.lost, f.failed, f.problem = true, false, nil
	case "found":
		f.lost = false
	}
}

func (f *flags) state() State {
	switch {
	case f.lost:
		return Lost
	case f.held:
		return Held
	case !f.open:
		return Opening
	case f.failed:
		return Failed
	case f.pause != NoPause:
		return Paused
	}
	return Reading
}

func (f *flags) err() error {
	switch f.state() {
	case Lost:
		return errGone
	case Held:
		return errRange
	case Opening:
		return f.problem
	case Failed:
		return f.trouble
	case Reading, Paused:
	}
	return nil
}

// TestState_agreesWithFlags walks at random, beside a model that has a flag for each
// thing that is true.
func TestState_agreesWithFlags(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	visited := map[State]int{}
	for range 2000 {
		c, f := &condition{}, &flags{}
		var walk []string
		for range 30 {
			tr := transitions[rnd.IntN(len(transitions))]
			walk = append(walk, tr.name)
			tr.do(c)
			f.apply(tr.name)
			visited[c.State()]++
			got := fmt.Sprint(c.State(), c.Err(), c.pause, c.IsHeld(), c.Corrupt(), c.reads())
			want := fmt.Sprint(f.state(), f.err(), f.pause, f.held, f.state() == Failed && f.corrupt,
				f.state() == Reading || f.state() == Failed && !f.stopped && f.pause == NoPause)
			if got != want {
				t.Fatalf("seed %d, after %v:\n%s, want\n%s", seed, walk, got, want)
			}
		}
	}
	for s := Opening; s <= Lost; s++ {
		if visited[s] == 0 {
			t.Errorf("no walk was ever %s", s)
		}
	}
}
