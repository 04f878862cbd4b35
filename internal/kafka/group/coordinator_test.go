package group

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"kafka-import-bridge/internal/sleep"
	"kafka-import-bridge/internal/wire"
)

// coordinator is a model of a broker's group coordinator, with static members
// and member ids that are required, as Kafka's code has them since 2.4. It runs
// in virtual time.
type coordinator struct {
	mu         sync.Mutex
	rnd        *rand.Rand
	counts     map[string]int // partitions of the topics
	node       int32          // that coordinates the group
	state      string         // empty, preparing, completing, stable
	generation int32
	leader     string
	members    map[string]*modelMember
	static     map[string]string // instance id -> member id
	pending    map[string]bool   // ids that were given and have not joined
	deadline   *time.Timer       // of the rebalance, or of its syncs
	serial     int
	completed  int // generations that were made

	slow time.Duration // how much longer a request takes, and its answer
	// faults is the chance, in per cent, that an exchange fails.
	faults int
	refuse func(r wire.Request) int16 // answers with a code instead; nil: never
}

type modelMember struct {
	id, instance string
	join         *wire.JoinGroupRequest
	assignment   []byte
	session      *time.Timer
	parkedJoin   chan []byte
	parkedSync   chan []byte
}

func newCoordinator(rnd *rand.Rand, counts map[string]int) *coordinator {
	return &coordinator{rnd: rnd, counts: counts, state: "empty", members: map[string]*modelMember{}, static: map[string]string{}, pending: map[string]bool{}}
}

var errCut = errors.New("the connection was cut")

// Ask implements Cluster.
func (c *coordinator) Ask(ctx context.Context, broker int32, r wire.Request, into wire.Response) error {
	c.mu.Lock()
	latency, luck, silent := c.slow+time.Duration(c.rnd.IntN(5000))*time.Microsecond, c.rnd.IntN(100), c.rnd.IntN(4) == 0
	lose, deaf := luck < c.faults/2, luck >= c.faults/2 && luck < c.faults
	c.mu.Unlock()
	if sleep.For(ctx, latency) != nil {
		return ctx.Err()
	}
	if lose {
		if silent {
			<-ctx.Done()
		}
		return errCut
	}
	c.mu.Lock()
	answer := c.handle(broker, r)
	c.mu.Unlock()
	if deaf {
		if silent {
			<-ctx.Done()
		}
		return errCut
	}
	select {
	case body := <-answer:
		if sleep.For(ctx, latency) != nil {
			return ctx.Err()
		}
		return into.Decode(body, 0)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Partitions implements Cluster.
func (c *coordinator) Partitions(_ context.Context, topics []string) (map[string]int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rnd.IntN(100) < c.faults {
		return nil, errCut
	}
	counts := map[string]int{}
	for _, t := range topics {
		counts[t] = c.counts[t]
	}
	return counts, nil
}

func (c *coordinator) handle(broker int32, r wire.Request) chan []byte {
	var code int16
	switch r.(type) {
	case *wire.FindCoordinatorRequest:
	default:
		if broker != c.node {
			code = 16
		}
	}
	if c.refuse != nil && code == 0 {
		code = c.refuse(r)
	}
	switch r := r.(type) {
	case *wire.FindCoordinatorRequest:
		k := kmsg.NewPtrFindCoordinatorResponse()
		k.NodeID, k.ErrorCode = c.node, code
		return now(k, 2)
	case *wire.JoinGroupRequest:
		if code != 0 {
			return joinRefused(code, "")
		}
		return c.join(r)
	case *wire.SyncGroupRequest:
		if code != 0 {
			return synced(nil, code)
		}
		return c.sync(r)
	case *wire.HeartbeatRequest:
		k := kmsg.NewPtrHeartbeatResponse()
		if k.ErrorCode = code; code == 0 {
			k.ErrorCode = c.beat(r)
		}
		return now(k, 3)
	case *wire.LeaveGroupRequest:
		k := kmsg.NewPtrLeaveGroupResponse()
		m := kmsg.NewLeaveGroupResponseMember()
		if k.ErrorCode = code; code == 0 {
			m.ErrorCode = c.leave(r)
		}
		k.Members = append(k.Members, m)
		return now(k, 3)
	}
	panic(fmt.Sprintf("request %T", r))
}

func now(k kmsg.Response, version int16) chan []byte {
	k.SetVersion(version)
	answer := make(chan []byte, 1)
	answer <- k.AppendTo(nil)
	return answer
}

func joinRefused(code int16, memberID string) chan []byte {
	k := kmsg.NewPtrJoinGroupResponse()
	k.ErrorCode, k.MemberID, k.Generation = code, memberID, -1
	return now(k, 5)
}

func synced(assignment []byte, code int16) chan []byte {
	k := kmsg.NewPtrSyncGroupResponse()
	k.ErrorCode, k.MemberAssignment = code, assignment
	return now(k, 3)
}

// known checks who asks, as every call but a first join is checked.
func (c *coordinator) known(memberID, instance string) (*modelMember, int16) {
	if instance != "" {
		switch id, ok := c.static[instance]; {
		case !ok:
			return nil, 25
		case id != memberID:
			return nil, 82
		}
	}
	m := c.members[memberID]
	if m == nil {
		return nil, 25
	}
	return m, 0
}

func (c *coordinator) newID(name string) string {
	c.serial++
	return fmt.Sprintf("%s-%d", name, c.serial)
}

func (c *coordinator) join(r *wire.JoinGroupRequest) chan []byte {
	session := time.Duration(r.SessionTimeout) * time.Millisecond
	if r.MemberID == "" && r.InstanceID == "" {
		id := c.newID("member")
		c.pending[id] = true
		time.AfterFunc(session, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			delete(c.pending, id)
			c.tryComplete()
		})
		return joinRefused(79, id)
	}
	if r.MemberID == "" {
		if old := c.members[c.static[r.InstanceID]]; old != nil {
			return c.replace(old, r)
		}
		m := &modelMember{id: c.newID(r.InstanceID), instance: r.InstanceID}
		c.static[r.InstanceID] = m.id
		return c.park(m, r)
	}
	if c.pending[r.MemberID] {
		delete(c.pending, r.MemberID)
		return c.park(&modelMember{id: r.MemberID}, r)
	}
	m, code := c.known(r.MemberID, r.InstanceID)
	if code != 0 {
		return joinRefused(code, "")
	}
	same := bytes.Equal(m.join.Metadata, r.Metadata)
	if c.state == "completing" && same || c.state == "stable" && same && c.leader != m.id {
		c.renew(m)
		return c.joined(m, c.leader)
	}
	return c.park(m, r)
}

// replace gives a static member's place to the process that has come under its
// name. In a stable group that is no rebalance, and the new one is not told that
// it leads, whatever it reads.
func (c *coordinator) replace(old *modelMember, r *wire.JoinGroupRequest) chan []byte {
	m := &modelMember{id: c.newID(r.InstanceID), instance: r.InstanceID, assignment: old.assignment, join: r}
	if old.parkedJoin != nil {
		old.parkedJoin <- <-joinRefused(82, "")
	}
	if old.parkedSync != nil {
		old.parkedSync <- <-synced(nil, 82)
	}
	if old.session != nil {
		old.session.Stop()
	}
	delete(c.members, old.id)
	c.members[m.id], c.static[r.InstanceID] = m, m.id
	told := c.leader
	if c.leader == old.id {
		c.leader = m.id
	}
	c.renew(m)
	if c.state == "stable" {
		return c.joined(m, told)
	}
	return c.park(m, r)
}

// park lets a member wait for the next generation.
func (c *coordinator) park(m *modelMember, r *wire.JoinGroupRequest) chan []byte {
	c.members[m.id], m.join = m, r
	if m.session != nil {
		m.session.Stop() // who waits does not expire
	}
	m.parkedJoin = make(chan []byte, 1)
	answer := m.parkedJoin
	c.rebalance()
	return answer
}

func (c *coordinator) rebalance() {
	for _, m := range c.members {
		if m.parkedSync != nil {
			m.parkedSync <- <-synced(nil, 27)
			m.parkedSync = nil
			c.renew(m)
		}
	}
	if c.state != "preparing" {
		c.state = "preparing"
		c.arm(c.complete)
	}
	c.tryComplete()
}

// arm calls a function after the longest rebalance timeout, unless it is armed
// anew before.
func (c *coordinator) arm(then func()) {
	if c.deadline != nil {
		c.deadline.Stop()
	}
	longest := int32(0)
	for _, m := range c.members {
		longest = max(longest, m.join.RebalanceTimeout)
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Duration(longest)*time.Millisecond, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.deadline == timer {
			then()
		}
	})
	c.deadline = timer
}

func (c *coordinator) tryComplete() {
	if c.state != "preparing" || len(c.pending) > 0 {
		return
	}
	for _, m := range c.members {
		if m.parkedJoin == nil {
			return
		}
	}
	c.complete()
}

func (c *coordinator) complete() {
	anybody := false
	for id, m := range c.members {
		anybody = anybody || m.parkedJoin != nil
		if m.parkedJoin == nil && m.instance == "" {
			c.remove(id)
		}
	}
	c.deadline.Stop()
	if len(c.members) == 0 {
		c.generation++
		c.state = "empty"
		return
	}
	if !anybody {
		c.arm(c.complete)
		return
	}
	c.generation++
	c.completed++
	c.state = "completing"
	if m := c.members[c.leader]; m == nil || m.parkedJoin == nil {
		c.leader = ""
	}
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		if c.leader == "" && c.members[id].parkedJoin != nil {
			c.leader = id
		}
	}
	waiting := map[string]bool{}
	for _, m := range c.members {
		waiting[m.id] = true
		if m.parkedJoin != nil {
			m.parkedJoin <- <-c.joined(m, c.leader)
			m.parkedJoin = nil
			c.renew(m)
		}
	}
	c.arm(func() { // who has not synced by then is put out
		for id := range waiting {
			if m := c.members[id]; m != nil && m.parkedSync == nil {
				c.remove(id)
			}
		}
		c.rebalance()
	})
}

func (c *coordinator) joined(m *modelMember, leader string) chan []byte {
	k := kmsg.NewPtrJoinGroupResponse()
	protocol := protocolName
	k.Generation, k.Protocol, k.LeaderID, k.MemberID = c.generation, &protocol, leader, m.id
	if leader == m.id {
		for _, o := range c.members {
			j := kmsg.NewJoinGroupResponseMember()
			j.MemberID, j.ProtocolMetadata = o.id, o.join.Metadata
			if o.instance != "" {
				j.InstanceID = &o.instance
			}
			k.Members = append(k.Members, j)
		}
	}
	return now(k, 5)
}

func (c *coordinator) sync(r *wire.SyncGroupRequest) chan []byte {
	m, code := c.known(r.MemberID, r.InstanceID)
	if code == 0 && r.Generation != c.generation {
		code = 22
	}
	switch {
	case code != 0:
		return synced(nil, code)
	case c.state == "stable":
		c.renew(m)
		return synced(m.assignment, 0)
	case c.state != "completing":
		return synced(nil, 27)
	}
	m.parkedSync = make(chan []byte, 1)
	answer := m.parkedSync
	if m.id == c.leader {
		c.state = "stable"
		c.deadline.Stop()
		for _, o := range c.members {
			o.assignment = r.Assignments[o.id]
			if o.parkedSync != nil {
				o.parkedSync <- <-synced(o.assignment, 0)
				o.parkedSync = nil
				c.renew(o)
			}
		}
	}
	return answer
}

func (c *coordinator) beat(r *wire.HeartbeatRequest) int16 {
	m, code := c.known(r.MemberID, r.InstanceID)
	switch {
	case code != 0:
		return code
	case r.Generation != c.generation:
		return 22
	}
	c.renew(m)
	if c.state == "preparing" {
		return 27
	}
	return 0
}

func (c *coordinator) leave(r *wire.LeaveGroupRequest) int16 {
	if c.pending[r.MemberID] {
		delete(c.pending, r.MemberID)
		c.tryComplete()
		return 0
	}
	id := r.MemberID
	if r.InstanceID != "" && id == "" {
		id = c.static[r.InstanceID]
	}
	m, code := c.known(id, r.InstanceID)
	if code == 0 {
		c.remove(m.id)
		c.rebalance()
	}
	return code
}

// renew starts a member's session timeout anew.
func (c *coordinator) renew(m *modelMember) {
	if m.session != nil {
		m.session.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Duration(m.join.SessionTimeout)*time.Millisecond, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.members[m.id] == m && m.session == timer && m.parkedJoin == nil {
			c.remove(m.id)
			c.rebalance()
		}
	})
	m.session = timer
}

func (c *coordinator) remove(id string) {
	m := c.members[id]
	if m.session != nil {
		m.session.Stop()
	}
	delete(c.members, id)
	if m.instance != "" {
		delete(c.static, m.instance)
	}
	if m.parkedJoin != nil {
		m.parkedJoin <- <-joinRefused(25, "")
	}
}

// move makes another broker the coordinator. It has read the group from the log:
// what was being made of it is lost.
func (c *coordinator) move() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node = (c.node + 1) % 3
	for _, m := range c.members {
		m.parkedJoin, m.parkedSync = nil, nil // nobody answers any more
		c.renew(m)
	}
	clear(c.pending)
	if c.state == "completing" || c.state == "preparing" {
		c.state = "stable"
		if c.deadline != nil {
			c.deadline.Stop()
		}
		c.rebalance()
	}
}

func (c *coordinator) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s generation %d leader %s", c.state, c.generation, c.leader)
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		fmt.Fprintf(&b, ", %s (joins: %t)", id, c.members[id].parkedJoin != nil)
	}
	return b.String()
}

// standing is what a test asks of a coordinator.
type standing struct {
	state, leader                  string
	generation                     int32
	completed, members, partitions int
}

func (c *coordinator) at() standing {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := standing{c.state, c.leader, c.generation, c.completed, len(c.members), 0}
	for _, n := range c.counts {
		s.partitions += n
	}
	return s
}

// grow gives a topic at least so many partitions.
func (c *coordinator) grow(topic string, partitions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[topic] = max(c.counts[topic], partitions)
}

// fail sets the chance, in per cent, that an exchange fails.
func (c *coordinator) fail(chance int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = chance
}

// refusing makes it answer with a code where one is returned that is not 0.
func (c *coordinator) refusing(refuse func(wire.Request) int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = refuse
}
