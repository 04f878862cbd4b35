package session

import (
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/consumer/process"
	"kafka-import-bridge/internal/kafka"
)

// TestSession_aGroupWhoseOffsetsAreGoneIsNotNew: a topic's offsets vanish with
// it. A process that has known some starts what came instead at its beginning.
func TestSession_aGroupWhoseOffsetsAreGoneIsNotNew(t *testing.T) {
	for _, tc := range []struct {
		name      string
		reset     ledger.OffsetReset
		committed bool // by an earlier session of the process
		stored    int
	}{
		{"a new group starts at the end", ledger.ResetLatest, false, 0},
		{"one that has committed starts at the beginning", ledger.ResetLatest, true, 2},
		{"a new group starts at a time, which no record has", ledger.ResetAt(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), false, 0},
		{"one that has committed starts at the beginning for all the time", ledger.ResetAt(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)), true, 2},
		{"a new group starts at a time, which all records have", ledger.ResetAgo(time.Hour), false, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
				time.Sleep(age + time.Second)
				close(r.stop)
				r.offset(4)
				if n := len(r.api.lines("good")); n != tc.stored {
					t.Errorf("%d lines were stored, want %d", n, tc.stored)
				}
				if !r.session.Known {
					t.Error("the next session does not know that the group has committed")
				}
			}, func(s *Session) { s.Config.OffsetReset, s.Known = tc.reset, tc.committed })
		})
	}
}

// TestSession_owesTheStartOfANewGroup: where the next owner could start elsewhere, a
// drain commits the start although nothing was read from it, be it the log's own.
func TestSession_owesTheStartOfANewGroup(t *testing.T) {
	for reset, want := range map[ledger.OffsetReset]bool{
		ledger.ResetEarliest: false, ledger.ResetHold: false, ledger.ResetLatest: true,
		ledger.ResetAt(time.Unix(0, 0)): true, ledger.ResetAgo(time.Hour): true,
	} {
		inSession(t, func(r *sessionRig) {
			if got := r.commits.OwesCommit(); got != want {
				t.Errorf("%v: the start at %d is owed: %t", reset, r.part(0).Ledger.Position(), got)
			}
		}, func(c *process.Config) { c.OffsetReset = reset })
	}
}

// TestSession_aStartThatWasNeverCommittedDoesNotMove: the next session of the process
// goes on from it, and its commit says as before that the group is new, so that other
// partitions start as a new group's.
func TestSession_aStartThatWasNeverCommittedDoesNotMove(t *testing.T) {
	inSession(t, func(r *sessionRig) {
		p := r.part(0)
		text, _ := ledger.New(400, ledger.Frontier{}).Encode(r.commits.MetadataOf(p), ledger.MaxMetadata)
		r.Recollections[p.TopicPartition] = discovery.Recollection{TopicID: p.TopicID, Acked: ledger.CommitPoint{Offset: -1}, Known: ledger.CommitPoint{Offset: 400, Metadata: text}, Epoch: -1}
		p.Cursor, p.Born = nil, 0
		found := r.starting().Place(p.TopicPartition, kafka.Committed{Offset: -1, LeaderEpoch: -1}, kafka.Range{End: 1000, Stable: 1000, Since: 700}, true)
		r.open([]discovery.Start{found}, time.Now())
		if got := p.Ledger.Position(); got != 400 || !found.Recalled {
			t.Errorf("it starts at %d, want 400", got)
		}
		if m := r.commits.MetadataOf(p); m.Born != r.Member.Generation {
			t.Errorf("its commit is of generation %d, want %d", m.Born, r.Member.Generation)
		}
	}, func(c *process.Config) { c.OffsetReset = ledger.ResetAgo(time.Hour) })
}
