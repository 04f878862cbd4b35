package group

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"kafka-import-bridge/internal/kafka"
	"kafka-import-bridge/internal/wire"
)

// membership is the state of one process in its group, as a pure state machine. next
// says what to ask, answered takes what came of it; the two alternate. It has no
// goroutine, no clock and no I/O, and is not safe for concurrent use.
//
//	            ┌────────────── UNKNOWN_MEMBER, ILLEGAL_GENERATION ─────────────┐
//	            ▼                                                               │
//	outside ──join──► joined ──sync──► belongs ──heartbeats──► rebalancing ─────┤
//	   ▲                 │                │                        │            │
//	   └─── any error ───┘                └────────── rejoin ◄─────┘ ───────────┘
//
// The coordinator is looked for whenever it is not known, in each state. What
// was FENCED_INSTANCE is over: another process bears the name.
type membership struct {
	instance string // "" for a dynamic member
	topics   []string
	counts   map[string]int // partitions of the topics, as this process sees them

	coordinator int32 // unknown if the broker is not known
	memberID    string
	generation  int32
	state       state
	leadership
	assigned wire.Assignment // while in a generation

	tried   bool   // a static member's join was sent: it may be in the group without our knowing its id
	asked   uint32 // rebalances asked for so far, see metadata
	stale   int    // assignments in a row that were made for other topics than ours
	recount bool   // counts may be older than what the leader knew
	haste
}

// leadership is the work of the member that balances its generation.
type leadership struct {
	leading []wire.JoinedMember // the members to balance; nil unless this member leads
	shares  map[string][]byte   // what it has balanced, by member id
}

// haste counts what makes the next call wait.
type haste struct {
	failures int  // in a row
	proven   bool // a heartbeat of this generation was acknowledged, and not answered by a rebalance
	hasty    int  // generations in a row that ended before they were proven
}

// state is the stage of a membership.
type state uint8

const (
	outside     state = iota // not in a generation; the member id may still be known
	joined                   // in a generation, whose assignment is not known yet
	belongs                  // in a generation, with an assignment
	rebalancing              // the same, and the group wants its members to join again
	fenced                   // another process has taken over the instance id, for good
)

// unknown is no broker, and as the receiver of a request any broker.
const unknown int32 = -1

// call is a kind of request, in words for people.
type call string

const (
	findCoordinator call = "find coordinator"
	count           call = "count partitions" // of topics
	join            call = "join group"
	syncUp          call = "sync group"
	beat            call = "heartbeat"
	leave           call = "leave group"
)

// answer is the result of a call. Only the fields of its kind are set.
type answer struct {
	err         error // a Code if the broker has refused, anything else if it gave no answer
	coordinator int32
	counts      map[string]int
	joined      wire.JoinGroupResponse
	assigned    wire.Assignment
}

// ErrFenced means that another process has joined the group under the same
// instance id: the coordinator has given it this one's place.
var ErrFenced = errors.New("another process has joined the group under the same instance id")

// ErrNotStored means that the coordinator could not store what the group consists of:
// its members' subscriptions and assignments are one record of __consumer_offsets.
var ErrNotStored = errors.New("the coordinator could not store the group")

func newMembership(instance string) *membership {
	return &membership{instance: instance, coordinator: unknown}
}

// subscribe sets the topics to read from the next generation on. It leaves the present
// generation, if there is one, for the next, with the same member id.
func (m *membership) subscribe(topics []string, counts map[string]int) {
	if m.state == joined && slices.Equal(m.topics, topics) && maps.Equal(m.counts, counts) {
		return // on its way to just that
	}
	m.topics, m.counts, m.recount = topics, counts, false
	m.ended()
	if m.stale > 2 && (m.state == belongs || m.state == rebalancing) {
		m.asked++
	}
	if m.state != fenced {
		m.state = outside
	}
}

// ended notes that the generation ends, if the member is in one, and how early.
func (m *membership) ended() {
	if m.state == belongs || m.state == rebalancing {
		if m.hasty++; m.proven {
			m.hasty = 0
		}
	}
}

// next returns the call that brings the membership forward.
func (m *membership) next() call {
	switch {
	case m.recount, m.state == joined && m.leading != nil && m.shares == nil:
		return count
	case m.coordinator == unknown:
		return findCoordinator
	case m.state == outside:
		return join
	case m.state == joined:
		return syncUp
	}
	return beat
}

// answered takes what came of a call. The error is for people: it says what
// keeps the membership from going on, and is nil where nothing does, and for the
// first few refusals that pass by themselves.
func (m *membership) answered(c call, a answer) error {
	if a.err == nil {
		if c != findCoordinator && c != count { // one that is found may still not answer
			m.failures = 0
		}
		return m.accepted(c, a)
	}
	if c == join && errors.Is(a.err, kafka.CodeMemberIDRequired) && m.memberID == "" && a.joined.MemberID != "" { // KIP-394: no failure, and the id comes with it
		m.memberID = a.joined.MemberID
		return nil
	}
	m.failures++
	m.refused(c, a.err)
	if m.passing(c, a.err) {
		return nil
	}
	if c == syncUp && errors.Is(a.err, kafka.CodeUnknown) {
		return fmt.Errorf("%s: %w: %w", c, ErrNotStored, a.err)
	}
	return fmt.Errorf("%s: %w", c, a.err)
}

// passing reports whether an error is one of the first few that a rebalance, a
// coordinator that moves or a connection that a broker has closed makes by the way.
func (m *membership) passing(c call, err error) bool {
	code, answered := errors.AsType[kafka.Code](err)
	switch {
	case !answered:
		return c == beat && m.failures == 1
	case code == kafka.CodeRebalanceInProgress:
		return true
	}
	return m.failures <= 3 && (code.CoordinatorAway() || code.Fenced())
}

func (m *membership) accepted(c call, a answer) error {
	switch c {
	case findCoordinator:
		m.coordinator = a.coordinator
	case join:
		m.memberID, m.generation, m.state = a.joined.MemberID, a.joined.Generation, joined
		m.leading, m.shares = nil, nil
		if a.joined.LeaderID == m.memberID {
			m.leading = a.joined.Members
		}
	case count:
		if !m.recount {
			return m.share(a.counts)
		}
		m.counts, m.recount = m.known(a.counts), false
	case syncUp:
		m.assigned, m.state, m.proven = a.assigned, belongs, false
		m.leading, m.shares = nil, nil
		m.judge()
	case beat:
		m.proven = true
	case leave:
		m.forget()
	}
	return nil
}

// refused takes an error: a code of the coordinator, or no answer.
func (m *membership) refused(c call, err error) {
	code, answered := errors.AsType[kafka.Code](err)
	switch {
	case c == count:
		return // the brokers' metadata, nothing of the group
	case !answered, code.CoordinatorAway() && code != kafka.CodeCoordinatorLoading:
		m.coordinator = unknown
		if c == syncUp {
			m.state = outside // the next coordinator knows nothing of a generation that was being made
		}
		return
	case code == kafka.CodeFencedInstance:
		m.state = fenced
		return
	case code == kafka.CodeUnknownMember:
		m.ended()
		m.forget()
	case code == kafka.CodeIllegalGeneration:
		m.ended()
		m.state = outside
	case code == kafka.CodeRebalanceInProgress && c == beat:
		m.state, m.failures = rebalancing, 0
	case c == syncUp && code != kafka.CodeCoordinatorLoading:
		m.state = outside
	}
}

// forget notes that the group does not know the member any more.
func (m *membership) forget() { m.memberID, m.tried, m.state = "", false, outside }

// mayBelong reports whether the group may know the member.
func (m *membership) mayBelong() bool {
	return m.state != fenced && (m.memberID != "" || m.tried)
}

// Bounds of the rest after a failure.
const (
	firstRest = 50 * time.Millisecond
	lastRest  = 2 * time.Second
)

// rest is how long to wait before the next call: not at all after a success,
// twice as long after each further failure. Generations that end as soon as they
// have begun make the next join rest too.
func (m *membership) rest() time.Duration {
	n := m.failures
	if m.state == outside {
		n = max(n, m.hasty)
	}
	if n == 0 {
		return 0
	}
	return min(firstRest<<min(n-1, 10), lastRest)
}
