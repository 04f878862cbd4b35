package assignment

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

// doubted has committed everything, and then a commit of orders/0 at 6 without an
// answer.
func (r *rig) doubted() {
	for _, p := range r.assignment.Partitions {
		r.done(p, 5)
	}
	r.turn()
	r.answers("", silence)
	r.done(r.part("orders", 0), 6)
	r.until(100 * time.Millisecond)
	r.answers("", kafka.CodeOK)
	r.sent()
}

func TestLastCommit_waitsForNoTurn(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.done(r.part("orders", 0), 5)
		r.turn()
		r.done(r.part("orders", 0), 6)
		began := time.Now()
		r.LastCommit()
		if p := r.part("orders", 0); p.Committed != 6 || time.Since(began) != 0 {
			t.Errorf("committed %d after %s", p.Committed, time.Since(began))
		}
		r.sent()
		if r.LastCommit(); r.sent() != nil || r.asked != 0 {
			t.Error("it goes on though nothing is new")
		}
	})
}

// What rests, as it was denied, is tried at last: it may be permitted by now.
func TestLastCommit_ofADeniedTopic(t *testing.T) {
	for _, permitted := range []bool{true, false} {
		t.Run(fmt.Sprintf("permitted by now %t", permitted), func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				r.answers("users", kafka.CodeTopicDenied)
				r.done(r.part("users", 0), 5)
				r.turn()
				r.sent()
				r.Mode, r.Drain.Deadline = Draining, time.Now().Add(time.Hour)
				if permitted {
					r.answers("", kafka.CodeOK)
				}
				r.LastCommit()
				if got := r.one(); got[users0] != 5 || r.OwesCommit() == permitted {
					t.Errorf("committed %v; more is owed: %t", got, r.OwesCommit())
				}
			})
		})
	}
}

// After a commit without an answer the group is asked for what it has.
func TestLastCommit_readsBackInDoubt(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.doubted()
		r.LastCommit()
		if got := r.one(); len(got) != 4 || got[orders0] != 6 || r.asked != 1 || r.Schedule.unsure {
			t.Errorf("committed %v, asked %d times, in doubt %t", got, r.asked, r.Schedule.unsure)
		}
	})
}

// Also where everything has been committed since.
func TestLastCommit_readsBackWithNothingNew(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.doubted()
		r.until(time.Second)
		if r.Schedule.Touched() || !r.Schedule.unsure {
			t.Fatalf("something new: %t, in doubt: %t", r.Schedule.Touched(), r.Schedule.unsure)
		}
		if r.LastCommit(); r.asked != 1 || r.Schedule.unsure {
			t.Errorf("asked %d times, in doubt %t", r.asked, r.Schedule.unsure)
		}
	})
}

// A commit without an answer that is applied after the last one is overwritten, also
// where it differs in the metadata only.
func TestLastCommit_overwritesALateOne(t *testing.T) {
	for name, late := range map[string]ledger.CommitPoint{"offset": {Offset: 5, Metadata: "m"}, "metadata": {Offset: 6, Metadata: "other"}} {
		t.Run(name, func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				r.doubted()
				r.told = func(tp kafka.TopicPartition) (ledger.CommitPoint, kafka.Code) {
					if r.asked == 1 && tp == orders0 {
						return late, kafka.CodeOK
					}
					return r.group[tp], kafka.CodeOK
				}
				r.LastCommit()
				if got := r.sent(); len(got) != 2 || len(got[1]) != 1 || got[1][orders0] != 6 || r.asked != 2 || r.Schedule.unsure {
					t.Errorf("committed %v, asked %d times, in doubt %t", got, r.asked, r.Schedule.unsure)
				}
			})
		})
	}
}

// A group that cannot be asked leaves the doubt. It is tried three times.
func TestLastCommit_withoutAReadBack(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.doubted()
		r.told = func(kafka.TopicPartition) (ledger.CommitPoint, kafka.Code) { return ledger.CommitPoint{}, silence }
		if r.LastCommit(); !r.Schedule.unsure {
			t.Error("certain without an answer")
		}
	})
	inCommitter(t, func(r *rig) {
		r.done(r.part("orders", 0), 5)
		r.answers("", kafka.CodeCoordinatorLoading)
		r.LastCommit()
		if got := r.sent(); len(got) != 3 {
			t.Errorf("%d last commits, want 3", len(got))
		}
	})
}

// What the group may not tell of a denied topic, and what was never committed, says
// nothing.
func TestLastCommit_readsBackWhatItCan(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.doubted()
		r.part("orders", 1).Committed = -1
		r.part("orders", 1).AsFound = nil
		r.answers("orders", kafka.CodeNotCoordinator)
		r.told = func(tp kafka.TopicPartition) (ledger.CommitPoint, kafka.Code) {
			if tp.Topic == "users" {
				return ledger.CommitPoint{Offset: -1}, kafka.CodeTopicDenied
			}
			if tp == orders1 {
				t.Error("asked for what was never committed")
			}
			return r.part("orders", 0).Acked, kafka.CodeOK
		}
		if r.LastCommit(); r.Schedule.unsure {
			t.Error("in doubt still")
		}
	})
}

// A stop waits for no broker much beyond its deadline.
func TestLastCommit_keepsTheDeadlineOfAStop(t *testing.T) {
	for _, tc := range []struct {
		reason DrainReason
		left   time.Duration // until the deadline
		want   time.Duration
	}{
		{ForShutdown, -LeavePatience, 0},
		{ForShutdown, -time.Second, LeavePatience - time.Second},
		{ForShutdown, time.Hour, time.Minute}, // three times a commit and the question for it
		{ForRebalance, -time.Hour, time.Minute},
	} {
		t.Run(fmt.Sprint(tc.reason, tc.left), func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				r.takes = time.Minute
				r.done(r.part("orders", 0), 5)
				began := time.Now()
				r.Mode, r.Drain = Draining, DrainState{Reason: tc.reason, Deadline: began.Add(tc.left)}
				if r.LastCommit(); time.Since(began) != tc.want {
					t.Errorf("it takes %s, want %s", time.Since(began), tc.want)
				}
				if n := r.metric("bridge_commits_total", "error"); tc.want == 0 && n != 0 {
					t.Errorf("%v failures of commits for which there was no time", n)
				}
				time.Sleep(4 * r.takes)
			})
		})
	}
}

func TestLastCommit_endsWhereAnotherMemberTookOver(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.doubted()
		r.answers("", kafka.CodeUnknownMember)
		if r.LastCommit(); len(r.sent()) != 1 || r.asked != 0 {
			t.Error("it goes on")
		}
	})
}

func TestOwesCommit(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*rig, *Partition)
		want   bool
	}{
		"nothing new":         {func(*rig, *Partition) {}, false},
		"an offset":           {func(r *rig, p *Partition) { p.Ledger.Advance(6) }, true},
		"metadata alone":      {func(_ *rig, p *Partition) { p.Acked.Metadata = "another" }, true},
		"a lost partition":    {func(r *rig, p *Partition) { p.Ledger.Advance(6); r.assignment.Lose(p, kafka.CodeUnknownTopic) }, false},
		"a held partition":    {func(r *rig, p *Partition) { p.Ledger.Advance(6); r.assignment.HoldOut(p, errors.New("held")) }, false},
		"one without a start": {func(_ *rig, p *Partition) { p.Ledger.Advance(6); p.Cursor = nil }, false},
		"a start, nothing read": {func(_ *rig, p *Partition) {
			p.Committed, p.Acked = -1, ledger.CommitPoint{}
			p.Cursor.LogStart.Store(5)
		}, false},
		"a start, and more": {func(_ *rig, p *Partition) {
			p.Committed, p.Acked = -1, ledger.CommitPoint{}
			p.Cursor.LogStart.Store(4)
		}, true},
		"a start of a new group": {func(r *rig, p *Partition) {
			p.Committed, p.Acked = -1, ledger.CommitPoint{}
			p.Cursor.LogStart.Store(5)
			r.Config.OffsetReset = ledger.ResetLatest
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				for _, p := range r.assignment.Partitions {
					r.done(p, 5)
				}
				r.turn()
				p := r.part("orders", 0)
				if tc.change(r, p); r.OwesCommit() {
					t.Error("something is owed that was never touched")
				}
				p.Touch()
				if got := r.OwesCommit(); got != tc.want {
					t.Errorf("owed: %t, want %t", got, tc.want)
				}
			})
		})
	}
}
