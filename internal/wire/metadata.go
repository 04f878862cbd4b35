package wire

// MetadataRequest asks for the brokers and for the partitions of topics. It
// never creates a topic.
type MetadataRequest struct {
	Topics []string // nil: all topics; empty: none
	// Operations asks for what this user may do with each topic.
	Operations bool
}

// The versions from which on metadata knows of something.
const (
	metadataLowest     = 5  // replicas that are offline
	metadataEpoch      = 7  // the leader's epoch
	metadataOperations = 8  // what this user may do
	metadataFlexible   = 9  // compact lengths
	metadataID         = 10 // topic ids
)

// API implements Request. Kafka 2.4 offers version 9; less than 8 is offered by what
// is no Kafka.
func (*MetadataRequest) API() API {
	return API{KeyMetadata, metadataLowest, 12, metadataFlexible}
}

// Append implements Request.
func (r *MetadataRequest) Append(dst []byte, version int16) []byte {
	flexible := r.API().Flexible(version)
	n := len(r.Topics)
	if r.Topics == nil {
		n = -1
	}
	dst = appendArrayLen(dst, n, flexible)
	for _, name := range r.Topics {
		if version >= metadataID {
			dst = append(dst, make([]byte, len(UUID{}))...) // by name
		}
		dst = appendStringAs(dst, name, flexible)
		dst = appendTags(dst, flexible)
	}
	dst = appendBool(dst, false) // no automatic creation
	if operationsOnCluster(version) {
		dst = appendBool(dst, false)
	}
	if version >= metadataOperations {
		dst = appendBool(dst, r.Operations)
	}
	return appendTags(dst, flexible)
}

// operationsOnCluster says whether what this user may do on the cluster is asked for
// and told.
func operationsOnCluster(version int16) bool { return version >= metadataOperations && version <= 10 }

// MetadataResponse is the cluster as one broker sees it.
type MetadataResponse struct {
	ClusterID string
	Brokers   []Broker
	Topics    []TopicMetadata
}

// Broker is a broker and the rack that it says it is in.
type Broker struct {
	ID   int32
	Rack string
}

// TopicMetadata is one topic. ErrorCode 3 means that it does not exist, 29 that
// it may not be described; ID is zero where the broker knows no ids.
type TopicMetadata struct {
	ErrorCode  int16
	Name       string
	ID         UUID
	Internal   bool
	Partitions []PartitionMetadata
	Operations Operations // UnknownOperations unless they were asked for
}

// Operations is a set of what a user may do with a topic or group, one bit for
// each operation by its number in the protocol (KIP-430).
type Operations int32

// UnknownOperations is the answer of a broker that was not asked, or does not
// say.
const UnknownOperations Operations = -1 << 31

// Operations that a set may hold.
const (
	OperationRead  = 3
	OperationWrite = 4
)

// Has reports whether the operation is in the set.
func (o Operations) Has(operation int) bool { return o != UnknownOperations && o>>operation&1 == 1 }

// PartitionMetadata is one partition. Leader is -1 when there is none.
type PartitionMetadata struct {
	Partition   int32
	Leader      int32
	LeaderEpoch int32
}

// Decode implements Response. After an error r is empty.
func (r *MetadataResponse) Decode(body []byte, version int16) error {
	c := cursor{b: body}
	flexible := version >= metadataFlexible
	*r = MetadataResponse{}
	c.int32() // throttle
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		b := Broker{ID: c.int32()}
		c.bytes16(flexible) // host
		c.int32()           // port
		b.Rack = c.string(flexible)
		c.skipTags(flexible)
		r.Brokers = append(r.Brokers, b)
	}
	r.ClusterID = c.string(flexible)
	c.int32() // controller
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		r.Topics = append(r.Topics, decodeTopicMetadata(&c, version, flexible))
	}
	if operationsOnCluster(version) {
		c.int32()
	}
	c.skipTags(flexible)
	if c.bad {
		*r = MetadataResponse{}
	}
	return c.err("metadata response", body)
}

func decodeTopicMetadata(c *cursor, version int16, flexible bool) (t TopicMetadata) {
	t.ErrorCode = c.int16()
	t.Name = c.string(flexible)
	if version >= metadataID {
		t.ID = c.uuid()
	}
	t.Internal = c.int8() != 0
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		t.Partitions = append(t.Partitions, decodePartitionMetadata(c, version, flexible))
	}
	if t.Operations = UnknownOperations; version >= metadataOperations {
		t.Operations = Operations(c.int32())
	}
	c.skipTags(flexible)
	return t
}

func decodePartitionMetadata(c *cursor, version int16, flexible bool) (p PartitionMetadata) {
	c.int16() // error: without a leader Leader says so
	p.Partition = c.int32()
	p.Leader = c.int32()
	if p.LeaderEpoch = -1; version >= metadataEpoch {
		p.LeaderEpoch = c.int32()
	}
	c.skipInt32s(flexible) // replicas
	c.skipInt32s(flexible) // in sync
	c.skipInt32s(flexible) // offline
	c.skipTags(flexible)
	return p
}
