package session

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
)

// TestSession_aGroupWhoseOffsetsAreGoneIsNotNew: a topic's offsets vanish with
// it. A process that has known some starts what came instead at its beginning.
func TestSession_aGroupWhoseOffsetsAreGoneIsNotNew(t *testing.T) {
	for _, tc := range []struct {
		name      string
		committed bool // by an earlier session of the process
		stored    int
	}{{"a new group starts at the end", false, 0}, {"one that has committed starts at the beginning", true, 2}} {
		t.Run(tc.name, func(t *testing.T) {
			runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
				time.Sleep(age + time.Second)
				close(r.stop)
				r.offset(4)
				if n := len(r.api.stored["good"]); n != tc.stored {
					t.Errorf("%d lines were stored, want %d", n, tc.stored)
				}
				if !r.session.known {
					t.Error("the next session does not know that the group has committed")
				}
			}, func(s *Session) { s.cfg.OffsetReset, s.known = ledger.ResetLatest, tc.committed })
		})
	}
}
