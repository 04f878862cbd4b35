package session

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// takesBack makes the session take in a chunk of the catch-up read that is under way.
func (r *sessionRig) takesBack(fill func(*fetch.Chunk)) {
	r.t.Helper()
	job := r.lines.CatchUp.Task
	if job == nil {
		r.t.Fatal("nothing is read back")
	}
	c := fetch.NewChunk(job.Cursor, job.Cursor.Epoch.Load())
	c.CatchUp, c.Start, c.Next = job.CatchUpJob, job.From, job.From+1
	fill(c)
	r.intake.take(c)
}

// readBack begins to read back the lines of a namespace that have left memory.
func (r *sessionRig) readBack(n *imports.Namespace) {
	n.Probed(true)
	r.lines.CatchUp.Namespaces = append(r.lines.CatchUp.Namespaces, n)
	r.intake.nextCatchUp(time.Now())
}

// What has no room is held where only a catch-up read meets it, and what is held as
// unread is not imported by one that can read it: a restart would import it again.
func TestSession_aCatchUpReadHoldsWhatHasNoRoom(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n, p := r.dropped(), r.part(0)
		r.readBack(n)
		r.takesBack(func(c *fetch.Chunk) {
			c.Next = 3
			c.Oversized = &fetch.Oversized{Last: 2, Records: 3, Timestamp: recordbatch.Time, Size: fetch.Size{Bytes: 70 << 20, Buffer: 280 << 20, Exact: true}}
		})
		if p.Ledger.Held() != 1 || !p.Ledger.Unread(0) || !p.Ledger.Unread(2) || p.Ledger.Unread(3) {
			t.Errorf("%d ranges are held, want offsets 0 to 2", p.Ledger.Held())
		}
		if mark := n.Shed[p]; mark == nil || mark.First != 3 {
			t.Fatalf("its lines are read back from %+v on, want 3", mark)
		}
		r.oversize(0, 15, 16, 2)
		r.takesBack(func(c *fetch.Chunk) {
			c.Start, c.Next = 3, 17
			for o := int64(13); o < 17; o++ {
				c.Add("bad", fetch.Line{Offset: o, Bytes: recordbatch.LineOf(o, "bad")})
			}
		})
		r.api.create = nil
		r.after(time.Minute)
		r.stored("bad", 13, 14)
		r.watermark(0, 0)
	})
}

// Nothing is read back of a partition whose topic may be another one. What waits there
// keeps no other partition waiting.
func TestSession_readsNothingBackOfALostPartition(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n := r.dropped()
		r.assignment.Lose(r.part(0), kafka.CodeUnknownTopicID)
		if r.readBack(n); r.lines.CatchUp.Task != nil {
			t.Error("lines of a lost partition are read")
		}
		r.assignment.Found(r.part(0), time.Now())
		if r.intake.nextCatchUp(time.Now()); r.lines.CatchUp.Task == nil {
			t.Error("the lines are not read once its topic is the same after all")
		}
	})
}

// Reading back rests ever longer while it fails, and no longer once it has succeeded.
func TestSession_aCatchUpReadThatSucceedsEndsTheRest(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.away = map[int32]bool{0: true}
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 0, 9)...)
		r.after(age)
		r.api.create = nil
		r.after(2 * r.Config.HoldProbeInterval)
		if r.lines.CatchUp.Backoff != fetch.MaxBackoff {
			t.Errorf("it rests for %s, want %s", r.lines.CatchUp.Backoff, fetch.MaxBackoff)
		}
		r.away = nil
		r.after(age)
		r.stored("bad", offsets(0, 9)...)
		if r.lines.CatchUp.Backoff != 0 || len(r.lines.CatchUp.Namespaces) != 0 {
			t.Errorf("it rests for %s after a success; %d namespaces wait for lines", r.lines.CatchUp.Backoff, len(r.lines.CatchUp.Namespaces))
		}
	})
}

// Who drains takes the records of refused batches without room, as nothing would take
// them later.
func TestSession_aDrainTakesRefusedRecordsWithoutRoom(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(*fakeImport) Outcome { return refusal }
		r.answers = 0
		r.feed(0, runOf("a", 0, 9)...)
		r.beginDrain(assignment.ForRebalance, time.Now())
		full := r.Budget.Limit()
		r.Budget.Charge(budget.Marks, full)
		r.takesBack(func(c *fetch.Chunk) {
			c.Next = 10
			c.Add("a", fetch.Line{Offset: 0, Bytes: recordbatch.LineOf(0, "a")})
		})
		r.Budget.Charge(budget.Marks, -full)
		if r.memory.pending != nil || len(r.lines.CatchUp.Refused) != 0 {
			t.Errorf("the read waits: %t; %d refused batches do", r.memory.pending != nil, len(r.lines.CatchUp.Refused))
		}
	}, refusedToLetters)
}

// The time that a partition is paused for what is held is counted as it passes.
func TestSession_countsPausesAsTheyPass(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, poison(0, assignment.MaxSingles-1)...)
		if r.part(0).State() != assignment.Paused {
			t.Fatalf("the partition is %s", r.part(0).State())
		}
		r.after(time.Minute)
		if got := r.metric("bridge_fetch_paused_seconds_total", "held"); got < 59 || got > 61 {
			t.Errorf("%v seconds of a minute are counted", got)
		}
	})
}
