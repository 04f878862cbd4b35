package group

import (
	"errors"
	"slices"
	"testing"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// stage is a membership that has come so far.
func stage(at state) *membership {
	m := newMembership("")
	m.subscribe([]string{"orders"}, map[string]int{"orders": 2})
	m.coordinator, m.memberID, m.generation, m.state = 1, "m", 7, at
	return m
}

func TestMembership_refusals(t *testing.T) {
	silence := errors.New("no answer")
	for _, tc := range []struct {
		name string
		at   state
		call call
		err  error
		next call
		told bool
		id   string // the member id afterwards
	}{
		{"a coordinator that is not found", outside, findCoordinator, kafka.CodeCoordinatorUnavailable, findCoordinator, false, "m"},
		{"a join without an answer", outside, join, silence, findCoordinator, true, "m"},
		{"a join at another broker", outside, join, kafka.CodeNotCoordinator, findCoordinator, false, "m"},
		{"a join while the group is read", outside, join, kafka.CodeCoordinatorLoading, join, false, "m"},
		{"a join of nobody known", outside, join, kafka.CodeUnknownMember, join, false, ""},
		{"a join that is denied", outside, join, kafka.CodeGroupDenied, join, true, "m"},
		{"a sync without an answer", joined, syncUp, silence, findCoordinator, true, "m"},
		{"a sync while others join", joined, syncUp, kafka.CodeRebalanceInProgress, join, false, "m"},
		{"a sync of an old generation", joined, syncUp, kafka.CodeIllegalGeneration, join, false, "m"},
		{"a sync while the group is read", joined, syncUp, kafka.CodeCoordinatorLoading, syncUp, false, "m"},
		{"a sync that is not stored", joined, syncUp, kafka.CodeUnknown, join, true, "m"},
		{"a heartbeat on a connection that has ended", belongs, beat, silence, findCoordinator, false, "m"},
		{"a heartbeat at another broker", belongs, beat, kafka.CodeNotCoordinator, findCoordinator, false, "m"},
		{"a heartbeat while others join", belongs, beat, kafka.CodeRebalanceInProgress, beat, false, "m"},
		{"a heartbeat of an old generation", belongs, beat, kafka.CodeIllegalGeneration, join, false, "m"},
		{"a heartbeat of nobody known", belongs, beat, kafka.CodeUnknownMember, join, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := stage(tc.at)
			err := m.answered(tc.call, answer{err: tc.err})
			if (err != nil) != tc.told || m.memberID != tc.id {
				t.Errorf("told %v, member id %q", err, m.memberID)
			}
			if m.rest() == 0 && m.state != rebalancing {
				t.Error("it tries again at once")
			}
			got := m.next()
			if got == findCoordinator { // which brings it back to where it was, or to a join
				m.coordinator = 1
			}
			if got != tc.next {
				t.Errorf("next is %s, want %s", got, tc.next)
			}
			if tc.name == "a sync without an answer" && m.next() != join {
				t.Errorf("the new coordinator is asked to %s", m.next())
			}
		})
	}
	for _, at := range []struct {
		state
		call
	}{{outside, join}, {joined, syncUp}, {belongs, beat}, {rebalancing, beat}} {
		m := stage(at.state)
		if _ = m.answered(at.call, answer{err: kafka.CodeFencedInstance}); m.state != fenced || m.mayBelong() {
			t.Errorf("%s: another process has its name, and it is in state %d", at.call, m.state)
		}
	}
	if m := stage(joined); !errors.Is(m.answered(syncUp, answer{err: kafka.CodeUnknown}), ErrNotStored) {
		t.Error("a group that cannot be stored is not told")
	}
}

// What is refused for long is told in the end.
func TestMembership_passingRefusalsAreToldInTheEnd(t *testing.T) {
	m := stage(outside)
	told := []bool{}
	for range 5 {
		m.coordinator = 1
		told = append(told, m.answered(join, answer{err: kafka.CodeNotCoordinator}) != nil)
	}
	if !slices.Equal(told, []bool{false, false, false, true, true}) {
		t.Errorf("told %v", told)
	}
	if m.rest() < 500*time.Millisecond || m.rest() > lastRest {
		t.Errorf("it rests %s", m.rest())
	}
}

// Generations that end before a heartbeat has held rest ever longer before the next.
func TestMembership_hastyGenerationsRest(t *testing.T) {
	for _, end := range []kafka.Code{kafka.CodeRebalanceInProgress, kafka.CodeUnknownMember, kafka.CodeIllegalGeneration} {
		t.Run(end.Error(), func(t *testing.T) { hastyGenerationsRest(t, end) })
	}
}

func hastyGenerationsRest(t *testing.T, end kafka.Code) {
	m := stage(outside)
	round := func(beats int) time.Duration {
		m.subscribe(m.topics, m.counts)
		rest := m.rest()
		_ = m.answered(join, answer{joined: wire.JoinGroupResponse{MemberID: "m", Generation: 8}})
		_ = m.answered(syncUp, answer{})
		for range beats {
			_ = m.answered(beat, answer{})
		}
		_ = m.answered(beat, answer{err: end})
		return rest
	}
	var rests []time.Duration
	for _, beats := range []int{1, 0, 0, 0, 1, 0} {
		rests = append(rests, round(beats))
	}
	want := []time.Duration{0, 0, firstRest, 2 * firstRest, 4 * firstRest, 0}
	if end != kafka.CodeRebalanceInProgress { // a failure itself
		want = []time.Duration{0, firstRest, firstRest, 2 * firstRest, 4 * firstRest, firstRest}
	}
	if !slices.Equal(rests, want) {
		t.Errorf("rests %v, want %v", rests, want)
	}
}

// stale assignments: counted again, given back with the wish for a rebalance, and then
// taken without what this member does not read.
func TestMembership_assignmentsForOtherTopics(t *testing.T) {
	m := stage(joined)
	old := wire.Assignment{Partitions: map[string][]int32{"gone": {0}, "orders": {1}}, UserData: []byte("12345678")}
	synced := func() {
		m.state = joined
		a := wire.Assignment{Partitions: map[string][]int32{"gone": {0}, "orders": {1}}, UserData: old.UserData}
		_ = m.answered(syncUp, answer{assigned: a})
	}
	before := string(m.metadata())
	if synced(); m.next() != count || !slices.Equal(m.toCount(), []string{"orders"}) {
		t.Fatalf("first: next is %s of %v", m.next(), m.toCount())
	}
	_ = m.answered(count, answer{counts: map[string]int{}}) // the brokers say nothing of it now
	if m.next() != join || m.counts["orders"] != 2 || string(m.metadata()) != before {
		t.Fatalf("counted: next is %s, counts %v", m.next(), m.counts)
	}
	if synced(); m.next() != join || string(m.metadata()) == before {
		t.Fatalf("second: next is %s, and the subscription is the same: no rebalance", m.next())
	}
	if synced(); m.state != belongs || len(m.assigned.Partitions) != 1 || m.stale != 3 {
		t.Fatalf("third: state %d with %v, stale %d", m.state, m.assigned.Partitions, m.stale)
	}
	asked := m.asked
	if m.subscribe(m.topics, m.counts); m.asked != asked+1 {
		t.Error("the next join asks for no rebalance")
	}
	m.state = joined
	_ = m.answered(syncUp, answer{assigned: wire.Assignment{Partitions: map[string][]int32{"orders": {1}}}}) // of an earlier release
	if m.stale != 0 || m.state != belongs {
		t.Errorf("a good one: stale %d, state %d", m.stale, m.state)
	}
}

// A leader shares out what it knew of a topic of which the brokers say nothing now.
func TestMembership_leaderKnowsDeniedTopics(t *testing.T) {
	m := stage(outside)
	subscription := m.metadata()
	_ = m.answered(join, answer{joined: wire.JoinGroupResponse{MemberID: "m", LeaderID: "m", Generation: 8,
		Members: []wire.JoinedMember{{MemberID: "m", Metadata: subscription}}}})
	if m.next() != count {
		t.Fatalf("next is %s", m.next())
	}
	if err := m.answered(count, answer{counts: map[string]int{}}); err != nil || m.next() != syncUp {
		t.Fatalf("%v, next is %s", err, m.next())
	}
	var a wire.Assignment
	if err := a.Decode(m.shares["m"]); err != nil || len(a.Partitions["orders"]) != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

// A member id that is required and does not come, or that was sent already, is a failure
// like others: no answer makes a member ask again at once for ever.
func TestMembership_aMemberIDThatDoesNotCome(t *testing.T) {
	for _, joined := range []wire.JoinGroupResponse{{}, {MemberID: "m"}, {MemberID: "another"}} {
		m := stage(outside)
		if joined.MemberID == "" {
			m.memberID = ""
		}
		if err := m.answered(join, answer{err: kafka.CodeMemberIDRequired, joined: joined}); err == nil || m.rest() == 0 {
			t.Errorf("%+v: %v, and it rests %s", joined, err, m.rest())
		}
	}
}
