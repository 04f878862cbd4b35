package assignment

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/consumer/ledger"
	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

var (
	orders0 = kafka.TopicPartition{Topic: "orders", Partition: 0}
	orders1 = kafka.TopicPartition{Topic: "orders", Partition: 1}
	users0  = kafka.TopicPartition{Topic: "users", Partition: 0}
)

func TestCommit_sendsWhatIsNew(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.done(r.part("orders", 0), 5)
		r.done(r.part("users", 0), 7)
		r.turn()
		r.mu.Lock()
		if o := r.commits[0][orders0]; o.LeaderEpoch != readEpoch {
			t.Errorf("leader epoch %d, want %d", o.LeaderEpoch, readEpoch)
		}
		r.mu.Unlock()
		if got := r.one(); !maps.Equal(got, map[kafka.TopicPartition]int64{orders0: 5, users0: 7}) {
			t.Errorf("committed %v", got)
		}
		for tp, want := range map[kafka.TopicPartition]int64{orders0: 5, users0: 7, orders1: 0} {
			if p := r.assignment.Partitions[tp]; p.Committed != want || p.Acked.Offset != want || len(p.Sent) > 0 {
				t.Errorf("%v: committed %d, acknowledged %d, want %d; unanswered %v", tp, p.Committed, p.Acked.Offset, want, p.Sent)
			}
		}
		r.until(time.Minute)
		if again := r.sent(); again != nil {
			t.Errorf("committed again though nothing is new: %v", again)
		}
		if ok, failed := r.metric("bridge_commits_total", "ok"), r.metric("bridge_commits_total", "error"); ok != 1 || failed != 0 {
			t.Errorf("counted %v commits, %v failures", ok, failed)
		}
	})
}

// Who was put out of the group commits nothing any more.
func TestCommit_notAfterAnotherMemberTookOver(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("", kafka.CodeIllegalGeneration)
		r.done(r.part("orders", 0), 5)
		r.turn()
		if r.Mode != Fenced || !errors.Is(r.FenceReason, kafka.CodeIllegalGeneration) {
			t.Errorf("mode %d, because of %v", r.Mode, r.FenceReason)
		}
		if n := r.metric("bridge_commits_total", "error"); n != 0 {
			t.Error("counted as a failure")
		}
		r.sent()
		r.done(r.part("orders", 0), 6)
		r.until(time.Minute)
		r.LastCommit()
		if got := r.sent(); got != nil {
			t.Errorf("committed %v", got)
		}
	})
}

// The coordinator itself may say so, for the commit as a whole.
func TestCommit_isFencedAsAWhole(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.Answer(CommitResult{Err: fmt.Errorf("commit: %w", kafka.CodeFencedInstance)})
		if r.Mode != Fenced || !errors.Is(r.FenceReason, kafka.CodeFencedInstance) {
			t.Errorf("mode %d, because of %v", r.Mode, r.FenceReason)
		}
	})
}

// A commit without an answer may be applied late, over later ones: everything is
// committed again every so often, for ten minutes.
func TestCommit_withoutAnAnswerIsStatedAgain(t *testing.T) {
	inCommitter(t, func(r *rig) {
		for _, p := range r.assignment.Partitions {
			r.done(p, 5)
		}
		r.turn()
		r.sent()
		r.answers("", silence)
		r.done(r.part("orders", 0), 6)
		r.until(100 * time.Millisecond)
		if !r.CoordinatorAway || !r.Schedule.unsure || r.Schedule.Failure() == "" || r.metric("bridge_commits_total", "error") != 1 || r.metric("bridge_kafka_errors_total", "commit") != 1 {
			t.Errorf("coordinator away %t, unsure %t, failure %q", r.CoordinatorAway, r.Schedule.unsure, r.Schedule.Failure())
		}
		r.sent()
		r.answers("", kafka.CodeOK)
		r.until(time.Second)
		if got := r.one(); len(got) != 4 || got[orders0] != 6 {
			t.Errorf("committed %v, want all partitions", got)
		}
		if r.CoordinatorAway || r.Schedule.Failure() != "" {
			t.Errorf("coordinator away %t, failure %q", r.CoordinatorAway, r.Schedule.Failure())
		}
		r.until(sessionTimeout / 3)
		if got := r.one(); len(got) != 4 {
			t.Errorf("committed %v, want all partitions", got)
		}
		r.until(time.Hour)
		if got := len(r.sent()); got < 50 || got > 60 {
			t.Errorf("stated %d more times in an hour, want one in 10 s for 10 minutes", got)
		}
	})
}

// What a failed commit has held is sent again, without anything new.
func TestCommit_thatFailsIsSentAgain(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("orders", kafka.CodeCoordinatorLoading)
		r.done(r.part("orders", 0), 5)
		r.done(r.part("users", 0), 5)
		r.turn()
		if !r.CoordinatorAway || r.Schedule.unsure || r.Schedule.Failure() == "" {
			t.Errorf("coordinator away %t, unsure %t, failure %q", r.CoordinatorAway, r.Schedule.unsure, r.Schedule.Failure())
		}
		if ok, failed := r.metric("bridge_commits_total", "ok"), r.metric("bridge_commits_total", "error"); ok != 1 || failed != 1 {
			t.Errorf("counted %v commits, %v failures, of one that was taken in part", ok, failed)
		}
		r.sent()
		r.answers("", kafka.CodeRebalanceInProgress)
		r.until(400 * time.Millisecond)
		if got := r.one(); !maps.Equal(got, map[kafka.TopicPartition]int64{orders0: 5}) {
			t.Errorf("committed %v, want what was not taken", got)
		}
		if r.CoordinatorAway {
			t.Error("a coordinator that answers is away")
		}
		if n := r.metric("bridge_commits_total", "ok"); n != 1 {
			t.Errorf("%v commits are counted, want 1", n)
		}
	})
}

// Also where the coordinator refuses it as a whole.
func TestCommit_thatFailsAsAWhole(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.done(r.part("orders", 0), 5)
		r.turn()
		r.sent()
		refused := kafka.Commit{Offsets: []kafka.CommitOffset{r.CommitOf(r.part("orders", 0))}}
		r.Answer(CommitResult{Commit: refused, Err: kafka.CodeCoordinatorUnavailable})
		if !r.CoordinatorAway || r.Schedule.unsure {
			t.Errorf("coordinator away %t, unsure %t", r.CoordinatorAway, r.Schedule.unsure)
		}
		r.until(400 * time.Millisecond)
		if got := r.one(); !maps.Equal(got, map[kafka.TopicPartition]int64{orders0: 5}) {
			t.Errorf("committed %v", got)
		}
	})
}

// Refused credentials show, until a commit is taken.
func TestCommit_showsRefusedCredentials(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.Answer(CommitResult{Err: kafka.CodeAuthenticationFailed})
		if r.metric("bridge_credentials_refused", "kafka") != 1 {
			t.Error("refused credentials do not show")
		}
		r.done(r.part("orders", 0), 5)
		r.until(time.Second)
		if r.metric("bridge_credentials_refused", "kafka") != 0 {
			t.Error("credentials that were taken show as refused")
		}
	})
}

// A commit is given up in time, and renews the lease from when it was sent.
func TestCommit_thatTakesLong(t *testing.T) {
	inCommitter(t, func(r *rig) {
		time.Sleep(sessionTimeout / 2)
		r.takes = 9 * time.Second
		sent := time.Now()
		r.done(r.part("orders", 0), 5)
		r.turn()
		time.Sleep(time.Until(sent.Add(sessionTimeout - 1)))
		if err := r.Member.Lease.Check(); err != nil {
			t.Errorf("the lease ends early: %v", err)
		}
		if time.Sleep(time.Nanosecond); r.Member.Lease.Check() == nil {
			t.Error("the lease outlasts the session")
		}
		r.takes = time.Minute
		r.done(r.part("orders", 0), 6)
		began := time.Now()
		if r.turn(); time.Since(began) != r.Config.CallTimeout() || !r.Schedule.unsure {
			t.Errorf("given up after %s, want %s", time.Since(began), r.Config.CallTimeout())
		}
		time.Sleep(r.takes)
	})
}

// A commit has a bound of what the coordinator writes for it, which leaves room below the
// size that its topic takes by default: what is beyond it follows.
func TestCommit_isBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		partitions, namespaces int
		least, most            int // partitions of the first commit
	}{
		"little of many":  {6000, 0, 2000, 5000},
		"much of hundred": {400, 300, 100, 130},
	} {
		t.Run(name, func(t *testing.T) {
			inCommitter(t, func(r *rig) {
				clear(r.assignment.Partitions)
				except := map[string]int64{}
				for i := range tc.namespaces {
					except[fmt.Sprintf("namespace-%d", i)] = 10
				}
				for n := range int32(tc.partitions) {
					p := r.open("many", n, wire.UUID{1})
					p.Ledger = ledger.New(1, ledger.Frontier{Below: 20, Except: except})
					p.Touch()
				}
				r.turn()
				if got := r.one(); len(got) < tc.least || len(got) > tc.most {
					t.Errorf("%d partitions in a commit", len(got))
				}
				r.until(5 * time.Second)
				for tp, p := range r.assignment.Partitions {
					if p.Committed != 1 {
						t.Fatalf("%v is not committed", tp)
					}
				}
			})
		})
	}
}

// What a coordinator refuses as too large is committed in smaller pieces, by the last
// commit too. Kafka 4 does not say that it is too large.
func TestCommit_thatIsTooLarge(t *testing.T) {
	for _, code := range []kafka.Code{kafka.CodeCommitTooLarge, kafka.CodeUnknown} {
		for _, last := range []bool{false, true} {
			t.Run(fmt.Sprint(code, " last ", last), func(t *testing.T) {
				inCommitter(t, func(r *rig) {
					r.most = 3
					r.tooMany = code
					for n := range int32(20) {
						r.done(r.open("many", n, wire.UUID{1}), 5)
					}
					if last {
						r.LastCommit()
					} else {
						r.until(10 * time.Second)
					}
					for tp, p := range r.assignment.Partitions {
						if tp.Topic == "many" && p.Committed != 5 {
							t.Fatalf("%v is not committed", tp)
						}
					}
				})
			})
		}
	}
}

// A commit of one offset that is too large says less beside it.
func TestCommit_ofOneOffsetThatIsTooLarge(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("orders", kafka.CodeCommitTooLarge)
		p := r.part("orders", 0)
		r.done(p, 5)
		r.turn()
		if got, refused := p.Metadata.Size(), len(p.Sent[0].Metadata); got != refused/2 {
			t.Errorf("%d characters are written after %d were refused", got, refused)
		}
	})
}

// A partition whose topic is gone is committed no more.
func TestCommit_ofATopicThatIsGone(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("orders", kafka.CodeUnknownTopic)
		r.done(r.part("orders", 0), 5)
		r.turn()
		if p := r.part("orders", 0); p.State() != Lost {
			t.Errorf("it is %s, want lost", p.State())
		}
		r.sent()
		r.done(r.part("orders", 0), 6)
		if r.until(time.Minute); r.sent() != nil {
			t.Error("it is committed again")
		}
	})
}

// A partition that was out of range from the start is committed as it was found, and
// the group knows what it knew.
func TestCommit_ofAPartitionAsItWasFound(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p := r.part("orders", 0)
		p.AsFound = &kafka.CommitOffset{TopicPartition: p.TopicPartition, Offset: 99, LeaderEpoch: 2, Metadata: "theirs"}
		p.Committed, p.Acked = 99, ledger.CommitPoint{Offset: 99, Metadata: "theirs"}
		r.done(p, 5)
		r.turn()
		if got := r.one(); got[orders0] != 99 || len(p.Sent) > 0 {
			t.Errorf("committed %v, noted as sent %v", got, p.Sent)
		}
	})
}

// What did not fit beside the offset is counted, and where a coordinator takes no
// metadata, the topic has to be the same one still.
func TestCommit_withoutRoomForMetadata(t *testing.T) {
	inCommitter(t, func(r *rig) {
		p := r.part("orders", 0)
		p.Ledger = ledger.New(1, ledger.Frontier{Below: 20, Except: map[string]int64{"a": 10}})
		p.Metadata = NewLimit(0)
		p.Touch()
		other := r.part("users", 0)
		other.TopicID = wire.UUID{9} // what stands beside its offset shows that
		r.done(other, 5)
		r.turn()
		if got := r.one(); got[orders0] != 1 || got[users0] != 5 || p.Omitted != 1 {
			t.Errorf("committed %v, %d namespaces left out", got, p.Omitted)
		}
		p.TopicID = wire.UUID{9}
		p.Touch()
		if r.until(time.Second); r.sent() != nil || p.State() != Lost {
			t.Errorf("an offset without metadata is committed for another topic; the partition is %s", p.State())
		}
	})
}

// Metadata that is refused is made smaller at once, and offered again after a while,
// each time twice as much, up to what it was. Each partition has its own time.
func TestCommit_offersRefusedMetadataAgain(t *testing.T) {
	inCommitter(t, func(r *rig) {
		first, later := r.part("orders", 0), r.part("users", 0)
		began := time.Now()
		for _, p := range []*Partition{first, later} {
			r.answers(p.Topic, kafka.CodeMetadataTooLarge)
			r.done(p, 5)
			r.turn()
			if got, size := p.Metadata.Size(), len(p.Sent[0].Metadata); got != size/2 || !p.Dirty || !r.Schedule.Touched() {
				t.Errorf("%d characters are written after %d were refused", got, size)
			}
			r.answers("", kafka.CodeOK)
			if r.until(time.Minute); p.Committed != 5 {
				t.Error("with less metadata it is not committed")
			}
		}
		r.sent()
		little := later.Metadata.Size()
		r.until(time.Until(began.Add(5*time.Minute + time.Second)))
		if got := r.one(); len(got) != 1 || got[orders0] != 5 || first.Metadata.Size() <= little || later.Metadata.Size() != little {
			t.Errorf("committed %v, with room for %d and %d characters", got, first.Metadata.Size(), later.Metadata.Size())
		}
		r.until(time.Minute)
		if got := r.one(); got[users0] != 5 || later.Metadata.Size() <= little {
			t.Errorf("committed %v, with room for %d characters", got, later.Metadata.Size())
		}
		r.until(time.Hour)
		if first.Metadata.Size() != ledger.MaxMetadata || later.Metadata.Size() != ledger.MaxMetadata || first.Acked.Metadata == "" {
			t.Errorf("%d and %d characters are written in the end", first.Metadata.Size(), later.Metadata.Size())
		}
	})
}

// The commits of a denied topic rest, and are tried again by themselves; those of the
// others go on.
func TestCommit_ofADeniedTopic(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("users", kafka.CodeTopicDenied)
		denied := r.part("users", 0)
		r.done(denied, 5)
		r.done(r.part("orders", 0), 5)
		r.turn()
		if r.part("orders", 0).Committed != 5 || !denied.Dirty || r.Schedule.Denied() {
			t.Errorf("the other one is committed to %d, what is denied is still owed: %t", r.part("orders", 0).Committed, denied.Dirty)
		}
		if n := r.metric("bridge_kafka_errors_total", "commit"); n != 1 {
			t.Errorf("%v errors are counted", n)
		}
		r.sent()
		r.until(time.Second)
		r.done(r.part("orders", 0), 6)
		r.until(900 * time.Millisecond)
		if got := r.one(); !maps.Equal(got, map[kafka.TopicPartition]int64{orders0: 6}) {
			t.Errorf("committed %v, want the other topic's alone", got)
		}
		// A second one whose rest begins later does not wake before its time, nor
		// keeps the first one from being tried.
		second := r.part("users", 1)
		r.done(second, 5)
		r.turn()
		r.sent()
		r.until(200 * time.Millisecond)
		if got := r.one(); len(got) != 1 || got[users0] != 5 {
			t.Errorf("committed %v, want what has rested for 2 s", got)
		}
		r.answers("", kafka.CodeOK)
		r.until(3 * time.Second)
		if second.Committed != 5 || !second.Denied.Until().IsZero() {
			t.Error("a topic that is permitted again is not committed")
		}
		r.until(2 * time.Second)
		if denied.Committed != 5 || !denied.Denied.Until().IsZero() || !r.wakeAt.IsZero() {
			t.Error("a topic that is permitted again is not committed")
		}
	})
}

// A drain does not insist on what is denied.
func TestCommit_ofADeniedTopicWhileDraining(t *testing.T) {
	inCommitter(t, func(r *rig) {
		r.answers("users", kafka.CodeTopicDenied)
		r.done(r.part("users", 0), 5)
		r.turn()
		r.sent()
		r.Mode, r.Drain.Deadline = Draining, time.Now().Add(time.Hour)
		r.until(time.Minute)
		if got := r.sent(); got != nil || r.Schedule.Touched() || !r.OwesCommit() {
			t.Errorf("%d commits of a denied topic; more to come: %t", len(got), r.Schedule.Touched())
		}
	})
}

// Of commits without an acknowledgement the first ones are remembered, and the last.
func TestPartition_sends(t *testing.T) {
	p := NewPartition(kafka.TopicPartition{Topic: "orders"}, wire.UUID{}, &Schedule{})
	for _, offset := range []int64{1, 2, 2, 1, 3, 4, 5, 6} {
		p.sends(ledger.CommitPoint{Offset: offset})
	}
	if want := []ledger.CommitPoint{{Offset: 1}, {Offset: 2}, {Offset: 3}, {Offset: 6}}; !slices.Equal(p.Sent, want) {
		t.Errorf("remembered are %v, want %v", p.Sent, want)
	}
}
