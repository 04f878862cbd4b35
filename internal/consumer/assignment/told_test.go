package assignment

import (
	"errors"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/discovery"
	"kafka-import-bridge/internal/consumer/fetch"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// oversized returns a chunk that holds a batch of three records which has no room.
func oversized(p *Partition) *fetch.Chunk {
	c := fetch.NewChunk(p.Cursor, 0)
	c.Start, c.Next, c.Oversized = 5, 8, &fetch.Oversized{Last: 7, Records: 3}
	return c
}

// A batch that has no room is held, but not where all of it is done or left out by name.
// What is left out is counted when it is read, not again when it is read for others.
func TestHoldRange_onlyWhatIsOwed(t *testing.T) {
	for _, tc := range []struct {
		name          string
		done          ledger.Frontier
		skip          ledger.Offsets
		catchUp       bool
		held, skipped int
	}{
		{"it is owed", ledger.Frontier{}, nil, false, 1, 0},
		{"an earlier owner has done it", ledger.Frontier{Below: 8}, nil, false, 0, 0},
		{"an earlier owner has done some of it", ledger.Frontier{Below: 7}, nil, false, 1, 0},
		{"it is left out by name", ledger.Frontier{}, ledger.Offsets{{First: 5, Last: 7}}, false, 0, 3},
		{"some of it is left out by name", ledger.Frontier{}, ledger.Offsets{{First: 6, Last: 7}}, false, 1, 0},
		{"it is left out by name, and read again", ledger.Frontier{}, ledger.Offsets{{First: 5, Last: 7}}, true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				p := r.part("orders", 0)
				p.Ledger = ledger.New(0, tc.done)
				r.Config.SkipRecords = map[kafka.TopicPartition]ledger.Offsets{p.TopicPartition: tc.skip}
				c := oversized(p)
				if tc.catchUp {
					c.CatchUp = &fetch.CatchUpJob{}
				}
				r.assignment.HoldRange(p, c, time.Now())
				rejected := r.metric("bridge_records_rejected_total", "")
				if p.Ledger.Held() != tc.held || len(p.Ranges) != tc.held || p.Ledger.Singles() != tc.held || rejected != float64(3*tc.held) {
					t.Errorf("%d ranges are held, for %v, want %d; %v records are counted", p.Ledger.Held(), p.Ranges, tc.held, rejected)
				}
				if n := r.metric("bridge_records_skipped_total", ""); n != float64(tc.skipped) {
					t.Errorf("%v records are left out, want %d", n, tc.skipped)
				}
				for node := range p.Ledger.All {
					if r.assignment.ReleaseHeld(p, node); p.Ledger.Held() != 0 || len(p.Ranges) != 0 {
						t.Errorf("after its release %d ranges are held, for %v", p.Ledger.Held(), p.Ranges)
					}
				}
			})
		})
	}
}

// The reason that /status shows is the one of the record that the commit waits for. Where
// that is not remembered, none of another record stands for it.
func TestPartition_heldFor(t *testing.T) {
	s, p := newAssignment(t)
	hold := func(offset int64, reason string) { s.HoldRecord(p, offset, 0, reason, time.Now()) }
	release := func() { s.ReleaseHeld(p, p.Ledger.Oldest()) }
	wait := func(offset int64, reason string) {
		t.Helper()
		n := p.Ledger.Oldest()
		got := p.heldFor(n)
		if known := got == "first" || got == "second" || got == "earlier" || got == "last"; n.First != offset || known && got != reason || !known && (got == "" || reason != "") {
			t.Errorf("the commit waits for %d because of %q, want %d and %q", n.First, got, offset, reason)
		}
	}
	hold(3, "first")
	hold(5, "second")
	wait(3, "first")
	hold(1, "earlier") // as of a batch that is refused later
	wait(1, "earlier")
	release()
	wait(3, "")
	hold(8, "last")
	wait(3, "")
	release()
	release()
	wait(8, "last")
}

// Of the positions that are not in the log, those below its start have lost records, and
// only those: behind its end there are none to lose.
func TestTellReset_countsWhatIsLost(t *testing.T) {
	for reset, want := range map[string]float64{"below_log_start": 5, "beyond_end": 0, "recreated": 0} {
		inCommitter(t, func(r *rig) {
			r.assignment.ReportReset(&discovery.Start{TopicPartition: orders0, At: ledger.Start{Reset: reset, Gap: 5}})
			if n := r.metric("bridge_records_lost_total", "orders"); n != want {
				t.Errorf("%s: %v records are lost, want %v", reset, n, want)
			}
			if n := r.metric("bridge_offset_resets_total", ""); n != 1 {
				t.Errorf("%s: %v resets are counted", reset, n)
			}
		})
	}
}

// A drain goes on without a coordinator, since nobody else can have the partitions; a
// stop does not wait for one.
func TestOrphaned(t *testing.T) {
	for _, tc := range []struct {
		away   bool
		reason DrainReason
		want   bool
	}{
		{false, ForRebalance, false},
		{true, ForRebalance, true},
		{false, ForShutdown, false},
		{true, ForShutdown, false},
	} {
		g := Generation{CoordinatorAway: tc.away, Drain: DrainState{Reason: tc.reason}}
		if got := g.Orphaned(); got != tc.want {
			t.Errorf("coordinator away %t, reason %d: %t", tc.away, tc.reason, got)
		}
	}
}

// Which generation of a new group has resolved a start stands beside its offset: else
// another member of the same generation would take the group for an old one, and start at
// the other end of its log.
func TestCommitOf_saysWhoResolvedTheStart(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p := r.part("orders", 0)
		p.Born = r.Member.Generation
		if m, err := ledger.Decode(r.CommitOf(p).Metadata); err != nil || m.Born != r.Member.Generation {
			t.Errorf("the start is of generation %d, want %d: %v", m.Born, r.Member.Generation, err)
		}
	})
}

// What /status shows of a partition.
func TestPartition_Status(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p, now := r.part("orders", 0), time.Now()
		p.Cursor.HighWatermark.Store(100)
		p.Cursor.StableOffset.Store(90)
		p.Ledger.Advance(70)
		p.Committed = 40
		for _, tc := range []struct {
			name      string
			committed int64
			before    func()
			state     string
			lag       int64
			failing   bool
		}{
			{"read", 40, func() {}, "reading", 60, false},
			{"read, and committed nowhere", -1, func() {}, "reading", 30, false},
			{"denied", 40, func() { p.Denied.Refused(now) }, "reading", 60, true},
			{"lines are shed", 40, func() {
				p.Denied = Denial{}
				_ = r.assignment.Tracked(p.Ledger.Track(ledger.Shed, "acme", 50, 0, now))
			}, "held", 60, false},
			{"it cannot be read either", 40, func() { r.assignment.Fail(p, errors.New("no leader"), false, false) }, "held", 60, true},
		} {
			p.Committed = tc.committed
			tc.before()
			got := p.Status(now)
			if got.State != tc.state || got.LagRecords != tc.lag || (got.Error != nil) != tc.failing || got.Unread != 20 {
				t.Errorf("%s: %s, %d records behind, %d unread, an error: %t", tc.name, got.State, got.LagRecords, got.Unread, got.Error != nil)
			}
		}
	})
}

// What compaction has removed is lost, and counted as such.
func TestTellCompacted(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.assignment.ReportCompacted(r.part("orders", 0), 5, 3)
		if n := r.metric("bridge_records_lost_total", "orders"); n != 3 {
			t.Errorf("%v records are lost, want 3", n)
		}
	})
}
