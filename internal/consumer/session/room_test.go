package session

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/budget"
	"kafka-import-bridge/internal/consumer/fetch"
)

// TestSession_aWaitingChunkIsTriedAgain: while imports are under way when it would
// fit by what it cost, and in any case when none is, or it might wait for ever.
func TestSession_aWaitingChunkIsTriedAgain(t *testing.T) {
	const far = 1 << 40
	for _, c := range []struct {
		name   string
		flying int
		cost   int64 // as it was last found
		free   int64
		taken  bool
	}{
		{"it costs less by now and nothing is under way", 0, far, 1 << 20, true},
		{"it would not fit, and an import is under way", 1, far, 1 << 20, false},
		{"it would fit", 1, 1 << 10, 1 << 20, true},
		{"it costs more by now", 1, 1, 10, false},
		{"it does not fit, and nothing is under way", 0, far, 10, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newIntakeRig(t)
			s := r.session
			k := fetch.NewChunk(r.partition.Cursor, 0)
			k.Add("users", fetch.Line{Offset: 0, Bytes: []byte(`{"id":"a"}`)})
			k.Next, k.Records = 1, 1
			s.memory.pending, s.memory.pendingCost = k, c.cost
			for range c.flying {
				s.Pacer.Began(s.Pacer.Get("users"))
			}
			s.Budget.Charge(budget.Letters, s.Budget.Free()-c.free)
			s.intake.retryPending(time.Now())
			if taken := s.memory.pending == nil; taken != c.taken || r.partition.Ledger.Position() == 1 != c.taken {
				t.Errorf("taken: %v, position %d, want %v", taken, r.partition.Ledger.Position(), c.taken)
			}
		})
	}
}
