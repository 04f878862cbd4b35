package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/assignment"
	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
)

func TestSession_aRebalanceWaitsForNoBackoff(t *testing.T) {
	runningSession(t, func(r *sessionRun) { r.api.create = only("bad", overloaded) }, func(r *sessionRun) {
		time.Sleep(age + 5*time.Second)
		r.rebalance()
		if took := r.took(time.Now()); took > time.Second {
			t.Errorf("the drain took %s", took)
		}
		if !r.unfinished {
			t.Error("the session says that nothing was given up")
		}
		r.offset(2)
	})
}

func TestSession_aRebalanceFlushesWhatIsOpen(t *testing.T) {
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(time.Second)
		r.rebalance()
		if took := r.took(time.Now()); took > time.Second || r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(4)
	})
}

func TestSession_aShutdownRetriesUntilItsDeadline(t *testing.T) {
	runningSession(t, func(r *sessionRun) { r.api.create = only("bad", overloaded) }, func(r *sessionRun) {
		time.Sleep(time.Second)
		close(r.stop)
		took := r.took(time.Now())
		if want := r.session.Config.ShutdownTimeout; took < want || took > want+time.Second {
			t.Errorf("the drain took %s, want %s", took, want)
		}
		if !r.unfinished {
			t.Error("the session says that nothing was given up")
		}
		r.offset(2)
		m, err := ledger.Decode(r.offsetAt(0).Metadata)
		if err != nil || m.Frontier.Below != 4 || m.Frontier.Except["bad"] != 2 {
			t.Errorf("metadata %q: %+v, %v", r.offsetAt(0).Metadata, m, err)
		}
	})
}

func TestSession_aShutdownEndsWithTheLastImport(t *testing.T) {
	runningSession(t, func(r *sessionRun) {
		start := time.Now()
		r.api.create = func(ns string) Outcome {
			if ns == "bad" && time.Since(start) < 20*time.Second {
				return overloaded
			}
			return accepted
		}
	}, func(r *sessionRun) {
		time.Sleep(time.Second)
		close(r.stop)
		if took := r.took(time.Now()); took > 30*time.Second || r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(4)
	})
}

func TestSession_aShutdownDoesNotWaitForWhatAPolicyHolds(t *testing.T) {
	runningSession(t, func(r *sessionRun) { r.api.create = only("bad", refusal) }, func(r *sessionRun) {
		time.Sleep(time.Second)
		close(r.stop)
		if took := r.took(time.Now()); took > time.Second || r.unfinished {
			t.Errorf("the drain took %s, unfinished %t", took, r.unfinished)
		}
		r.offset(2)
	})
}

func TestSession_aFencedCommitEndsTheSession(t *testing.T) {
	for _, code := range []kafka.Code{kafka.CodeUnknownMember, kafka.CodeIllegalGeneration} {
		t.Run(code.Error(), func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.answer = func(n int) kafka.Code {
					if n > 1 {
						return code
					}
					return kafka.CodeOK
				}
			}, func(r *sessionRun) {
				<-r.returned
				time.Sleep(time.Minute)
				r.offset(0)
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.commits != 2 {
					t.Errorf("%d commits, want none after the fence", r.commits)
				}
			})
		})
	}
}

// TestSession_aCommitThatIsAppliedLateIsCommittedAgain lets a commit get no
// answer, a later one succeed, and then the first one be applied. What it takes
// back may be the offset, or only the frontier.
func TestSession_aCommitThatIsAppliedLateIsCommittedAgain(t *testing.T) {
	for _, tc := range []struct {
		name    string
		refused string // namespace
		offset  int64
		below   int64
	}{{"with an earlier offset", "", 4, 4}, {"with less done beyond the offset", "good", 0, 4}} {
		t.Run(tc.name, func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.api.create = only(tc.refused, refusal)
				r.answer = func(n int) kafka.Code {
					if n == 1 {
						return codeSilence
					}
					return kafka.CodeOK
				}
			}, func(r *sessionRun) {
				time.Sleep(age + time.Second)
				r.mu.Lock()
				if r.committed[0].Offset != tc.offset || r.silent[0].Offset != 0 {
					t.Fatalf("committed %d, without an answer %d", r.committed[0].Offset, r.silent[0].Offset)
				}
				late := false
				r.asked = func() {
					if !late {
						late, r.committed[0] = true, r.silent[0]
					}
				}
				r.mu.Unlock()
				close(r.stop)
				r.offset(tc.offset)
				if m, err := ledger.Decode(r.offsetAt(0).Metadata); err != nil || m.Frontier.Below != tc.below {
					t.Errorf("everything below %d is done, says the commit, want %d; %v", m.Frontier.Below, tc.below, err)
				}
				if !late {
					t.Error("the session left without reading its commits back")
				}
			})
		})
	}
}

// Heartbeats keep the member in its group: a commit says something new.
func TestSession_commitsNothingWhileNothingHappens(t *testing.T) {
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(age + time.Second)
		r.mu.Lock()
		before := r.commits
		r.mu.Unlock()
		time.Sleep(5 * time.Minute)
		r.mu.Lock()
		if got := r.commits - before; got != 0 {
			t.Errorf("%d commits in 5 minutes in which nothing has happened", got)
		}
		r.mu.Unlock()
		close(r.stop)
		r.offset(4)
	})
}

// A generation that is lost ends its session at once, in the middle of a drain
// too: nothing more is stored or committed.
func TestSession_aLostGenerationEndsIt(t *testing.T) {
	for _, drains := range []bool{false, true} {
		t.Run(fmt.Sprintf("drains %t", drains), func(t *testing.T) {
			runningSession(t, func(r *sessionRun) {
				r.api.takes = time.Hour
			}, func(r *sessionRun) {
				time.Sleep(age + time.Second)
				if drains {
					r.rebalance()
					time.Sleep(time.Second)
				}
				before := time.Now()
				r.term.err = kafka.CodeUnknownMember
				close(r.term.lost)
				<-r.returned
				if took := time.Since(before); took > 0 {
					t.Errorf("it went on for %s", took)
				}
				if r.session.Member.Lease.Check() == nil || !errors.Is(r.session.FenceReason, kafka.CodeUnknownMember) {
					t.Errorf("fenced by %v, lease %v", r.session.FenceReason, r.session.Member.Lease.Check())
				}
				if o, stored := r.offsetAt(0), r.api.lines(); o.Offset > 0 || len(stored) > 0 {
					t.Errorf("it has stored %v and committed %+v", stored, o)
				}
			})
		})
	}
}

// A last commit that the brokers deny leaves something behind only if the group
// does not know of all that is done.
func TestSession_aDeniedLastCommit(t *testing.T) {
	for _, tc := range []struct {
		name       string
		allowed    int // commits
		unfinished bool
	}{
		{"after everything was committed", 100, false},
		{"and nothing was committed before", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			deny := func(after int) func(int) kafka.Code {
				return func(n int) kafka.Code {
					if n > after {
						return kafka.CodeTopicDenied
					}
					return kafka.CodeOK
				}
			}
			runningSession(t, func(r *sessionRun) { r.answer = deny(tc.allowed) }, func(r *sessionRun) {
				time.Sleep(age + 2*time.Second)
				r.mu.Lock()
				r.answer = deny(0)
				r.mu.Unlock()
				close(r.stop)
				r.took(time.Now())
				if r.unfinished != tc.unfinished {
					t.Errorf("the session says that it left something: %t, want %t", r.unfinished, tc.unfinished)
				}
			})
		})
	}
}

// A stop does not outlast its deadline by much where the brokers answer nothing.
func TestSession_aShutdownDoesNotWaitForSilentBrokers(t *testing.T) {
	runningSession(t, func(*sessionRun) {}, func(r *sessionRun) {
		time.Sleep(age + 2*time.Second)
		const frozen = 10 * time.Minute
		r.frozen.Store(int64(frozen))
		close(r.stop)
		if took, want := r.took(time.Now()), r.session.Config.ShutdownTimeout+assignment.LeavePatience; took > want {
			t.Errorf("the stop took %s, want %s at most", took, want)
		}
		time.Sleep(frozen) // until the brokers go on
	})
}
