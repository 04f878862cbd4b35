package wire

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
