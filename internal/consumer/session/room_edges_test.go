package session

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/pace"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/record"
	"kafka-import-bridge/test/recordbatch"
)

// Records that become dead letters take memory like lines: their chunk waits for it.
func TestSession_deadLettersNeedRoom(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		const most = 50 << 10
		n := r.Budget.Free() - most
		r.Budget.Charge(budget.Marks, n)
		r.feed(0, recordbatch.Record{Offset: 0, Value: []byte(strings.Repeat("x", 2*most))})
		if r.memory.pending == nil || r.Budget.Free() < 0 {
			t.Errorf("%d bytes are free; the chunk waits: %t", r.Budget.Free(), r.memory.pending != nil)
		}
		r.Budget.Charge(budget.Marks, -n)
		r.after(time.Second)
		lettered(t, r.letters, 0, 0)
	}, func(c *process.Config) { c.OnInvalid = record.DeadLetter })
}

// Where memory is short no more batches are cut off early than can be sent, and one
// that follows them: the others grow on, and are fewer imports.
func TestSession_memoryThatIsShortEndsNoMoreBatchesThanCanBeSent(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes = time.Hour
		const namespaces = 20
		for o := range int64(namespaces) {
			r.feed(0, recordbatch.InNS(o, fmt.Sprint("ns", o)))
		}
		r.fillMemory()
		r.feed(0, recordbatch.InNS(namespaces, "more"))
		slots := r.Config.UploadConcurrency
		if open, flying := r.lines.Batches.Len(), r.Pacer.InFlight(); r.memory.pending == nil || flying != slots || open != namespaces-slots-1 {
			t.Errorf("%d batches are open and %d are sent, want %d and %d; the chunk waits: %t", open, flying, namespaces-slots-1, slots, r.memory.pending != nil)
		}
	})
}

// Batches that are old enough are sent with every slot there is; what has none grows on.
func TestSession_agedBatchesFillTheSlots(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.takes = time.Hour
		const namespaces = 7
		for o := range int64(namespaces) {
			r.feed(0, recordbatch.InNS(o, fmt.Sprint("ns", o)))
		}
		r.after(age + time.Second)
		slots := r.Config.UploadConcurrency
		if open, flying := r.lines.Batches.Len(), r.Pacer.InFlight(); flying != slots || open != namespaces-slots {
			t.Errorf("%d batches are open and %d are sent, want %d and %d", open, flying, namespaces-slots, slots)
		}
	})
}

// The time in which any partition is not read though it could be is counted once.
func TestSession_countsPauses(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.after(time.Minute)
		r.assignment.Await(r.part(0), assignment.AwaitsLetters)
		r.after(10 * time.Second)
		r.assignment.Await(r.part(1), assignment.AwaitsLetters)
		r.after(20 * time.Second)
		if got := r.metric("bridge_fetch_paused_seconds_total", "held"); got != 30 {
			t.Errorf("%v seconds are counted, want 30", got)
		}
		r.assignment.Resume(assignment.AwaitsLetters)
		r.after(time.Minute)
		if got := r.metric("bridge_fetch_paused_seconds_total", "held"); got != 30 {
			t.Errorf("%v seconds are counted after the pause, want 30", got)
		}
	})
}

// What a trial has read back stays in memory until it was tried, or the namespace would
// be read again and again without an attempt.
func TestSession_aTrialIsTriedBeforeItLeavesMemory(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		r.api.create = only("a", overloaded)
		r.api.put = func(i *fakeImport) Outcome {
			if i.namespace == "slow" {
				time.Sleep(time.Minute)
			}
			return accepted
		}
		r.feed(0, runOf("a", 0, 9)...)
		r.after(time.Second)
		r.feed(0, runOf("good", 10, 19)...)
		r.memory.relieve(1<<40, time.Now())
		r.api.create, r.answers = nil, 0 // a probe succeeds, and what it asks for is not read yet
		r.after(overloaded.Delay)
		r.feed(0, runOf("slow", 20, 29)...) // takes the only slot
		r.answers = 1
		r.settleDown()
		n := r.lines.Lookup("a")
		if n == nil || n.State() != pace.Trial || len(n.Uploads) != 1 {
			r.t.Fatalf("no batch of a trial waits for a slot: %+v", n)
		}
		r.memory.relieve(1<<40, time.Now())
		if len(n.Uploads) != 1 {
			t.Error("the batch of the trial has left memory untried")
		}
		r.answers = 100
		r.after(2 * time.Minute)
		r.stored("a", offsets(0, 9)...)
	}, func(c *process.Config) { c.UploadConcurrency = 1 })
}
