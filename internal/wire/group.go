package wire

import "cmp"

// The requests of a group's members, and about groups. One version of each is spoken, of
// the members' the first that knows static members (KIP-345), which brokers offer from 2.4
// to 4.3 at least.

// FindCoordinatorRequest asks any broker for the broker that coordinates a group.
type FindCoordinatorRequest struct{ Group string }

// API implements Request.
func (*FindCoordinatorRequest) API() API { return API{KeyFindCoordinator, 1, 2, never} }

// Append implements Request.
func (r *FindCoordinatorRequest) Append(dst []byte, _ int16) []byte {
	dst = appendString(dst, r.Group)
	return append(dst, 0) // the key is a group's
}

// FindCoordinatorResponse names the coordinator, unless ErrorCode is not 0.
type FindCoordinatorResponse struct {
	ErrorCode int16
	NodeID    int32
}

// Decode implements Response.
func (r *FindCoordinatorResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	*r = FindCoordinatorResponse{ErrorCode: c.int16()}
	c.bytes16(false) // message
	r.NodeID = c.int32()
	c.bytes16(false)                                  // host
	c.int32()                                         // port
	c.bad = c.bad || r.ErrorCode == 0 && r.NodeID < 0 // nobody, and no reason why
	return c.err("find coordinator response", body)
}

// JoinGroupRequest makes a process a member of a group's next generation. It is
// answered once every member has joined, or the rebalance timeout has passed; the first
// one of a dynamic member at once, with the member's id (KIP-394).
type JoinGroupRequest struct {
	Group            string
	SessionTimeout   int32  // milliseconds
	RebalanceTimeout int32  // milliseconds
	MemberID         string // "" until the coordinator gave one
	InstanceID       string // of a static member; "" for none
	Protocol         string
	Metadata         []byte // see Subscription
}

// API implements Request.
func (*JoinGroupRequest) API() API { return API{KeyJoinGroup, 5, 5, never} }

// Append implements Request.
func (r *JoinGroupRequest) Append(dst []byte, _ int16) []byte {
	dst = appendString(dst, r.Group)
	dst = appendInt32(dst, r.SessionTimeout)
	dst = appendInt32(dst, r.RebalanceTimeout)
	dst = appendString(dst, r.MemberID)
	dst = appendStringOrNull(dst, r.InstanceID)
	dst = appendString(dst, "consumer")
	dst = appendArrayLen(dst, 1, false)
	dst = appendString(dst, r.Protocol)
	return appendBytes(dst, r.Metadata)
}

// JoinGroupResponse is a member's place in a generation. Members is empty unless
// LeaderID is MemberID.
type JoinGroupResponse struct {
	ErrorCode  int16
	Generation int32
	LeaderID   string
	MemberID   string
	Members    []JoinedMember
}

// JoinedMember is a member, as its group's leader learns of it.
type JoinedMember struct {
	MemberID   string
	InstanceID string // "" unless it is static
	Metadata   []byte // see Subscription
}

// Decode implements Response. The result keeps none of body.
func (r *JoinGroupResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	*r = JoinGroupResponse{ErrorCode: c.int16(), Generation: c.int32()}
	c.bytes16(false) // protocol
	r.LeaderID, r.MemberID = c.string(false), c.string(false)
	for n := c.arrayLen(false); n > 0 && !c.bad; n-- {
		m := JoinedMember{MemberID: c.string(false), InstanceID: c.string(false)}
		m.Metadata = append(m.Metadata, c.bytes32(false)...)
		r.Members = append(r.Members, m)
	}
	return c.err("join group response", body)
}

// SyncGroupRequest asks for the member's assignment in a generation. The leader
// brings everybody's; it is answered once the leader has done so.
type SyncGroupRequest struct {
	Group       string
	Generation  int32
	MemberID    string
	InstanceID  string
	Assignments map[string][]byte // by member id, of the leader only; see Assignment
}

// API implements Request.
func (*SyncGroupRequest) API() API { return API{KeySyncGroup, 3, 3, never} }

// Append implements Request.
func (r *SyncGroupRequest) Append(dst []byte, _ int16) []byte {
	dst = appendString(dst, r.Group)
	dst = appendInt32(dst, r.Generation)
	dst = appendString(dst, r.MemberID)
	dst = appendStringOrNull(dst, r.InstanceID)
	dst = appendArrayLen(dst, len(r.Assignments), false)
	for id, a := range r.Assignments {
		dst = appendBytes(appendString(dst, id), a)
	}
	return dst
}

// SyncGroupResponse is a member's assignment.
type SyncGroupResponse struct {
	ErrorCode  int16
	Assignment []byte // see Assignment; empty where the leader left the member out
}

// Decode implements Response. The result keeps none of body.
func (r *SyncGroupResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	*r = SyncGroupResponse{ErrorCode: c.int16()}
	r.Assignment = append(r.Assignment, c.bytes32(false)...)
	return c.err("sync group response", body)
}

// HeartbeatRequest keeps a member in its generation.
type HeartbeatRequest struct {
	Group      string
	Generation int32
	MemberID   string
	InstanceID string
}

// API implements Request.
func (*HeartbeatRequest) API() API { return API{KeyHeartbeat, 3, 3, never} }

// Append implements Request.
func (r *HeartbeatRequest) Append(dst []byte, _ int16) []byte {
	dst = appendString(dst, r.Group)
	dst = appendInt32(dst, r.Generation)
	dst = appendString(dst, r.MemberID)
	return appendStringOrNull(dst, r.InstanceID)
}

// HeartbeatResponse is the answer to a heartbeat.
type HeartbeatResponse struct{ ErrorCode int16 }

// Decode implements Response.
func (r *HeartbeatResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	*r = HeartbeatResponse{ErrorCode: c.int16()}
	return c.err("heartbeat response", body)
}

// LeaveGroupRequest takes one member out of a group, at once. A static member is
// named by its instance id, with or without its member id.
type LeaveGroupRequest struct {
	Group      string
	MemberID   string
	InstanceID string
}

// API implements Request.
func (*LeaveGroupRequest) API() API { return API{KeyLeaveGroup, 3, 3, never} }

// Append implements Request.
func (r *LeaveGroupRequest) Append(dst []byte, _ int16) []byte {
	dst = appendString(dst, r.Group)
	dst = appendArrayLen(dst, 1, false)
	dst = appendString(dst, r.MemberID)
	return appendStringOrNull(dst, r.InstanceID)
}

// LeaveGroupResponse is the answer to a leave: the code of the request as a whole, or
// where it has none, that of the member.
type LeaveGroupResponse struct{ ErrorCode int16 }

// Decode implements Response.
func (r *LeaveGroupResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	*r = LeaveGroupResponse{ErrorCode: c.int16()}
	for n := c.arrayLen(false); n > 0 && !c.bad; n-- {
		c.bytes16(false)
		c.bytes16(false)
		r.ErrorCode = cmp.Or(r.ErrorCode, c.int16())
	}
	return c.err("leave group response", body)
}

// ListGroupsRequest asks a broker for the groups that it coordinates, with their
// types, which brokers report from version 5 (Kafka 3.8) on.
type ListGroupsRequest struct {
	Types []string // such as "consumer"; none: all
}

// API implements Request.
func (*ListGroupsRequest) API() API { return API{KeyListGroups, 5, 5, 0} }

// Append implements Request.
func (r *ListGroupsRequest) Append(dst []byte, _ int16) []byte {
	dst = appendArrayLen(dst, 0, true) // of any state
	dst = appendArrayLen(dst, len(r.Types), true)
	for _, t := range r.Types {
		dst = appendStringAs(dst, t, true)
	}
	return appendTags(dst, true)
}

// ListGroupsResponse is the groups that a broker coordinates.
type ListGroupsResponse struct {
	Types map[string]string // by group: "Classic", "Consumer" (KIP-848), "Share" or "Streams"
}

// Decode implements Response.
func (r *ListGroupsResponse) Decode(body []byte, _ int16) error {
	c := cursor{b: body}
	c.int32() // throttle
	c.int16() // error: there are no groups then
	*r = ListGroupsResponse{Types: map[string]string{}}
	for n := c.arrayLen(true); n > 0 && !c.bad; n-- {
		id := c.string(true)
		c.bytes16(true) // protocol type
		c.bytes16(true) // state
		r.Types[id] = c.string(true)
		c.skipTags(true)
	}
	c.skipTags(true)
	return c.err("list groups response", body)
}

// appendStringOrNull writes "" as null.
func appendStringOrNull(dst []byte, s string) []byte {
	if s == "" {
		return appendInt16(dst, -1)
	}
	return appendString(dst, s)
}

// appendBytes writes nil as null.
func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return appendInt32(dst, -1)
	}
	return append(appendInt32(dst, int32(len(b))), b...)
}
