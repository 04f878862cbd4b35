package wire

// Timestamps with a meaning of their own in a ListOffsetsRequest.
const (
	LatestOffset   int64 = -1 // high watermark, or the last stable offset if ReadCommitted
	EarliestOffset int64 = -2 // log start offset
)

// ListOffsetsRequest asks one leader for offsets of its partitions.
type ListOffsetsRequest struct {
	ReadCommitted bool
	Partitions    []ListOffsetsPartition // those of a topic one after the other
}

// ListOffsetsPartition asks for the first offset whose timestamp is at least
// Timestamp (milliseconds), or for LatestOffset or EarliestOffset.
type ListOffsetsPartition struct {
	Topic     string
	Partition int32
	Timestamp int64
}

// listOffsetsEpoch is the version from which on the leader's epoch is told.
const listOffsetsEpoch = 4

// API implements Request. Kafka 2.4 offers version 5; less is offered by what is no
// Kafka.
func (*ListOffsetsRequest) API() API { return API{KeyListOffsets, 2, 6, 6} }

// Append implements Request.
func (r *ListOffsetsRequest) Append(dst []byte, version int16) []byte {
	flexible := r.API().Flexible(version)
	dst = appendInt32(dst, -1) // not a replica
	dst = appendBool(dst, r.ReadCommitted)
	topics := runs(r.Partitions, func(p ListOffsetsPartition) string { return p.Topic })
	dst = appendArrayLen(dst, len(topics), flexible)
	for _, partitions := range topics {
		dst = appendStringAs(dst, partitions[0].Topic, flexible)
		dst = appendArrayLen(dst, len(partitions), flexible)
		for _, p := range partitions {
			dst = appendInt32(dst, p.Partition)
			if version >= listOffsetsEpoch {
				dst = appendInt32(dst, -1) // any
			}
			dst = appendInt64(dst, p.Timestamp)
			dst = appendTags(dst, flexible)
		}
		dst = appendTags(dst, flexible)
	}
	return appendTags(dst, flexible)
}

// ListOffsetsResponse is the answer, with the partitions of all topics in one
// list.
type ListOffsetsResponse struct {
	Partitions []ListedOffset
}

// ListedOffset is the answer for one partition. Offset is -1 when no record is as young
// as the timestamp asked for.
type ListedOffset struct {
	Topic     string
	Partition int32
	ErrorCode int16
	Offset    int64
}

// Decode implements Response. After an error r is empty.
func (r *ListOffsetsResponse) Decode(body []byte, version int16) error {
	c := cursor{b: body}
	flexible := version >= 6
	*r = ListOffsetsResponse{}
	c.int32() // throttle
	for n := c.arrayLen(flexible); n > 0 && !c.bad; n-- {
		topic := c.string(flexible)
		for m := c.arrayLen(flexible); m > 0 && !c.bad; m-- {
			o := ListedOffset{Topic: topic, Partition: c.int32(), ErrorCode: c.int16()}
			c.int64() // timestamp
			o.Offset = c.int64()
			if version >= listOffsetsEpoch {
				c.int32()
			}
			r.Partitions = append(r.Partitions, o)
			c.skipTags(flexible)
		}
		c.skipTags(flexible)
	}
	c.skipTags(flexible)
	if c.bad {
		*r = ListOffsetsResponse{}
	}
	return c.err("list offsets response", body)
}
