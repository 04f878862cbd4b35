package wire

import (
	"slices"
	"time"
)

// FetchRequest reads partitions of one broker, outside of any fetch session (KIP-227).
type FetchRequest struct {
	MaxWait       time.Duration // how long the broker may wait for something to answer with
	MaxBytes      int32         // soft: at least one whole batch is returned
	ReadCommitted bool
	// Rack is where the client is: a leader with a replica there answers with that
	// replica instead of records (KIP-392). Empty, and before version 11: the leader
	// answers itself.
	Rack       string
	Partitions []FetchPartition // those of a topic one after the other
}

// FetchPartition is where to read on. Up to version 12 the topic's name counts, from
// version 13 on its id.
type FetchPartition struct {
	Topic            string
	TopicID          UUID // zero if it is unknown
	Partition        int32
	LeaderEpoch      int32 // the leader's epoch as known from metadata (KIP-320), -1 if unknown; from version 9 on
	Offset           int64 // the next offset to read
	LastFetchedEpoch int32 // the epoch of the record before Offset (KIP-595), -1 if unknown; from version 12 on
	MaxBytes         int32 // soft, like that of the request
}

// The versions from which on a fetch knows of something.
const (
	fetchLowest   = 5  // log start offsets
	fetchSession  = 7  // sessions, and an error of the whole request
	fetchEpoch    = 9  // the leader's epoch
	fetchReplica  = 11 // racks
	fetchDiverged = 12 // logs that have parted; compact lengths
	fetchID       = 13 // topics by id alone
)

// API implements Request. A request with a topic whose id is unknown must not use
// version 13: see ByID. Kafka 2.4 offers version 11; less is offered by what is no
// Kafka, such as Azure Event Hubs.
func (r *FetchRequest) API() API {
	api := API{KeyFetch, fetchLowest, fetchID - 1, fetchDiverged}
	if r.ByID() {
		api.Highest = fetchID
	}
	return api
}

// ByID reports whether every topic's id is known, which version 13 needs.
func (r *FetchRequest) ByID() bool {
	return !slices.ContainsFunc(r.Partitions, func(p FetchPartition) bool { return p.TopicID == UUID{} })
}

// Append implements Request.
func (r *FetchRequest) Append(dst []byte, version int16) []byte {
	flexible := r.API().Flexible(version)
	dst = appendInt32(dst, -1) // not a replica
	dst = appendInt32(dst, int32(r.MaxWait.Milliseconds()))
	dst = appendInt32(dst, 1) // at least one byte, or the wait
	dst = appendInt32(dst, r.MaxBytes)
	dst = appendBool(dst, r.ReadCommitted)
	if version >= fetchSession {
		dst = appendInt32(dst, 0)  // no session
		dst = appendInt32(dst, -1) // and none wanted
	}
	topics := runs(r.Partitions, func(p FetchPartition) string { return p.Topic })
	dst = appendArrayLen(dst, len(topics), flexible)
	for _, partitions := range topics {
		dst = appendFetchTopic(dst, partitions, version, flexible)
	}
	if version >= fetchSession {
		dst = appendArrayLen(dst, 0, flexible) // nothing to forget
	}
	if version >= fetchReplica {
		dst = appendStringAs(dst, r.Rack, flexible)
	}
	return appendTags(dst, flexible)
}

// appendFetchTopic adds the partitions of one topic.
func appendFetchTopic(dst []byte, partitions []FetchPartition, version int16, flexible bool) []byte {
	if version >= fetchID {
		dst = append(dst, partitions[0].TopicID[:]...)
	} else {
		dst = appendStringAs(dst, partitions[0].Topic, flexible)
	}
	dst = appendArrayLen(dst, len(partitions), flexible)
	for _, p := range partitions {
		dst = appendInt32(dst, p.Partition)
		if version >= fetchEpoch {
			dst = appendInt32(dst, p.LeaderEpoch)
		}
		dst = appendInt64(dst, p.Offset)
		if version >= fetchDiverged {
			dst = appendInt32(dst, p.LastFetchedEpoch)
		}
		dst = appendInt64(dst, -1) // log start offset: for replicas
		dst = appendInt32(dst, p.MaxBytes)
		dst = appendTags(dst, flexible)
	}
	return appendTags(dst, flexible)
}

// FetchResponse is the answer to a FetchRequest, with the partitions of all
// topics in one list.
type FetchResponse struct {
	Version    int16 // of the call
	ErrorCode  int16 // of the whole request; from version 7 on
	Throttle   time.Duration
	Partitions []FetchedPartition
}

// FetchedPartition is the answer for one partition. Offsets are -1 where the broker
// does not know them, which goes with an error code.
type FetchedPartition struct {
	Topic              string // up to version 12; see Name
	TopicID            UUID   // from version 13 on
	Partition          int32
	ErrorCode          int16
	HighWatermark      int64 // one past the last record that is replicated
	LastStableOffset   int64 // one past the last record that is decided
	LogStartOffset     int64 // the oldest record that is kept
	DivergingEndOffset int64 // from version 12 on: where the log was truncated, below the fetch offset; else -1
	Aborted            []AbortedTransaction
	PreferredReplica   int32  // the broker that the leader wants to be asked instead; else -1
	Records            []byte // whole batches and perhaps a part of one; aliases the body
	Cut                bool   // there are more records than DecodeHead had bytes for
}

// Diverged reports whether the log was truncated below the fetch offset.
func (p *FetchedPartition) Diverged() bool { return p.DivergingEndOffset >= 0 }

// AbortedTransaction is a transaction whose records must not be delivered: they
// begin at FirstOffset and end with the producer's next abort marker.
type AbortedTransaction struct {
	ProducerID  int64
	FirstOffset int64
}

// Decode implements Response. The partitions' Records alias the body. After an error
// r is empty.
func (r *FetchResponse) Decode(body []byte, version int16) error {
	c := cursor{b: body}
	r.decode(&c, version)
	if c.bad {
		*r = FetchResponse{}
	}
	return c.err("fetch response", body)
}

func (r *FetchResponse) decode(c *cursor, version int16) {
	flexible := version >= fetchDiverged
	*r = FetchResponse{Version: version, Throttle: time.Duration(c.int32()) * time.Millisecond}
	if version >= fetchSession {
		r.ErrorCode = c.int16()
		c.int32() // session
	}
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		r.decodeTopic(c, version, flexible)
	}
	c.skipTags(flexible)
}

// Name gives topics that are known by their id alone the name that the request has for
// them.
func (r *FetchResponse) Name(request *FetchRequest) {
	if r.Version < fetchID {
		return
	}
	names := map[UUID]string{}
	for i := range request.Partitions {
		names[request.Partitions[i].TopicID] = request.Partitions[i].Topic
	}
	for i := range r.Partitions {
		r.Partitions[i].Topic = names[r.Partitions[i].TopicID]
	}
}

// DecodeHead reads an answer of which only the first bytes are at hand: as many
// partitions as they hold, the last one with as many records. After an error r is
// empty: not even the first partition's records begin in them.
func (r *FetchResponse) DecodeHead(head []byte, version int16) error {
	c := cursor{b: head, cut: true}
	r.decode(&c, version)
	if n := len(r.Partitions); n > 0 && c.bad && !r.Partitions[n-1].Cut {
		r.Partitions = r.Partitions[:n-1] // which is not whole
	}
	if len(r.Partitions) == 0 {
		return c.err("head of fetch response", head)
	}
	return nil
}

func (r *FetchResponse) decodeTopic(c *cursor, version int16, flexible bool) {
	var topic FetchedPartition
	if version >= fetchID {
		topic.TopicID = c.uuid()
	} else {
		topic.Topic = c.string(flexible)
	}
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		r.Partitions = append(r.Partitions, topic)
		r.Partitions[len(r.Partitions)-1].decode(c, version, flexible)
	}
	c.skipTags(flexible)
}

func (p *FetchedPartition) decode(c *cursor, version int16, flexible bool) {
	p.Partition = c.int32()
	p.ErrorCode = c.int16()
	p.HighWatermark = c.int64()
	p.LastStableOffset = c.int64()
	p.LogStartOffset = c.int64()
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		p.Aborted = append(p.Aborted, AbortedTransaction{ProducerID: c.int64(), FirstOffset: c.int64()})
		c.skipTags(flexible)
	}
	if p.PreferredReplica = -1; version >= fetchReplica {
		p.PreferredReplica = c.int32()
	}
	n := c.arrayLen(flexible)
	if p.Cut = c.cut && n > len(c.b); p.Cut {
		n = len(c.b)
	}
	p.Records = c.take(n)
	p.DivergingEndOffset = -1
	for n := c.tagCount(flexible); n > 0 && !c.bad; n-- {
		if tag, value := c.tag(); tag == 0 {
			value.int32() // the epoch that ends there
			p.DivergingEndOffset = value.int64()
			c.bad = value.bad
		}
	}
}
