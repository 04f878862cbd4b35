package session

import (
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/imports"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/letters"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/test/recordbatch"
)

// dropped makes a session in which the lines of the namespace bad have left
// memory, from offset 0 of partition 0 on.
func (r *sessionRig) dropped() *imports.Namespace {
	r.t.Helper()
	r.answers = 0
	r.api.create = only("bad", overloaded)
	r.feed(0, runOf("bad", 0, 14)...)
	r.after(time.Second)
	n := r.lines.Namespace("bad")
	r.lines.Shed(n, time.Now())
	if n.Shed[r.part(0)] == nil || n.Shed[r.part(0)].First != 0 {
		r.t.Fatal("the lines have not left memory")
	}
	return n
}

// A catch-up chunk that begins behind a namespace's mark, as when the mark was set
// while the read was under way, brings none of its lines and moves nothing.
func TestSession_aChunkBehindTheMarkIsNotTaken(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n, p := r.dropped(), r.part(0)
		n.Probed(true) // a trial reads back
		c := fetch.NewChunk(p.Cursor, p.Cursor.Epoch.Load())
		c.Start, c.Next = 5, 8
		c.CatchUp = &fetch.CatchUpJob{Cursor: p.Cursor, From: 5, Wanted: map[string]bool{"bad": true}}
		c.Add("bad", fetch.Line{Offset: 6, Bytes: recordbatch.LineOf(6, "bad")})
		r.intake.takeLines(c, p, time.Now())
		if b, ok := r.lines.Batches.Open("bad"); ok {
			t.Errorf("%d lines behind the mark are taken", b.Records)
		}
		if mark := n.Shed[p]; mark == nil || mark.First != 0 {
			t.Errorf("the mark has moved: %+v", mark)
		}
		c.Recycle()
	})
}

// A log that starts over owes nothing of its old history: marks would be of it.
func TestSession_aTruncationTakesTheMarksAlong(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n := r.dropped()
		r.intake.startOver(r.part(0), 0, ledger.Frontier{})
		if len(n.Shed) != 0 {
			t.Errorf("marks stay: %v", n.Shed)
		}
	})
}

// What Kafka has removed is passed: neither the position nor the watermark stays
// below the log start.
func TestSession_thePositionPassesWhatWasRemoved(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.part(0)
		r.intake.relocated(p, &fetch.Fault{Kind: fetch.FaultOutOfRange}, kafka.Range{Begin: 50, End: 100, Stable: 100}, time.Now())
		if p.Ledger.Position() != 50 || p.Ledger.Watermark() != 50 {
			t.Errorf("position %d, watermark %d, want 50", p.Ledger.Position(), p.Ledger.Watermark())
		}
	})
}

// A drain that finds no coordinator does not end with its time: nobody can expel
// the member. A stop does.
func TestSession_aDrainWithoutACoordinatorGoesOn(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.Mode, r.Drain.Deadline, r.CoordinatorAway = assignment.Draining, time.Now().Add(-time.Second), true
		for reason, over := range map[assignment.DrainReason]bool{assignment.ForRebalance: false, assignment.ForShutdown: true} {
			if r.Drain.Reason = reason; r.over() != over {
				t.Errorf("reason %d: over is %t", reason, !over)
			}
		}
		r.Drain.Reason, r.CoordinatorAway = assignment.ForRebalance, false
		if !r.over() {
			t.Error("it goes on though there is a coordinator")
		}
	})
}

// A stop does not wait for batches of a namespace that a policy holds.
func TestSession_aStopWaitsForNothingThatIsHeld(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		n := r.lines.Namespace("bad")
		n.Uploads = []*imports.Upload{{Namespace: n}}
		r.Mode, r.Drain.Reason = assignment.Draining, assignment.ForShutdown
		if !r.unsettled(time.Now()) {
			t.Error("it waits for no import")
		}
		n.Refuse(time.Now(), "create_422", time.Minute, nil)
		if r.unsettled(time.Now()) {
			t.Error("it waits for an import that is held")
		}
		n.Uploads = nil
	})
}

// A chunk costs what its batches cost, and what is kept of its share of each.
func TestSession_theEstimateHoldsThePieces(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		c := fetch.NewChunk(r.part(0).Cursor, 0)
		line := recordbatch.LineOf(0, "a")
		c.Add("a", fetch.Line{Bytes: line})
		lines, batches := r.lines.Batches.CostRun("a", 1, int64(len(line))+1)
		r.memory.room(c, time.Now())
		if want := lines + batches*imports.PieceBytes; r.memory.pendingCost != want {
			t.Errorf("the estimate is %d, want %d", r.memory.pendingCost, want)
		}
		c.Recycle()
	})
}

// Who may have lost the partitions writes no dead letter.
func TestSession_noDeadLetterWithoutTheLease(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.Member.Lease.End()
		r.deadLetters.Post(r.part(0), &letters.Letter{}, time.Now())
		r.deadLetters.Send(time.Now())
		if r.deadLetters.Queue.InFlight() {
			t.Error("a dead letter is written")
		}

	})
}

// A large answer is granted memory only where the rest of the budget has it.
func TestSession_largeAnswersAreGrantedRoomThatThereIs(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		var got *fetch.Buffer
		go func() { got, _ = r.Fetched.Lend(r.t.Context(), r.Fetched.Ceiling) }()
		synctest.Wait()
		if r.Fetched.Wanted() == 0 {
			t.Fatal("the answer needs no grant")
		}
		filled := r.Budget.Limit() - r.Fetched.Ceiling/2
		r.Budget.Charge(budget.Letters, filled)
		r.memory.grantLarge(time.Now())
		if synctest.Wait(); got != nil {
			t.Error("granted without room")
		}
		r.Budget.Charge(budget.Letters, -filled)
		r.memory.grantLarge(time.Now())
		if synctest.Wait(); got == nil {
			t.Fatal("not granted though there is room")
		}
		got.Release()
	})
}

// Who was put out before the first commit remembers no commit that somebody else has set
// by hand.
func TestSession_remembersNoCommitThatItHasNotSent(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.feed(0, runOf("a", 0, 9)...)
		r.after(time.Second)
		r.commits.Remember()
		tp := r.part(0).TopicPartition
		if _, ok := r.Recollections.Recall(tp, ownTopic, kafka.Committed{Offset: -1}); !ok {
			t.Error("what was stored is not remembered")
		}
		if c, ok := r.Recollections.Recall(tp, ownTopic, kafka.Committed{Offset: 0}); ok {
			t.Errorf("the group's offset was set to 0, and reading would go on at %d", c.Offset)
		}
	})
}
