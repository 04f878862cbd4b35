package assignment

import (
	"errors"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/kafka"
)

// What is held, released, or moved changes what a commit says: it follows at once. The
// reason goes with the record.
func TestHeld_isCommitted(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p, now := r.part("orders", 0), time.Now()
		committed := func(what string) {
			t.Helper()
			if !p.Dirty || !r.Schedule.Touched() {
				t.Errorf("%s is not committed", what)
			}
			if r.until(time.Second); p.Dirty || r.Schedule.Touched() {
				t.Fatal("there is more to commit")
			}
		}
		r.assignment.HoldRecord(p, 3, now.UnixMilli(), "no_id", now)
		p.Ledger.Advance(5)
		committed("a held record")
		first := p.Ledger.Oldest()
		if why := p.heldFor(first); why != "no_id" || p.Ledger.Held() != 1 {
			t.Errorf("%d records are held, the first because of %q", p.Ledger.Held(), why)
		}
		c := fetch.NewChunk(p.Cursor, 0)
		c.Start, c.Next, c.Oversized = 5, 8, &fetch.Oversized{Last: 7, Records: 1000}
		r.assignment.HoldRange(p, c, now)
		p.Ledger.Advance(8)
		committed("a held range")
		if n := r.metric("bridge_records_rejected_total", ""); n != 3 {
			t.Errorf("%v records of three offsets are counted", n)
		}
		r.assignment.ReleaseHeld(p, first)
		committed("a released record")
		if p.Ledger.Held() != 1 || p.FirstHeld != (heldRecord{}) {
			t.Errorf("%d are held, the first because of %+v", p.Ledger.Held(), p.FirstHeld)
		}
		r.assignment.ShiftNode(p, p.Ledger.Oldest(), 6)
		committed("a range that is shorter")
		if p.Committed != 6 {
			t.Errorf("committed %d, want 6", p.Committed)
		}
	})
}

// A generation that is taken away ends what is under way, once, and is counted.
func TestFence_endsAll(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.Fence(kafka.CodeIllegalGeneration)
		r.Fence(kafka.CodeUnknownMember)
		if r.Ctx.Err() == nil || r.Member.Lease.Check() == nil || !errors.Is(r.FenceReason, kafka.CodeIllegalGeneration) {
			t.Errorf("under way: %t, because of %v", r.Ctx.Err() == nil, r.FenceReason)
		}
		if n := r.metric("bridge_commits_total", "fenced"); n != 1 {
			t.Errorf("counted %v times", n)
		}
	})
}

// A topic that seems gone is asked about at once, and what was read ahead of it is
// stale; found again, it is committed.
func TestLose_asksForTheMetadata(t *testing.T) {
	inCommitter(t, func(r *rig) {
		asked := 0
		r.Fetcher.Refresh = func() { asked++ }
		p := r.part("orders", 0)
		before := p.Cursor.Epoch.Load()
		r.assignment.Lose(p, kafka.CodeUnknownTopic)
		if asked != 1 || p.Cursor.Epoch.Load() == before {
			t.Errorf("asked %d times; what was read ahead counts: %t", asked, p.Cursor.Epoch.Load() == before)
		}
		p.Dirty = false
		if r.assignment.Found(p, time.Now()); !p.Dirty || p.State() != Reading {
			t.Errorf("it is %s, and committed: %t", p.State(), p.Dirty)
		}
	})
}

// Who awaits something reads on from where it was, also where it had failed.
func TestAwait_readsAgain(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p := r.part("orders", 0)
		for _, what := range []Pause{AwaitsLetters, AwaitsMarks} {
			r.assignment.Fail(p, kafka.CodeNotLeader, false, false)
			before := p.Cursor.Epoch.Load()
			r.assignment.Await(p, what)
			if p.Err() != nil || p.State() != Paused || p.Cursor.Epoch.Load() == before {
				t.Errorf("it is %s: %v", p.State(), p.Err())
			}
			r.assignment.Resume(what)
			if p.State() != Reading {
				t.Errorf("it is %s, want reading", p.State())
			}
		}
	})
}

// A range cannot be read: nobody looks for it.
func TestPartition_NextHeld_passesRanges(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p, now := r.part("orders", 0), time.Now()
		if _, err := p.Ledger.HoldRange(1, 4, 0, now); err != nil {
			t.Fatal(err)
		}
		if node := p.NextHeld(); node != nil {
			t.Errorf("a range is looked for: %+v", node)
		}
		for _, offset := range []int64{6, 9} {
			r.assignment.HoldRecord(p, offset, 0, "no_id", now)
		}
		for _, tc := range []struct{ from, want int64 }{{0, 6}, {7, 9}, {10, 6}} {
			if p.LookFrom = tc.from; p.NextHeld().First != tc.want {
				t.Errorf("from %d on %d is looked for, want %d", tc.from, p.NextHeld().First, tc.want)
			}
		}
	})
}
