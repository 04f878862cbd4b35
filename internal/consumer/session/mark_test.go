package session

import (
	"fmt"
	"testing"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/test/recordbatch"
)

// TestMarks_whereTheyDoNotFitThePartitionPauses: the others go on, and it goes on
// once namespaces are taken again.
func TestMarks_whereTheyDoNotFitThePartitionPauses(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		good := func(ns string) Outcome {
			if ns == "good" {
				return accepted
			}
			return refusal
		}
		r.api.create = good
		most := int(r.Budget.Ceiling(budget.Marks)/800 /* a mark and its namespace */) + 10
		// Each is refused once, before more of it is read.
		for i := range most {
			r.feed(0, recordbatch.InNS(int64(i), fmt.Sprint("n", i)))
		}
		r.after(age)
		for i := range most {
			r.feed(1, recordbatch.InNS(int64(i), fmt.Sprint("n", i)))
		}
		r.settleDown()
		p := r.part(1)
		if held, most := r.Budget.Held(budget.Marks), r.Budget.Ceiling(budget.Marks)*12/10; held > most || p.State() != assignment.Paused {
			t.Fatalf("%d bytes of marks, want at most %d; partition 1 is %s", held, most, p.State())
		}
		if st := r.status().Partitions[1]; st.Error == nil || *st.Error != p.PauseReason() {
			t.Errorf("the status says %v", st.Error)
		}
		r.feed(0, recordbatch.InNS(int64(most), "good"))
		r.after(age)
		r.stored("good", int64(most))
		r.api.create = nil
		r.after(3 * r.Config.HoldProbeInterval)
		if p.State() == assignment.Paused || r.Budget.Held(budget.Marks) != 0 {
			t.Errorf("partition 1 is %s; %d bytes of marks are charged", p.State(), r.Budget.Held(budget.Marks))
		}
	}, func(c *process.Config) { c.BufferMaxBytes = 1 << 20 })
}
