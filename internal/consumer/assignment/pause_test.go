package assignment

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
)

// fill tracks dead letters of the partition until it has so many single records.
func (s *Assignment) fill(p *Partition, singles int) {
	for p.Ledger.Singles() < singles {
		offset := p.Ledger.Position()
		_ = s.Tracked(p.Ledger.TrackSingle(ledger.DeadLetter, "", offset, 0, time.Now()))
		p.Ledger.Advance(offset + 1)
	}
}

// A partition is read until a commit has no room for more of its single records, and on
// once a quarter of those that end by themselves has. One whose records are all held goes
// on with the first that is released: no others will end. A drain leaves it as it is.
func TestPauseOrResume_bounds(t *testing.T) {
	for _, tc := range []struct {
		name          string
		held, singles int
		mode          Mode
		before, after Pause
	}{
		{"one has room", 0, MaxSingles - 1, Running, NoPause, NoPause},
		{"none has room", 0, MaxSingles, Running, NoPause, TooManyHeld},
		{"none has room, and all are held", MaxSingles, MaxSingles, Running, NoPause, TooManyHeld},
		{"none has room for what a drain still adds", 0, MaxSingles, Draining, NoPause, NoPause},
		{"fewer than a quarter have ended", 0, MaxSingles - MaxSingles/4, Running, TooManyHeld, TooManyHeld},
		{"a quarter has ended", 0, MaxSingles - MaxSingles/4 - 1, Running, TooManyHeld, NoPause},
		{"of held and others, fewer than a quarter have ended", 300, MaxSingles - 1, Running, TooManyHeld, TooManyHeld},
		{"one of those that are all held was released", MaxSingles - 1, MaxSingles - 1, Running, TooManyHeld, NoPause},
		{"all have ended, in a drain", 0, 0, Draining, TooManyHeld, TooManyHeld},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, p := newAssignment(t)
			if tc.before != NoPause {
				s.pause(p, tc.before)
			}
			for offset := range int64(tc.held) {
				s.HoldRecord(p, offset, 0, "no_id", time.Now())
				p.Ledger.Advance(offset + 1)
			}
			s.fill(p, tc.singles)
			s.Mode = tc.mode
			if s.PauseOrResume(p); p.pause != tc.after {
				t.Errorf("it pauses for %d, want %d", p.pause, tc.after)
			}
		})
	}
}

// What a partition has waited for is free, and meanwhile it has become full.
func TestResume_notOfAFullPartition(t *testing.T) {
	for _, what := range []Pause{AwaitsLetters, AwaitsMarks} {
		s, p := newAssignment(t)
		s.Await(p, what)
		s.fill(p, MaxSingles)
		if s.Resume(what); p.pause != TooManyHeld || !p.Cursor.Paused {
			t.Errorf("it pauses for %d, want %d; it is asked for: %t", p.pause, TooManyHeld, !p.Cursor.Paused)
		}
		for node := range p.Ledger.All {
			s.SettleNode(p, node)
		}
		if p.pause != NoPause || p.Cursor.Paused {
			t.Errorf("with all settled it pauses for %d", p.pause)
		}
	}
}

// What was read ahead when a pause begins would come all the same, and what comes of a
// paused partition has to be read again: each time reading begins anew where it was.
func TestPause_dropsWhatWasReadAhead(t *testing.T) {
	s, p := newAssignment(t)
	s.fill(p, MaxSingles)
	for _, tc := range []struct {
		name string
		do   func()
	}{
		{"too many are held", func() { s.PauseOrResume(p) }},
		{"it awaits letters beside", func() { s.Await(p, AwaitsLetters) }},
		{"it awaits marks beside", func() { s.Await(p, AwaitsMarks) }},
	} {
		before := p.Cursor.Epoch.Load()
		p.Cursor.Offset = MaxSingles + 70
		if tc.do(); p.Cursor.Epoch.Load() == before || p.Cursor.Offset != MaxSingles {
			t.Errorf("%s: reading goes on at %d, what was read ahead counts: %t", tc.name, p.Cursor.Offset, p.Cursor.Epoch.Load() == before)
		}
	}
}

// The time of pauses is counted once, however often it is looked at.
func TestCountHeldPauses_countsOnce(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p := r.part("orders", 0)
		paused := func() float64 { return r.metric("bridge_fetch_paused_seconds_total", "held") }
		r.assignment.CountHeldPauses(time.Now())
		time.Sleep(time.Minute)
		r.assignment.Await(p, AwaitsLetters)
		for range 3 {
			time.Sleep(10 * time.Second)
			r.assignment.CountHeldPauses(time.Now())
		}
		if paused() != 30 {
			t.Errorf("%v seconds of 30 are counted", paused())
		}
		r.assignment.Resume(AwaitsLetters)
		time.Sleep(time.Minute)
		if r.assignment.CountHeldPauses(time.Now()); paused() != 30 {
			t.Errorf("%v seconds of 30 are counted after the pause", paused())
		}
	})
}
