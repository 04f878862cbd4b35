package session

import (
	"testing"
	"testing/synctest"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
)

func twoAtOnce(c *process.Config) { c.NamespaceConcurrency = 2 }

// A batch that was under way when its namespace was held leaves memory when it fails.
func TestSession_whatFailsWhileItsNamespaceIsHeldLeavesMemory(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(i *fakeImport) Outcome {
			if i.ids()[0] == "10" {
				time.Sleep(2 * time.Second)
				return Outcome{Class: Retry, Status: 503, Delay: time.Hour, Err: overloaded.Err}
			}
			return refusal
		}
		r.feed(0, runOf("a", 0, 19)...)
		r.after(time.Second)
		if r.Pool.InUse() == 0 {
			t.Fatal("nothing is under way: the test shows nothing")
		}
		if r.after(2 * time.Second); r.Pool.InUse() != 0 {
			t.Errorf("%d bytes of a held namespace stay in memory", r.Pool.InUse())
		}
		r.api.put = nil
		r.after(2 * time.Hour)
		r.stored("a", offsets(0, 19)...)
		r.watermark(0, 20)
	}, twoAtOnce)
}

// Each mark is charged to the budget once, however often it moves: else marks would
// fill it in time, and partitions pause for ever.
func TestSession_aMarkThatMovesIsChargedOnce(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 0, 9)...)
		one := r.Budget.Held(budget.Marks)
		r.api.create = nil
		r.after(2 * r.Config.HoldProbeInterval)
		r.watermark(0, 10)
		r.api.create = only("bad", refusal)
		r.feed(0, runOf("bad", 10, 49)...) // four batches, of which the last leaves memory first
		if got := r.Budget.Held(budget.Marks); one == 0 || got != one {
			t.Errorf("%d bytes are charged for a mark after it has moved, want %d", got, one)
		}
		r.api.create = nil
		r.after(2 * r.Config.HoldProbeInterval)
		r.watermark(0, 50)
		if got := r.Budget.Held(budget.Marks); got != 0 {
			t.Errorf("%d bytes are charged for no mark", got)
		}
	})
}

// A record that was held, and leaves memory alone when its namespace is held, is read
// back and stored alone.
func TestSession_aReleasedRecordComesBackToMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := runOf("a", 0, 9)
		log[3].Value = []byte(`{"id":3,"n":"3","ns":["a"]}`)
		r := newSessionRig(t, nil)
		r.feed(0, log...)
		r.after(age)
		o := r.commits.CommitOf(r.part(0))
		stored := r.api.stored

		r = newSessionRig(t, map[kafka.TopicPartition]kafka.CommitOffset{o.TopicPartition: o}, func(c *process.Config) { c.Record.IDNumbers = true })
		r.api.stored, r.api.create = stored, only("a", refusal)
		r.feed(0, log[3:]...)
		r.after(age)
		if used := r.Pool.InUse(); used != 0 || r.part(0).Ledger.Singles() != 0 {
			t.Errorf("%d bytes are in memory, %d single records are tracked", used, r.part(0).Ledger.Singles())
		}
		r.watermark(0, 3)
		r.api.create = nil
		r.after(2 * r.Config.HoldProbeInterval)
		r.stored("a", 0, 1, 2, 4, 5, 6, 7, 8, 9, 3)
		r.watermark(0, 10)
	})
}

// Where little was read because nothing could be stored, reading is free again once
// something is.
func TestSession_whatIsStoredMakesReadingFree(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes = 5 * time.Second
		r.feed(0, runOf("a", 0, 9)...)
		now := time.Now()
		r.Taste.Begin(now)
		if r.Taste.Read(1 << 40); r.Taste.Allows(now) {
			t.Fatal("reading is free: the test shows nothing")
		}
		r.after(6 * time.Second)
		r.stored("a", offsets(0, 9)...)
		if !r.Taste.Allows(now) {
			t.Error("little is read though something was stored")
		}
	})
}

// Lines of several refused batches are counted once for the hold, whichever of the
// batches was refused last.
func TestSession_linesOfALaterRefusalHideNoEarlierOnes(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.put = func(i *fakeImport) Outcome {
			if i.ids()[0] == "10" {
				time.Sleep(time.Second)
			}
			return refusal
		}
		r.feed(0, runOf("a", 0, 19)...)
		r.after(2 * time.Second)
		r.wantRefused(20)
		puts := r.api.puts["a"]
		if r.after(3 * r.Config.HoldProbeInterval); r.api.puts["a"] <= puts {
			t.Fatal("nothing is tried again: the test shows nothing")
		}
		r.wantRefused(20)
	}, twoAtOnce)
}

// A drain stores what is open, however many receipts are not acknowledged.
func TestSession_aDrainStoresWithoutRoomForReceipts(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.Receipts = &fakeReceipts{bytes: r.Budget.ReceiptsCeiling()}
		r.feed(0, runOf("a", 0, 9)...)
		r.stored("a")
		r.beginDrain(assignment.ForRebalance, time.Now())
		r.settleDown()
		r.stored("a", offsets(0, 9)...)
	})
}
